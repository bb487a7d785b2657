/** What the catalog tells of a data file that has every column of its table, and of each row its time. */
export interface CatalogFile {
  /** `rowid` of its first row. */
  readonly firstRow: bigint;
  /** How many it has. */
  readonly rows: bigint;
  /** Nanoseconds since the epoch, of the first and the last record. */
  readonly first: bigint;
  readonly last: bigint;
  /** When the last of its spans ended; null when that is not known. */
  readonly latestEnd: bigint | null;
}

/** The files of a table at one snapshot. */
export interface LiveFiles {
  /** By path, bytes. */
  readonly sizes: ReadonlyMap<string, number>;
  /** The same: how many rows each was written with, where the catalog was asked. */
  readonly rows: ReadonlyMap<string, number>;
  /** Those that have a file of deletions beside them, which is not looked into. */
  readonly touched: ReadonlySet<string>;
  /** Rows that are in the catalog. */
  readonly inlined: number;
  /** The catalog's tables that they are in. */
  readonly inlinedTables: readonly string[];
  /** What to select these from, `rowid` beside the table's columns, without DuckLake; null when only DuckLake can read them. */
  readonly inlinedSources: readonly string[] | null;
  /** By path, files that may be read without DuckLake, as no row of them is deleted. */
  readonly told: ReadonlyMap<string, CatalogFile>;
  /** What was kept before this snapshot may still have rows that were deleted since. */
  readonly validFrom: bigint;
}
