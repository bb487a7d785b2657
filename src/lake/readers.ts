import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { QueryError } from '../query/errors.js';
import type { ReadPool, ReadSession, ResultChunk, SqlValue } from '../query/session.js';

/** Read connections to one DuckDB instance, reused between queries; an interrupted one is thrown away. */
export class ConnectionPool implements ReadPool {
  readonly #idle: DuckDBConnection[] = [];
  #closed = false;

  constructor(
    private readonly instance: DuckDBInstance,
    private readonly maxRows: number,
  ) {}

  async withSession<T>(signal: AbortSignal, work: (session: ReadSession) => Promise<T>): Promise<T> {
    if (this.#closed) throw new QueryError('unavailable', 'the server is shutting down');
    signal.throwIfAborted();
    const connection = this.#idle.pop() ?? (await this.instance.connect());
    const interrupt = () => connection.interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      return await work(new Session(connection, this.maxRows, signal));
    } finally {
      signal.removeEventListener('abort', interrupt);
      if (signal.aborted || this.#closed) connection.closeSync();
      else this.#idle.push(connection);
    }
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) connection.closeSync();
  }
}

class Session implements ReadSession {
  constructor(
    private readonly connection: DuckDBConnection,
    private readonly maxRows: number,
    private readonly signal: AbortSignal,
  ) {}

  async rows(
    sql: string,
    params: readonly SqlValue[] = [],
    maxRows = this.maxRows,
  ): Promise<Record<string, unknown>[]> {
    const out: Record<string, unknown>[] = [];
    const result = await this.connection.stream(sql, [...params]);
    const names = result.deduplicatedColumnNames();
    for await (const chunk of this.#chunks(result)) {
      if (out.length + chunk.rowCount > maxRows) {
        throw new QueryError('limit', `the query gives more than ${maxRows} rows`);
      }
      for (let r = 0; r < chunk.rowCount; r++) {
        out.push(Object.fromEntries(names.map((name, c) => [name, chunk.columns[c]?.[r]])));
      }
    }
    return out;
  }

  async *stream(sql: string, params: readonly SqlValue[] = []): AsyncIterable<ResultChunk> {
    yield* this.#chunks(await this.connection.stream(sql, [...params]));
  }

  async *#chunks(result: Awaited<ReturnType<DuckDBConnection['stream']>>): AsyncIterable<ResultChunk> {
    for (;;) {
      this.signal.throwIfAborted();
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) return;
      const columns: unknown[][] = [];
      for (let c = 0; c < chunk.columnCount; c++) {
        columns.push(chunk.getColumnValues(c).map(plain));
      }
      yield { rowCount: chunk.rowCount, columns };
    }
  }
}

/** LIST values come as objects with `items`; everything else is passed on as it is. */
function plain(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && 'items' in value) {
    return (value as { items: readonly unknown[] }).items;
  }
  return value;
}
