import type { DuckDBConnection } from '@duckdb/node-api';
import { QueryError } from './query-error.js';

const pollMs = 100;

/**
 * What a running statement holds, by DuckDB's own account. Its caches (table blocks, files) give way by themselves, and
 * the rest belongs to tables.
 */
const statementTags = [
  'HASH_TABLE',
  'ORDER_BY',
  'COLUMN_DATA',
  'WINDOW',
  'PARQUET_READER',
  'CSV_READER',
  'ALLOCATOR',
];
const usedSql = `SELECT coalesce(sum(memory_usage_bytes), 0)::DOUBLE FROM duckdb_memory() WHERE tag IN (${statementTags.map((tag) => `'${tag}'`).join(', ')})`;

/** A query that can be stopped; `stop` ends it with the error. */
interface Running {
  readonly stop: (error: QueryError) => void;
}

/**
 * Holds the queries of one DuckDB instance under a limit of memory. DuckDB limits an instance only, not a connection,
 * and one query that takes all of it keeps commits from their memory. So while queries run the instance is asked what
 * statements hold, and beyond the limit the query that has run longest is stopped, then the next.
 */
export class QueryMemory {
  readonly #running = new Set<Running>();
  #watching = false;

  /** `connect` gives a connection of the instance's own for each time that queries run; it is closed afterwards. */
  constructor(
    private readonly limitBytes: number,
    private readonly connect: () => Promise<DuckDBConnection>,
    private readonly release: (connection: DuckDBConnection) => void,
  ) {}

  /** Counts a query until the function that is given back is called. */
  watch(query: Running): () => void {
    this.#running.add(query);
    if (!this.#watching) {
      this.#watching = true;
      void this.#watch().catch(() => undefined);
    }
    return () => void this.#running.delete(query);
  }

  async #watch(): Promise<void> {
    let connection: DuckDBConnection | null = null;
    try {
      // Most queries are over before the first look, which then costs nothing.
      for (await pause(); this.#running.size > 0; await pause()) {
        connection ??= await this.connect();
        const reader = await connection.runAndReadAll(usedSql);
        if (Number(reader.getRows()[0]?.[0]) > this.limitBytes) this.#stopOldest();
      }
    } finally {
      this.#watching = false;
      if (connection) this.release(connection);
    }
  }

  #stopOldest(): void {
    const [oldest] = this.#running;
    if (!oldest) return;
    this.#running.delete(oldest);
    oldest.stop(
      new QueryError(
        'limit',
        `the queries take more memory than CANARDSTACK_QUERY_MEMORY_LIMIT, ${this.limitBytes} bytes; narrow the range or the filters`,
      ),
    );
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pollMs).unref());
}
