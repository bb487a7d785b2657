import { QueryError } from '../../lake/query-error.js';
import type { ReadPool, ReadSession } from '../../lake/session.js';

export interface QueryLimits {
  /** Queries that run at once, and how many more may wait. */
  readonly concurrency: number;
  readonly queueLength: number;
  readonly timeoutMs: number;
  /** Longest time range of a query, where its API has such a limit. */
  readonly maxRangeMs: number;
  /** Nothing older than this is kept. */
  readonly retentionMs: number;
  readonly maxRows: number;
  /** PromQL: samples loaded by one query. */
  readonly maxSamples: number;
  readonly maxSeries: number;
  /** PromQL: the instrumentation scope of a point is in its labels (`otel_scope_*`). */
  readonly scopeLabels: boolean;
  /** PromQL: what is experimental in Prometheus is allowed. */
  readonly promqlExperimental: boolean;
  /** PromQL: spans are metrics too, with these attributes as labels; null when they are not. */
  readonly spanMetrics: { readonly dimensions: readonly string[] } | null;
}

export interface QueryObserver {
  started(api: string): void;
  finished(api: string, outcome: 'ok' | QueryError['kind'], seconds: number): void;
  refused(reason: string): void;
}

export interface QueryContext {
  readonly session: ReadSession;
  readonly limits: QueryLimits;
  /** The query ran before, on a thread that ended with it or beside it: it gets one for itself. */
  readonly alone: boolean;
  /** Aborts at the timeout, when the client goes away, or at shutdown; check it in long JS loops. */
  readonly signal: AbortSignal;
}

/** The thread that evaluated a query ended, for whatever reason; nothing of the answer was sent. */
export class ThreadLostError extends QueryError {
  constructor(readonly reason: string) {
    super('unavailable', 'the thread that evaluated the query ended', 1);
  }
}

/**
 * Bounds every read: concurrency with a bounded queue, one timeout owned by the server that covers the
 * wait too, and cancellation that reaches DuckDB. Throws QueryError only.
 */
export class QueryGuard {
  #running = 0;
  readonly #waiting: { start: () => void; signal: AbortSignal }[] = [];

  constructor(
    private readonly pool: ReadPool,
    readonly limits: QueryLimits,
    private readonly observer?: QueryObserver,
  ) {}

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#waiting.length;
  }

  async run<T>(api: string, client: AbortSignal, work: (ctx: QueryContext) => Promise<T>): Promise<T> {
    const begun = performance.now();
    const timeout = AbortSignal.timeout(this.limits.timeoutMs);
    const signal = AbortSignal.any([client, timeout]);
    this.observer?.started(api);
    let outcome: 'ok' | QueryError['kind'] = 'ok';
    try {
      await this.#acquire(signal);
      try {
        const run = (alone: boolean) =>
          this.pool.withSession(signal, (session) => work({ session, limits: this.limits, signal, alone }));
        return await run(false).catch((error: unknown) => {
          if (!(error instanceof ThreadLostError) || signal.aborted) throw error;
          return run(true);
        });
      } finally {
        this.#release();
      }
    } catch (error) {
      const mapped = this.#mapError(error, timeout, client);
      outcome = mapped.kind;
      throw mapped;
    } finally {
      this.observer?.finished(api, outcome, (performance.now() - begun) / 1000);
    }
  }

  #mapError(error: unknown, timeout: AbortSignal, client: AbortSignal): QueryError {
    if (client.aborted) return new QueryError('canceled', 'the query was cancelled by the client');
    if (timeout.aborted)
      return new QueryError('timeout', `the query ran longer than ${this.limits.timeoutMs / 1000} s`, 1);
    if (error instanceof QueryError) return bounded(error);
    return fromDatabase(error);
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    if (this.#running < this.limits.concurrency) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= this.limits.queueLength) {
      this.observer?.refused('query_queue_full');
      throw new QueryError(
        'busy',
        `too many queries: ${this.#running} run and ${this.#waiting.length} wait`,
        1,
      );
    }
    await new Promise<void>((resolve, reject) => {
      const entry = {
        signal,
        start: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        const at = this.#waiting.indexOf(entry);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(new QueryError('timeout', 'the query was not started in time', 1));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(entry);
      if (signal.aborted) onAbort();
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next.start();
    else this.#running--;
  }
}

const mostMessage = 4000;

/** What repeats a part of the query, a token of many kilobytes say, is cut. */
function bounded(error: QueryError): QueryError {
  const { message } = error;
  if (message.length > mostMessage) {
    error.message = `${message.slice(0, mostMessage)}… (${message.length - mostMessage} more characters)`;
  }
  return error;
}

/** Errors that are not ours: what the client can act on by kind, their text (SQL, paths) only as the cause. */
function fromDatabase(cause: unknown): QueryError {
  const text = cause instanceof Error ? cause.message : String(cause);
  let error = new QueryError('internal', 'the query failed inside the server');
  if (/^(IO|HTTP|Connection|Network) Error/.test(text)) {
    error = new QueryError('unavailable', 'the storage or the catalog does not answer', 5);
  } else if (/^Out of Memory Error/.test(text)) {
    error = new QueryError(
      'limit',
      'the query needs more memory than it may take; narrow its range or its filters',
    );
  }
  error.cause = cause;
  return error;
}
