import type { TestLake } from '../support/lake.js';

/** Seeded choices. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  below(n: number): number;
  pick<T>(list: readonly T[]): T;
}

export function randomOf(next: () => number): Random {
  const below = (n: number) => Math.floor(next() * n);
  return { next, below, pick: <T>(list: readonly T[]): T => list[below(list.length)] as T };
}

/** Unix seconds of the first and last row there may be. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What the differential test needs of a query language. */
export interface Language {
  readonly name: string;
  /** Inserts rows of this part of the history, one commit a table. */
  fill(lake: TestLake, random: Random, part: Span): Promise<void>;
  /** A path with its parameters; answers of equal lakes are equal but for what `comparable` leaves out. */
  question(random: Random, whole: Span): string;
  comparable(path: string, body: string): unknown;
}

/** Windows of all kinds: the whole, within an hour, on the edge of rows, of nothing. */
export function window(random: Random, { from, to }: Span): { start: string; end: string } {
  const start = random.pick([from - 3600, from, from + random.next() * (to - from)]);
  const length = random.pick([1, 60, 600, 3600, random.next() * (to - from), to - from + 7200]);
  const text = (seconds: number) => seconds.toFixed(random.pick([0, 3]));
  return { start: text(start), end: text(start + length) };
}
