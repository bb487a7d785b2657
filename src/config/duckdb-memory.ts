const mebibyte = 1024 ** 2;

/** What instances may take whatever the limit is, bytes. */
export const fixedDuckdbMemory = {
  /** What compaction sorts in memory; more goes to disk. Half as much again takes no less time. */
  sorter: 320 * mebibyte,
  /** Of a sort that can do with no less. */
  sorterMost: 512 * mebibyte,
  /** Statements of small answers where footers of data files are kept: larger ones fail there, and run in the lake's instance. */
  footers: 192 * mebibyte,
};

/** What each DuckDB instance of a process may take, bytes (decision 48). */
export interface DuckdbMemory extends Readonly<typeof fixedDuckdbMemory> {
  /** Queries and commits. */
  readonly lake: number;
  /** Makes the files of commits. */
  readonly writer: number;
}

export function duckdbShares(limitBytes: number): DuckdbMemory {
  return { lake: limitBytes, writer: Math.ceil(limitBytes / 4), ...fixedDuckdbMemory };
}
