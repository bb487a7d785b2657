import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine, literal } from '../../duckdb/index.js';
import { Counter, type Telemetry } from '../../telemetry/index.js';
import { BackgroundQueue, type BackgroundHost } from '../background.js';
import { IndexBuilder } from './builder.js';
import { idColumns, indexParts, type Indexed } from './parts.js';
import type { TokenIndexes } from './read.js';

/** Of log records. Attributes have no columns of their own in these files. */
const indexed: Indexed = { texts: ['body', 'log_attributes'], values: idColumns };

/** Nanoseconds since the epoch. */
const times = 'time_unix_nano';

/** Of the files that there are now, all together: of some four million lines. */
const defaultMostBytes = 32 * 1024 * 1024;

/** Of a search. */
interface Window {
  readonly from: bigint;
  readonly until: bigint;
}

interface Wanted {
  readonly path: string;
  readonly window: Window;
}

/** Of a file's first and last row; null: they are not known. */
type Times = readonly [first: bigint, last: bigint] | null;

interface Failure {
  readonly error: string;
}

/** Null: it is not made now. */
type Made = Buffer | Failure | null;

/** How often an index is tried whose file could not be read or whose thread ended, and how long after the first failure; then twice as long. */
const mostAttempts = 4;
const defaultPauseMs = 10_000;

interface Failed {
  readonly attempts: number;
  /** By `performance.now()`; Infinity: never. */
  readonly againAt: number;
}

export interface MadeLimits {
  /** Of all indexes. */
  readonly bytes?: number;
  readonly pauseMs?: number;
}

/**
 * Indexes of files that have none of their own, as those of commits and small ones, which searches would read as a whole each time. A
 * file's is made once, in the background and in memory, after a search could have used it.
 */
export class MadeIndexes {
  /** Bytes of each file's. */
  readonly #made = new Map<string, number>();
  readonly #failed = new Map<string, Failed>();
  /** Of files that are to be indexed, once it was looked. */
  readonly #times = new Map<string, Times>();
  /** As of the last search. */
  #live: ReadonlyMap<string, unknown> = new Map();
  readonly #builder = new IndexBuilder();
  readonly #mostBytes: number;
  readonly #queue: BackgroundQueue<Wanted, Made>;

  constructor(
    host: BackgroundHost,
    telemetry: Telemetry,
    private readonly tokens: TokenIndexes,
    { bytes = defaultMostBytes, pauseMs = defaultPauseMs }: MadeLimits = {},
  ) {
    this.#mostBytes = bytes;
    const failures = new Counter({
      name: 'canardstack_token_index_failures_total',
      help: 'Files without a token index of their own that could not be indexed in memory: tried again later, or left as they are.',
      labelNames: ['then'],
      registers: [telemetry.registry],
    });
    const failed = (path: string, { error }: Failure) => {
      const attempts = (this.#failed.get(path)?.attempts ?? 0) + 1;
      const last = attempts >= mostAttempts;
      failures.inc({ then: last ? 'left' : 'retried' });
      this.#failed.set(path, {
        attempts,
        againAt: last ? Infinity : performance.now() + pauseMs * 2 ** (attempts - 1),
      });
      telemetry.log[last ? 'warn' : 'debug'](
        { err: error, file: path, attempts },
        'a file could not be indexed',
      );
    };
    this.#queue = new BackgroundQueue<Wanted, Made>({
      host,
      read: (connection, wanted) => this.#build(connection, wanted),
      failed: (error) => ({ error: firstLine(error) }),
      keep: (path, made) => {
        if (made === null || !this.#live.has(path)) return;
        if ('error' in made) return failed(path, made);
        this.#failed.delete(path);
        this.#made.set(path, made.length);
        this.tokens.learn(path, made);
      },
    });
  }

  /** Asks for the indexes of those of `paths`, files that have none of their own, that have rows of the window; `live`: all there are. */
  want(paths: readonly string[], window: Window, live: ReadonlyMap<string, unknown>): void {
    this.#live = live;
    for (const known of [this.#made, this.#failed, this.#times])
      for (const path of known.keys()) if (!live.has(path)) known.delete(path);
    if (!this.#hasRoom) return;
    const now = performance.now();
    for (const path of paths.toReversed()) {
      if (now < (this.#failed.get(path)?.againAt ?? 0)) continue;
      if (!this.#made.has(path) && overlaps(this.#times.get(path), window))
        this.#queue.add(path, { path, window });
    }
  }

  async #build(connection: DuckDBConnection, { path, window }: Wanted): Promise<Made> {
    try {
      if (!this.#hasRoom || !this.#live.has(path)) return null;
      const found = this.#times.get(path) ?? (await timesOf(connection, path));
      this.#times.set(path, found);
      return overlaps(found, window)
        ? await this.#builder.build(indexParts(connection, path, indexed))
        : null;
    } finally {
      // The thread takes memory, and may not be needed for long.
      if (this.#queue.size <= 1) await this.#builder.close();
    }
  }

  get #hasRoom(): boolean {
    return [...this.#made.values()].reduce((sum, bytes) => sum + bytes, 0) < this.#mostBytes;
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

function overlaps(found: Times | undefined, { from, until }: Window): boolean {
  return !found || (found[0] < until && found[1] >= from);
}

/** Of the footer. */
async function timesOf(connection: DuckDBConnection, path: string): Promise<Times> {
  const reader = await connection.runAndReadAll(
    `SELECT min(stats_min_value::BIGINT), max(stats_max_value::BIGINT),
       count(*) = count(stats_min_value) AND count(*) = count(stats_max_value)
     FROM parquet_metadata(${literal(path)}) WHERE path_in_schema = ${literal(times)}`,
  );
  const [[first, last, all] = []] = reader.getRows();
  return typeof first === 'bigint' && typeof last === 'bigint' && all === true ? [first, last] : null;
}
