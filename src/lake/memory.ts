import type { DuckDBConnection } from '@duckdb/node-api';
import { fileCacheSetting } from './files/set-aside.js';

const flushMs = 30_000;
/** While the process has more than this resident: what commits and sorts left to the allocator would add up to a fifth of it. */
const muchBytes = 896 * 1024 * 1024;
const muchFlushMs = 5000;
/** What is kept of files on this machine then, mostly of commits' footers: the system keeps them as well, and compaction replaces them soon. */
const mostFileCacheBytes = 96 * 1024 * 1024;
/** What questions ask of again and again is read again no more often. */
const dropMs = 60_000;

/**
 * Gives memory back to the system that DuckDB no longer uses. Its allocator keeps what a large statement freed until
 * the same thread allocates again, which may be gigabytes for hours; its background threads would free too eagerly, and
 * cost a tenth of ingest's CPU. Setting the memory limit, to what it is, makes DuckDB flush the allocator.
 */
export class MemoryReturn {
  readonly #timer: NodeJS.Timeout;
  #flushing: Promise<unknown> | null = null;
  #flushedAt = performance.now();
  #droppedAt = -Infinity;

  /** `connection` is this object's own, and closed by `stop`. `filesAreLocal`: what is kept of files may go. */
  constructor(
    private readonly connection: DuckDBConnection,
    private readonly limitBytes: number,
    private readonly filesAreLocal: boolean,
  ) {
    this.#timer = setInterval(() => {
      const due = performance.now() - this.#flushedAt >= flushMs - muchFlushMs / 2;
      const much = process.memoryUsage.rss() > muchBytes;
      if (due || much) void this.flush(much);
    }, muchFlushMs).unref();
  }

  /** Resolves also when it could not be done, for instance because the database is invalid. `much` is resident. */
  async flush(much = false): Promise<void> {
    this.#flushedAt = performance.now();
    this.#flushing ??= this.#flush(much)
      .catch(() => undefined)
      .finally(() => (this.#flushing = null));
    await this.#flushing;
  }

  async #flush(much: boolean): Promise<void> {
    const { connection } = this;
    const mayDrop = much && this.filesAreLocal && performance.now() - this.#droppedAt >= dropMs;
    if (mayDrop && (await fileCacheBytes(connection)) > mostFileCacheBytes) {
      // It has no limit but that of all memory.
      this.#droppedAt = performance.now();
      try {
        await connection.run(`SET GLOBAL ${fileCacheSetting} = false`);
      } finally {
        await connection.run(`SET GLOBAL ${fileCacheSetting} = true`);
      }
    }
    await connection.run(`SET GLOBAL memory_limit = '${this.limitBytes}B'`);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushing;
    this.connection.closeSync();
  }
}

/** What the instance keeps of files that it has read. */
async function fileCacheBytes(connection: DuckDBConnection): Promise<number> {
  const reader = await connection.runAndReadAll(
    `SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'EXTERNAL_FILE_CACHE'`,
  );
  return Number(reader.getRows()[0]?.[0] ?? 0);
}
