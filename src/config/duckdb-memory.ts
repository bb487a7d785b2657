const mebibyte = 1024 ** 2;

/** What each DuckDB instance of a process may take, bytes (decision 48). */
export interface DuckdbMemory {
  /** Queries and commits. */
  readonly lake: number;
  /** Makes the files of commits. */
  readonly writer: number;
  /** What compaction sorts in memory; more goes to disk. Half as much again takes no less time. */
  readonly sorter: number;
  /** Of a sort that can do with no less. */
  readonly sorterMost: number;
  /** Statements of small answers where footers of data files are kept, beside these. */
  readonly footers: number;
}

/** For statements that read few rows: larger ones fail there, and run in the lake's instance. */
export const footersMemoryBytes = 192 * mebibyte;

export function duckdbShares(limitBytes: number): DuckdbMemory {
  return {
    lake: limitBytes,
    writer: Math.ceil(limitBytes / 4),
    sorter: 320 * mebibyte,
    sorterMost: 512 * mebibyte,
    footers: footersMemoryBytes,
  };
}
