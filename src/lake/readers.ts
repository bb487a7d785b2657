import type { DuckDBConnection } from '@duckdb/node-api';
import { LakeError, firstLine, isFatal } from '../duckdb/index.js';
import { Precedence } from './background.js';
import type { MetadataCache } from './metadata/index.js';
import { QueryError } from './query-error.js';
import type { QueryMemory } from './query-memory.js';
import { isSchemaForgotten } from './retry.js';
import { ConnectionSession } from './connection-session.js';
import type { ReadPool, ReadSession } from './session.js';

/** Where read connections come from: a DuckDB instance, or the lake's instance host. */
export interface ConnectionSource {
  connect(): Promise<DuckDBConnection>;
  /** Takes a connection back on which nothing runs; default: closes it. */
  release?(connection: DuckDBConnection): void;
  /** Is told every error; gives what to say instead when the lake behind it is broken or away. */
  notice?(error: unknown): Error | null;
  /** Gives what to say instead when the query failed of a file of the lake that is missing or damaged. */
  loss?(error: unknown): Promise<QueryError | null>;
}

const maxIdle = 16;
/** Kinds of errors that say what is wrong with a question, by who has read to the end what it wanted. */
const refusals: ReadonlySet<QueryError['kind']> = new Set(['bad_data', 'not_found']);
/** An interrupted query that waits for a catalog server which hangs does not end; it is left behind after this. */
const abortGraceMs = 2000;
/** Each query left behind holds a thread. With so many of them the server is taken for away. */
const maxLeftBehind = 8;

/** Read connections, reused between queries; one on which a statement failed or was interrupted is thrown away. */
export class ConnectionPool implements ReadPool {
  readonly #idle: DuckDBConnection[] = [];
  #epoch = 0;
  #closed = false;
  #leftBehind = 0;

  constructor(
    private readonly source: ConnectionSource,
    private readonly maxRows: number,
    private readonly memory: QueryMemory | null = null,
    private readonly metadata: MetadataCache | null = null,
    private readonly precedence = new Precedence(),
  ) {}

  async withSession<T>(signal: AbortSignal, work: (session: ReadSession) => Promise<T>): Promise<T> {
    if (this.#closed) throw new QueryError('unavailable', 'the server is shutting down');
    signal.throwIfAborted();
    if (this.#leftBehind >= maxLeftBehind) {
      throw new QueryError('unavailable', 'the catalog does not answer', 5);
    }
    const late = afterAbort(signal, abortGraceMs);
    try {
      return await this.precedence.given(() => Promise.race([this.#run(signal, work, late.done), late.done]));
    } finally {
      late.cancel();
    }
  }

  async #run<T>(
    signal: AbortSignal,
    work: (session: ReadSession) => Promise<T>,
    late: Promise<never>,
  ): Promise<T> {
    const epoch = this.#epoch;
    const connection = this.#idle.pop() ?? (await this.#unlessLate(this.#connect(), late));
    const session = new ConnectionSession(connection, this.maxRows, signal, this.metadata, this.source);
    // A query that starts after the abort is stopped by the session's own check.
    const interrupt = () => session.interrupt();
    signal.addEventListener('abort', interrupt, { once: true });
    let failed = true;
    // What a question is refused for says nothing against its connection.
    let refused = false;
    let stopped: QueryError | null = null;
    const unwatch = this.memory?.watch({
      stop(error) {
        stopped = error;
        session.interrupt(true);
      },
    });
    try {
      signal.throwIfAborted();
      const value = await work(session);
      failed = false;
      return value;
    } catch (error) {
      refused = error instanceof QueryError && refusals.has(error.kind);
      if (stopped !== null && !signal.aborted) throw stopped as QueryError;
      const noticed = this.source.notice?.(error);
      if (noticed) throw mapped(noticed);
      const cause = error instanceof QueryError ? error.cause : error;
      throw (signal.aborted ? null : await this.source.loss?.(cause)) ?? mapped(error);
    } finally {
      unwatch?.();
      // `work` may have left a statement running, and its connection must outlive it.
      if (session.running > 0) session.interrupt();
      await this.#counted(session.idle(), late);
      signal.removeEventListener('abort', interrupt);
      const usable = !signal.aborted && (!failed || (refused && session.sound));
      const ended = usable && (await this.#counted(session.end(), late));
      const reusable = ended && !signal.aborted && !this.#closed && epoch === this.#epoch;
      if (reusable && this.#idle.length < maxIdle) this.#idle.push(connection);
      else this.#release(connection);
    }
  }

  /** A connection that comes when nobody waits for it any more is given back. */
  async #unlessLate(connecting: Promise<DuckDBConnection>, late: Promise<never>): Promise<DuckDBConnection> {
    let waiting = true;
    void this.#counted(connecting, late)
      .then((connection) => {
        if (!waiting) this.#release(connection);
      })
      .catch(() => undefined);
    try {
      return await Promise.race([connecting, late]);
    } finally {
      waiting = false;
    }
  }

  /** `work`, counted as left behind from when its query was given up until it ends. */
  async #counted<T>(work: Promise<T>, late: Promise<never>): Promise<T> {
    let pending = true;
    let counted = false;
    late.catch(() => {
      if (!pending) return;
      counted = true;
      this.#leftBehind++;
    });
    try {
      return await work;
    } finally {
      pending = false;
      if (counted) this.#leftBehind--;
    }
  }

  /** Closes idle connections and, when they come back, those in use. */
  renew(): void {
    this.#epoch++;
    for (const connection of this.#idle.splice(0)) this.#release(connection);
  }

  close(): void {
    this.#closed = true;
    this.renew();
  }

  async #connect(): Promise<DuckDBConnection> {
    try {
      return await this.source.connect();
    } catch (error) {
      throw mapped(this.source.notice?.(error) ?? error);
    }
  }

  #release(connection: DuckDBConnection): void {
    if (this.source.release) this.source.release(connection);
    else connection.closeSync();
  }
}

/** Rejects some time after `signal` aborts, for work that does not heed it. */
function afterAbort(signal: AbortSignal, graceMs: number): { done: Promise<never>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let start: () => void = () => undefined;
  const done = new Promise<never>((_, reject) => {
    start = () => {
      timer = setTimeout(
        () => reject(new QueryError('unavailable', 'the catalog does not answer', 5)),
        graceMs,
      );
    };
    if (signal.aborted) start();
    else signal.addEventListener('abort', start, { once: true });
  });
  done.catch(() => undefined);
  return {
    done,
    cancel() {
      clearTimeout(timer);
      signal.removeEventListener('abort', start);
    },
  };
}

/** DuckDB's errors as the query APIs know them; the guard tells time-outs and cancellations apart before. */
function mapped(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof QueryError) return error;
  if (error instanceof LakeError) return new QueryError('unavailable', error.message, 1);
  const message = firstLine(error);
  if (isSchemaForgotten(error)) {
    return new QueryError('unavailable', 'the catalog could not be read at the moment', 1);
  }
  if (isFatal(error)) return new QueryError('unavailable', 'the lake is being opened again', 2);
  if (message.startsWith('Out of Memory Error')) {
    return new QueryError(
      'limit',
      'the query needs more memory than CANARDSTACK_DUCKDB_MEMORY_LIMIT leaves; narrow its range or its filters',
    );
  }
  if (/^(IO|HTTP|Connection) Error/.test(message)) {
    return new QueryError('unavailable', 'the lake could not be read at the moment', 1);
  }
  return error;
}
