import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine } from '../../duckdb/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import { BackgroundQueue, type BackgroundHost } from '../background.js';
import { IndexBuilder } from './builder.js';
import type { Search } from './needle.js';
import { indexParts, type Indexed } from './parts.js';
import type { TokenIndexes } from './read.js';

/** Of log records. Attributes have no columns of their own in these files. */
const indexed: Indexed = { texts: ['body', 'log_attributes'], values: ['trace_id', 'span_id'] };

/** Of the files that there are now, all together: of some four million lines. */
const mostBytes = 32 * 1024 * 1024;

/**
 * Indexes of files that have none of their own, as those of commits and small ones, which searches would read as a whole each time. A
 * file's is made once, in the background and in memory, after a search could have used it.
 */
export class MadeIndexes {
  /** Bytes of each file's; 0 while it is made, and where it can't be. */
  readonly #made = new Map<string, number>();
  readonly #builder = new IndexBuilder();
  /** Files that are to be read. */
  #waiting = 0;
  readonly #queue: BackgroundQueue<string, Buffer | null>;

  constructor(
    host: BackgroundHost,
    telemetry: Telemetry,
    private readonly tokens: TokenIndexes,
  ) {
    this.#queue = new BackgroundQueue<string, Buffer | null>({
      host,
      read: (connection, path) => this.#build(connection, path),
      failed(error) {
        telemetry.log.debug({ err: firstLine(error) }, 'a file could not be indexed');
        return null;
      },
      keep: (path, index) => {
        if (index === null || !this.#made.has(path)) return;
        this.#made.set(path, index.length);
        this.tokens.learn(path, index);
      },
    });
  }

  /** Of `paths`, files in which no row is what is searched for. `settled` tells which are worth an index; `live`: all there are. */
  lacking(
    paths: readonly string[],
    search: Search,
    settled: (path: string) => boolean,
    live: ReadonlyMap<string, unknown>,
  ): ReadonlySet<string> {
    for (const path of this.#made.keys()) if (!live.has(path)) this.#made.delete(path);
    for (const path of paths.toReversed()) {
      if (this.#made.has(path) || !settled(path)) continue;
      this.#made.set(path, 0);
      this.#waiting++;
      this.#queue.add(path, path);
    }
    return new Set(paths.filter((path) => this.tokens.lacks(path, search)));
  }

  async #build(connection: DuckDBConnection, path: string): Promise<Buffer | null> {
    try {
      return this.#bytes() < mostBytes
        ? await this.#builder.build(indexParts(connection, path, indexed))
        : null;
    } finally {
      // The thread takes memory, and may not be needed for long.
      if (--this.#waiting === 0) await this.#builder.close();
    }
  }

  #bytes(): number {
    return [...this.#made.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Resolves when every file that was asked for is indexed. */
  async settled(): Promise<void> {
    await this.#queue.settled();
  }

  async close(): Promise<void> {
    await this.#queue.close();
    await this.#builder.close();
  }
}
