import { setImmediate } from 'node:timers/promises';
import { emptyUnit, unitOf, type SampleUnit, type SharedUnit } from './unit.js';

/** Rows in the order of runs and times: of each its run, its time (milliseconds after the unit's base) and its value. */
export interface RowChunk {
  readonly runs: Int32Array;
  readonly times: Uint32Array;
  readonly values: Float64Array;
  /** DuckDB's validity bits of the values, null for all valid. A row without a value ends its series. */
  readonly valid: Uint8Array | null;
}

const rowsInOneGo = 100_000;

const isEnd = ({ valid }: RowChunk, i: number) =>
  valid !== null && ((valid[i >> 3] ?? 0) & (1 << (i & 7))) === 0;

/** Puts sorted rows into a unit. Of samples at one millisecond the last one counts. */
export async function sortedRuns(
  chunks: readonly RowChunk[],
  sets: readonly number[],
  base: number,
): Promise<SharedUnit> {
  let [samples, ends] = [0, 0];
  for (const chunk of chunks) {
    if (chunk.valid === null) samples += chunk.runs.length;
    else
      for (let i = 0; i < chunk.runs.length; i++)
        if (isEnd(chunk, i)) ends++;
        else samples++;
  }
  const shared = emptyUnit({ runs: sets.length, samples, ends }, base);
  const unit = unitOf(shared);
  unit.sets.set(sets);
  await place(chunks, unit);
  return shared;
}

async function place(chunks: readonly RowChunk[], unit: SampleUnit): Promise<void> {
  const { starts, untils, times, values, endStarts, endTimes } = unit;
  let [at, endAt, run, rows] = [0, 0, -1, 0];
  const begin = (next: number) => {
    while (run < next) {
      if (run >= 0) untils[run] = at;
      run++;
      starts[run] = at;
      endStarts[run] = endAt;
    }
  };
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.runs.length; i++) {
      const [own, time] = [chunk.runs[i] ?? 0, chunk.times[i] ?? 0];
      if (own !== run) begin(own);
      if (isEnd(chunk, i)) {
        endTimes[endAt++] = time;
        continue;
      }
      if (at > (starts[run] ?? 0) && times[at - 1] === time) at--;
      times[at] = time;
      values[at++] = chunk.values[i] ?? NaN;
    }
    rows += chunk.runs.length;
    if (rows < rowsInOneGo) continue;
    rows = 0;
    await setImmediate();
  }
  begin(untils.length);
}
