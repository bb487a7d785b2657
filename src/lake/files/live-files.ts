/** The files of a table at one snapshot. */
export interface LiveFiles {
  /** By path, bytes. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Those that have a file of deletions beside them, which is not looked into. */
  readonly touched: ReadonlySet<string>;
  /** Rows that are in the catalog. */
  readonly inlined: number;
  /** What was kept before this snapshot may still have rows that were deleted since. */
  readonly validFrom: bigint;
}
