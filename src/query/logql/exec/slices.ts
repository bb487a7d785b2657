import { firstAtLeast } from '../../../lake/direct/first-at-least.js';
import type { FileSpan } from '../../../lake/session.js';
import { definitionOf } from '../stages/index.js';
import type { LogExpr } from '../syntax/ast.js';

/** From (included) and to (not included), nanoseconds since the epoch. */
export interface Slice {
  readonly from: bigint;
  readonly to: bigint;
}

/** A range, and from which of its ends entries are taken. */
export interface Order extends Slice {
  readonly forward: boolean;
}

/** A filter may leave few records. */
export function mayBeRare({ stages, matchers }: LogExpr): boolean {
  const ofOneTrace = matchers.some(({ name }) => name === 'trace_id' || name === 'span_id');
  return ofOneTrace || stages.some((stage) => definitionOf(stage).work === 'filters');
}

const firstSlice = 600_000_000_000n;

/**
 * The range in parts, from the end that the query begins at, each eight times as long as the one before: as a rule the first
 * has enough records, and the files of the others are not opened.
 */
export function timeSlices({ from, to, forward }: Order): Slice[] {
  const out: Slice[] = [];
  let [low, high] = [from, to];
  for (let length = firstSlice; high - low > 2n * length; length *= 8n) {
    if (forward) {
      out.push({ from: low, to: low + length });
      low += length;
    } else {
      out.push({ from: high - length, to: high });
      high -= length;
    }
  }
  return [...out, { from: low, to: high }];
}

/** Row groups of the first part. */
const firstGroups = 12;
/** A part has at most so many times the row groups of all before. */
const growth = 4;

/**
 * The range in parts for a search that may find few: cut where files begin or end, so that no row group is read for two of them, and as large as it
 * takes to find what is still wanted if the rest is like what was read.
 */
export class FileSlices {
  readonly #files: readonly FileSpan[];
  readonly #across: (time: bigint) => number;
  readonly #forward: boolean;
  #low: bigint;
  #high: bigint;
  /** Row groups. */
  #read = 0;
  #foundBefore = 0;

  constructor(
    { from, to, forward }: Order,
    files: readonly FileSpan[],
    private readonly limit: number,
  ) {
    [this.#low, this.#high, this.#forward] = [from, to, forward];
    const distance = (a: FileSpan, b: FileSpan) => (forward ? a.last - b.last : b.first - a.first);
    this.#files = files.toSorted((a, b) => Number(distance(a, b)));
    this.#across = across(files);
  }

  /** `found`: entries so far. Null: there is no more. */
  next(found: number): Slice | null {
    const [from, to] = [this.#low, this.#high];
    if (from >= to) return null;
    const files = this.#files.filter(({ first, last }) => last >= from && first < to);
    const wanted = this.#wanted(found);
    const all = groupsOf(files);
    let groups = 0;
    for (const file of files) {
      groups += file.groups;
      if (groups < wanted) continue;
      const edge = this.#forward ? file.last + 1n : file.first;
      if (this.#forward ? edge >= to : edge <= from) break;
      // A small rest is not worth a statement, nor are files that both parts would read.
      if ((all - groups) * 2 < groups) break;
      if (this.#across(edge) * growth > groups) continue;
      this.#read += groups;
      if (this.#forward) this.#low = edge;
      else this.#high = edge;
      return this.#forward ? { from, to: edge } : { from: edge, to };
    }
    this.#low = this.#high;
    return { from, to };
  }

  #wanted(found: number): number {
    const most = this.#read * growth;
    // What lies further on is then less like what was read than it seems.
    if (found === this.#foundBefore) return Math.max(firstGroups, most);
    this.#foundBefore = found;
    const missing = ((this.limit - found) * this.#read) / found;
    return Math.max(firstGroups, Math.min(most, Math.ceil(missing * 1.2)));
  }
}

/** Row groups of the files that begin before a time and end at it or later. */
function across(files: readonly FileSpan[]): (time: bigint) => number {
  const [begun, over] = [groupsBefore(files, 'first'), groupsBefore(files, 'last')];
  return (time) => begun(time) - over(time);
}

/** Row groups of the files whose first or last row is before a time. */
function groupsBefore(files: readonly FileSpan[], end: 'first' | 'last'): (time: bigint) => number {
  const sorted = files.toSorted((a, b) => Number(a[end] - b[end]));
  const times = BigInt64Array.from(sorted, (file) => file[end]);
  const sums = new Float64Array(sorted.length + 1);
  for (const [i, { groups }] of sorted.entries()) sums[i + 1] = (sums[i] ?? 0) + groups;
  return (time) => sums[firstAtLeast(times, time)] ?? 0;
}

/** Of the files that have rows of a slice. */
export function groupsIn({ from, to }: Slice, files: readonly FileSpan[]): number {
  return groupsOf(files.filter(({ first, last }) => last >= from && first < to));
}

function groupsOf(files: readonly FileSpan[]): number {
  return files.reduce((sum, { groups }) => sum + groups, 0);
}
