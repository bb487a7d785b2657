import type { MetadataKind } from '../metadata/layout.js';
import { listRuns } from '../samples/list-runs.js';
import { sortedRuns } from '../samples/sorted-runs.js';
import type { SamplePart, SharedUnit } from '../samples/unit.js';
import { numbersOf } from './columns.js';
import type { Segment } from './metric.js';

const longest = 2 ** 32 - 1;

/** The rows that are samples of a part, or end its series; each label set of theirs is a number from zero on. */
interface Selected {
  readonly segments: readonly Segment[];
  /** Of each its segment and its row there. */
  readonly places: Uint32Array;
  readonly rows: Uint32Array;
  readonly runs: Int32Array;
  readonly sets: readonly number[];
  /** Milliseconds since the epoch. */
  readonly first: number;
  readonly last: number;
}

/** Samples of a part of a metric's recent rows, series by series; null where they can't be had so. */
export async function makeUnit(
  kind: MetadataKind,
  part: SamplePart,
  segments: readonly Segment[],
  widthOf: (set: number) => number | null,
): Promise<SharedUnit | null> {
  const { single, list } = numbersOf(kind);
  const column = single.findIndex(([name]) => name === part);
  const isListed = list?.part === part;
  if (column < 0 && !isListed) return null;
  // A row without a value is no sample, but one without a count ends its series.
  const takesAll = isListed || part === 'count';
  const selected = select(segments, takesAll ? null : column);
  const { first, last, sets } = selected;
  if (selected.runs.length > 0 && (first < 0 || last - first > longest)) return null;
  const base = selected.runs.length > 0 ? first : 0;
  const order = inOrder(selected);
  const total = list?.as === 'cumulative' ? single.findIndex(([name]) => name === 'count') : -1;
  const chunk = chunkOf(selected, order, base, isListed ? total : column);
  if (!isListed) return sortedRuns([chunk], sets, base);
  const widths = sets.flatMap((set) => widthOf(set) ?? []);
  if (widths.length < sets.length) return null;
  const values: number[] = [];
  const lists = Array.from(order, (i) => {
    const { rows } = selected.segments[selected.places[i] ?? 0] as Segment;
    const row = selected.rows[i] ?? 0;
    const from = values.length;
    for (let k = rows.lists[row] ?? 0; k < (rows.lists[row + 1] ?? 0); k++)
      values.push(rows.values[k] ?? NaN);
    return { from, length: values.length - from };
  });
  const { runs, ...numbers } = chunk;
  const whole = { ...numbers, sets: runs, totals: chunk.values, lists, values };
  return listRuns([whole], { numbers: sets, widths }, list.as, base);
}

/** `column`: rows without this number are left out, unless they end a series. */
function select(segments: readonly Segment[], column: number | null): Selected {
  const most = segments.reduce((sum, { length }) => sum + length, 0);
  const [places, rows, runs] = [new Uint32Array(most), new Uint32Array(most), new Int32Array(most)];
  const numbers = new Map<number, number>();
  let [count, first, last] = [0, Infinity, -Infinity];
  for (const [place, { rows: own, length }] of segments.entries()) {
    const { sets, times, ended, present } = own;
    for (let row = 0; row < length; row++) {
      if (column !== null && ended[row] === 0 && ((present[row] ?? 0) & (1 << column)) === 0) continue;
      const [set, time] = [sets[row] ?? 0, times[row] ?? 0];
      let run = numbers.get(set);
      if (run === undefined) {
        run = numbers.size;
        numbers.set(set, run);
      }
      if (time < first) first = time;
      if (time > last) last = time;
      places[count] = place;
      rows[count] = row;
      runs[count++] = run;
    }
  }
  const [ofPlaces, ofRows, ofRuns] = [places, rows, runs].map((all) => all.subarray(0, count));
  return {
    segments,
    places: ofPlaces as Uint32Array,
    rows: ofRows as Uint32Array,
    runs: ofRuns as Int32Array,
    sets: [...numbers.keys()],
    first: Math.floor(first / 1000),
    last: Math.floor(last / 1000),
  };
}

function timeOf({ segments, places, rows }: Selected, i: number): number {
  return segments[places[i] ?? 0]?.rows.times[rows[i] ?? 0] ?? 0;
}

/** By run, and there by time, of equal times in the order in which they came. */
function inOrder(selected: Selected): Uint32Array {
  const { runs, sets } = selected;
  const ends = new Uint32Array(sets.length + 1);
  for (const run of runs) ends[run + 1] = (ends[run + 1] ?? 0) + 1;
  for (let run = 0; run < sets.length; run++) ends[run + 1] = (ends[run + 1] ?? 0) + (ends[run] ?? 0);
  const order = new Uint32Array(runs.length);
  const free = ends.slice();
  for (let i = 0; i < runs.length; i++) {
    const run = runs[i] ?? 0;
    const at = free[run] ?? 0;
    order[at] = i;
    free[run] = at + 1;
  }
  for (let run = 0; run < sets.length; run++) {
    const own = order.subarray(ends[run], ends[run + 1]);
    let sorted = true;
    for (let i = 1, before = -Infinity; i <= own.length && sorted; i++) {
      const time = timeOf(selected, own[i - 1] ?? 0);
      sorted = time >= before;
      before = time;
    }
    if (!sorted) own.sort((a, b) => timeOf(selected, a) - timeOf(selected, b) || a - b);
  }
  return order;
}

/** `column`: the number of each, -1 for none. */
function chunkOf(selected: Selected, order: Uint32Array, base: number, column: number) {
  const count = order.length;
  const [runs, times, values] = [new Int32Array(count), new Uint32Array(count), new Float64Array(count)];
  const valid = new Uint8Array(Math.ceil(count / 8));
  let all = true;
  for (let at = 0; at < count; at++) {
    const i = order[at] ?? 0;
    const { rows } = selected.segments[selected.places[i] ?? 0] as Segment;
    const row = selected.rows[i] ?? 0;
    runs[at] = selected.runs[i] ?? 0;
    times[at] = Math.floor((rows.times[row] ?? 0) / 1000) - base;
    const has = column < 0 || ((rows.present[row] ?? 0) & (1 << column)) !== 0;
    if (column >= 0) values[at] = rows.numbers[row * rows.width + column] ?? NaN;
    if (has && rows.ended[row] === 0) valid[at >> 3] = (valid[at >> 3] ?? 0) | (1 << (at & 7));
    else all = false;
  }
  return { runs, times, values, valid: all ? null : valid };
}
