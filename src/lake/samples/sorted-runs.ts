import { setImmediate } from 'node:timers/promises';
import { emptyUnit, unitOf, type SharedUnit } from './unit.js';

/** Rows as they come: of each its run, its time (milliseconds after the unit's base) and its value. */
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

/**
 * Puts rows into the order of their runs and times. Of samples at one millisecond the later row counts; null when rows
 * that came in no order have such, of which only their microseconds tell which is later.
 */
export async function sortedRuns(
  chunks: readonly RowChunk[],
  sets: readonly number[],
  base: number,
): Promise<SharedUnit | null> {
  const [counts, endCounts] = [new Uint32Array(sets.length + 1), new Uint32Array(sets.length + 1)];
  for (const chunk of chunks) {
    const { runs } = chunk;
    for (let i = 0; i < runs.length; i++) {
      const into = isEnd(chunk, i) ? endCounts : counts;
      const run = (runs[i] ?? 0) + 1;
      into[run] = (into[run] ?? 0) + 1;
    }
  }
  for (const sums of [counts, endCounts]) {
    for (let r = 1; r < sums.length; r++) sums[r] = (sums[r] ?? 0) + (sums[r - 1] ?? 0);
  }
  const [samples, ends] = [counts.at(-1) ?? 0, endCounts.at(-1) ?? 0];
  const shared = emptyUnit({ runs: sets.length, samples, ends }, base);
  const unit = unitOf(shared);
  unit.sets.set(sets);
  unit.starts.set(counts);
  unit.untils.set(counts.subarray(1));
  unit.endStarts.set(endCounts);
  await place(chunks, unit, counts.slice(), endCounts.slice());
  return tidy(unit) ? shared : null;
}

type Unit = ReturnType<typeof unitOf>;

async function place(
  chunks: readonly RowChunk[],
  unit: Unit,
  next: Uint32Array,
  nextEnd: Uint32Array,
): Promise<void> {
  let rows = 0;
  for (const chunk of chunks) {
    const { runs, times, values } = chunk;
    for (let i = 0; i < runs.length; i++) {
      const run = runs[i] ?? 0;
      if (isEnd(chunk, i)) {
        const at = nextEnd[run] ?? 0;
        nextEnd[run] = at + 1;
        unit.endTimes[at] = times[i] ?? 0;
        continue;
      }
      const at = next[run] ?? 0;
      next[run] = at + 1;
      unit.times[at] = times[i] ?? 0;
      unit.values[at] = values[i] ?? NaN;
    }
    rows += runs.length;
    if (rows < rowsInOneGo) continue;
    rows = 0;
    await setImmediate();
  }
}

/** Sorts the runs that need it, and leaves one sample of each time. */
function tidy({ starts, untils, times, values, endStarts, endTimes }: Unit): boolean {
  for (let r = 0; r < untils.length; r++) {
    endTimes.subarray(endStarts[r], endStarts[r + 1]).sort();
    const run = times.subarray(starts[r], untils[r]);
    const ascending = isAscending(run);
    if (!ascending) sortRun(run, values.subarray(starts[r], untils[r]));
    const distinct = lastOfEach(run, values.subarray(starts[r], untils[r]));
    if (!ascending && distinct < run.length) return false;
    untils[r] = (starts[r] ?? 0) + distinct;
  }
  return true;
}

function isAscending(times: Uint32Array): boolean {
  for (let i = 1; i < times.length; i++) if ((times[i] ?? 0) < (times[i - 1] ?? 0)) return false;
  return true;
}

function sortRun(times: Uint32Array, values: Float64Array): void {
  const order = Uint32Array.from(times.keys()).sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0));
  const [oldTimes, oldValues] = [times.slice(), values.slice()];
  for (let i = 0; i < order.length; i++) {
    times[i] = oldTimes[order[i] ?? 0] ?? 0;
    values[i] = oldValues[order[i] ?? 0] ?? NaN;
  }
}

/** Keeps the last sample of each time; gives how many are left. */
function lastOfEach(times: Uint32Array, values: Float64Array): number {
  let length = 0;
  for (let i = 0; i < times.length; i++) {
    const at = length > 0 && times[length - 1] === times[i] ? length - 1 : length++;
    if (at === i) continue;
    times[at] = times[i] ?? 0;
    values[at] = values[i] ?? NaN;
  }
  return length;
}
