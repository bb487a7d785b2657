/** What the query languages need from the lake. Implemented by `lake/`; SQL is read-only. */

export type SqlValue = string | number | bigint | boolean | null;

export interface ResultChunk {
  readonly rowCount: number;
  /** Column-major values: `columns[c][r]`. BIGINT comes as bigint, DOUBLE and INTEGER as number, VARCHAR as string, LIST as array. */
  readonly columns: readonly (readonly unknown[])[];
}

export interface ReadSession {
  /** All rows at once, column names as keys; refuses with a QueryLimitError beyond `maxRows` (default from settings). */
  rows(sql: string, params?: readonly SqlValue[], maxRows?: number): Promise<Record<string, unknown>[]>;
  /** Streams result chunks of up to 2,048 rows; stop iterating to cancel. */
  stream(sql: string, params?: readonly SqlValue[]): AsyncIterable<ResultChunk>;
}

export interface ReadPool {
  /** Runs `work` on one connection; when `signal` aborts, the running DuckDB query is interrupted. */
  withSession<T>(signal: AbortSignal, work: (session: ReadSession) => Promise<T>): Promise<T>;
}
