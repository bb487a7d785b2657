import type { DuckDBConnection } from '@duckdb/node-api';

const flushMs = 30_000;

/**
 * Gives memory back to the system that DuckDB no longer uses. Its allocator keeps what a large statement freed until
 * the same thread allocates again, which may be gigabytes for hours; its background threads would free too eagerly, and
 * cost a tenth of ingest's CPU. Setting the memory limit, to what it is, makes DuckDB flush the allocator.
 */
export class MemoryReturn {
  readonly #timer: NodeJS.Timeout;
  #flushing: Promise<unknown> | null = null;

  /** `connection` is this object's own, and closed by `stop`. */
  constructor(
    private readonly connection: DuckDBConnection,
    private readonly limitBytes: number,
  ) {
    this.#timer = setInterval(() => void this.flush(), flushMs).unref();
  }

  /** Resolves also when it could not be done, for instance because the database is invalid. */
  async flush(): Promise<void> {
    this.#flushing ??= this.connection
      .run(`SET GLOBAL memory_limit = '${this.limitBytes}B'`)
      .catch(() => undefined)
      .finally(() => (this.#flushing = null));
    await this.#flushing;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushing;
    this.connection.closeSync();
  }
}
