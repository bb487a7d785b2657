import { setImmediate } from 'node:timers/promises';
import { emptyUnit, unitOf, type SharedUnit } from './unit.js';

/** Rows of a label set each, in the order of sets and times. */
export interface ListChunk {
  readonly sets: Int32Array;
  /** Milliseconds after the unit's base. */
  readonly times: Uint32Array;
  /** The last value of each row; a row without one ends its series. */
  readonly totals: Float64Array;
  /** DuckDB's validity bits of the totals, null for all valid. */
  readonly valid: Uint8Array | null;
  /** Of each row where its list begins in `values`, and how long it is. */
  readonly lists: { readonly from: number; readonly length: number }[];
  readonly values: ArrayLike<number>;
}

/** How a row's list becomes the values of its runs: counts that add up to the total, or the values themselves. */
export type ListKind = 'cumulative' | 'plain';

interface Sets {
  /** Label sets in their order, by number. */
  readonly numbers: readonly number[];
  /** How many runs each has. */
  readonly widths: readonly number[];
}

const rowsInOneGo = 20_000;

const isEnd = ({ valid }: ListChunk, i: number) =>
  valid !== null && ((valid[i >> 3] ?? 0) & (1 << (i & 7))) === 0;

/**
 * Puts sorted rows with lists into a unit: each label set has a run for each value of its lists, one behind the other. Of rows at
 * one millisecond the last one counts.
 */
export async function listRuns(
  chunks: readonly ListChunk[],
  { numbers, widths }: Sets,
  kind: ListKind,
  base: number,
): Promise<SharedUnit> {
  const [rows, ends] = [new Uint32Array(numbers.length), new Uint32Array(numbers.length)];
  let [lastSet, lastTime] = [-1, -1];
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.sets.length; i++) {
      const [set, time] = [chunk.sets[i] ?? 0, chunk.times[i] ?? 0];
      if (isEnd(chunk, i)) {
        ends[set] = (ends[set] ?? 0) + 1;
        continue;
      }
      if (set !== lastSet || time !== lastTime) rows[set] = (rows[set] ?? 0) + 1;
      [lastSet, lastTime] = [set, time];
    }
  }
  const total = (counts: Uint32Array) =>
    widths.reduce((sum, width, set) => sum + width * (counts[set] ?? 0), 0);
  const runs = widths.reduce((sum, width) => sum + width, 0);
  const shared = emptyUnit({ runs, samples: total(rows), ends: total(ends) }, base);
  const unit = unitOf(shared);
  let [run, at, endAt] = [0, 0, 0];
  for (const [set, width] of widths.entries()) {
    for (let i = 0; i < width; i++, run++) {
      unit.sets[run] = numbers[set] ?? 0;
      unit.starts[run] = at;
      unit.endStarts[run] = endAt;
      at += rows[set] ?? 0;
      endAt += ends[set] ?? 0;
      unit.untils[run] = at;
    }
  }
  [unit.starts[run], unit.endStarts[run]] = [at, endAt];
  let [own, first, row, end, done] = [-1, 0, -1, 0, 0];
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.sets.length; i++) {
      const [set, time] = [chunk.sets[i] ?? 0, chunk.times[i] ?? 0];
      while (own < set) {
        first += own < 0 ? 0 : (widths[own] ?? 0);
        own++;
        [row, end] = [-1, 0];
      }
      const width = widths[set] ?? 0;
      if (isEnd(chunk, i)) {
        for (let r = first; r < first + width; r++) unit.endTimes[(unit.endStarts[r] ?? 0) + end] = time;
        end++;
        continue;
      }
      const { from, length } = chunk.lists[i] ?? { from: 0, length: 0 };
      if (row < 0 || unit.times[(unit.starts[first] ?? 0) + row] !== time) row++;
      let sum = 0;
      for (let k = 0; k < width; k++) {
        const place = (unit.starts[first + k] ?? 0) + row;
        unit.times[place] = time;
        const value = k < length ? chunk.values[from + k] : undefined;
        if (kind === 'plain') unit.values[place] = value ?? NaN;
        else {
          sum += value ?? 0;
          unit.values[place] = k === width - 1 ? (chunk.totals[i] ?? 0) : sum;
        }
      }
    }
    done += chunk.sets.length;
    if (done < rowsInOneGo) continue;
    done = 0;
    await setImmediate();
  }
  return shared;
}
