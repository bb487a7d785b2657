/** Where the rows of a scan came from: files through DuckLake, files straight, a table in memory, or something else. */
export type ScanKind = 'lake' | 'parquet' | 'memory' | 'other';

/** What one scan of a statement read. Null: it is not known. */
export interface ScanFigures {
  readonly kind: ScanKind;
  /** The table, or how DuckDB calls what was scanned. */
  readonly of: string;
  /** Data files that were opened, and those of the table that were not. */
  readonly files: { readonly read: number; readonly skipped: number | null } | null;
  /** By the statistics and Bloom filters of the files; `skipped` those of files that were not opened included. */
  readonly rowGroups: { readonly read: number; readonly skipped: number } | null;
  /** Compressed, of the columns that were read in those row groups; the end of a scan may come earlier. */
  readonly bytes: number | null;
  /** Rows in those row groups. */
  readonly rowsInGroups: number | null;
  /** Rows that the scan gave, after the filters that it applies itself. */
  readonly rows: number;
  /** Of the table's columns; empty when every row fits. */
  readonly filters: string;
}

/** What DuckDB tells of a statement that has run to its end. */
export interface StatementFigures {
  /** Milliseconds: all of it, the planning therein, and the time of all of DuckDB's threads. */
  readonly ms: number;
  readonly planMs: number;
  readonly cpuMs: number;
  readonly scans: readonly ScanFigures[];
  /** Milliseconds that it took to find all this out, which the client waited for as well. */
  readonly explainMs: number;
}
