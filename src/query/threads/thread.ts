import { Worker } from 'node:worker_threads';
import { QueryError } from '../../lake/query-error.js';
import type { SeriesView } from '../../lake/session.js';
import type { Job, QueryAnswer } from '../server/endpoint.js';
import { ThreadLostError, type QueryContext } from '../server/guard.js';
import type { FromThread, ThreadOptions, ToThread } from './protocol.js';
import { RunningQuery } from './running.js';

export interface QueryThreadOptions {
  /** JavaScript heap of the thread, MiB; samples lie outside of it and are bounded by the query limits. */
  readonly heapMiB: number;
  /** A query that does not give way within this time of its abort ends with its thread. */
  readonly graceMs: number;
  readonly onRestart: (reason: string) => void;
}

const piecesAhead = 8;

/**
 * One worker thread that evaluates queries. When it ends, its queries fail (ThreadLostError, or `limit` when the only
 * one took all memory), and the next one starts a new thread.
 */
export class QueryThread {
  #worker: Worker | null = null;
  #ready: Promise<void> | null = null;
  readonly #running = new Map<number, RunningQuery>();
  /** Queries that the thread was chosen for and that are not in it yet. */
  #coming = 0;
  readonly #idle: (() => void)[] = [];
  #nextId = 1;
  #closed = false;

  constructor(private readonly options: QueryThreadOptions) {}

  /** Queries from when the thread was chosen for them. */
  get running(): number {
    return this.#coming + this.#running.size;
  }

  /** Of the worker thread (node:worker_threads), or null when there is none. */
  get threadId(): number | null {
    return this.#worker?.threadId ?? null;
  }

  /** Resolves when the thread takes queries. */
  start(): Promise<void> {
    this.#ready ??= this.#spawn().catch((error: unknown) => {
      this.#ready = null;
      throw error;
    });
    return this.#ready;
  }

  #spawn(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const workerData: ThreadOptions = { piecesAhead };
      const worker = new Worker(new URL('./worker.js', import.meta.url), {
        workerData,
        resourceLimits: { maxOldGenerationSizeMb: this.options.heapMiB },
      });
      this.#worker = worker;
      worker.unref();
      let reason = '';
      let outOfMemory = false;
      worker.on('message', (message: FromThread) => {
        if (message.type === 'ready') resolve();
        else if (this.#running.get(message.query)?.receive(message)) this.#done(message.query);
      });
      worker.on('error', (error) => {
        reason = error.message;
        outOfMemory = (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY';
      });
      worker.on('exit', (code) => {
        const why = reason === '' ? `it ended with exit code ${code}` : reason;
        reject(new QueryError('unavailable', 'a query thread did not start', 1));
        if (this.#worker === worker) this.#lost(why, outOfMemory);
      });
    });
  }

  /**
   * Evaluates a job. Rejects after an abort only when the thread has let go of the query, as it may read
   * DuckDB's memory until then.
   */
  async run(ctx: QueryContext, job: Job): Promise<QueryAnswer> {
    this.#coming++;
    let query: RunningQuery;
    try {
      // What goes wrong here, the thread asks again. Before the start, as the thread may end meanwhile.
      const told = job.first && (await ctx.session.series?.(job.first).catch(() => undefined));
      ctx.signal.throwIfAborted();
      if (!this.#closed) await this.start();
      ctx.signal.throwIfAborted();
      query = this.#begin(ctx, job, told);
    } finally {
      this.#coming--;
      this.#wakeIdle();
    }
    try {
      return await query.answered;
    } finally {
      ctx.signal.removeEventListener('abort', query.abort);
    }
  }

  #begin(ctx: QueryContext, job: Job, told: SeriesView | null | undefined): RunningQuery {
    const worker = this.#worker;
    if (!worker || this.#closed) throw new QueryError('unavailable', 'the server is shutting down');
    const id = this.#nextId++;
    const post = (message: ToThread, transfer: readonly ArrayBuffer[] = []) => {
      if (this.#worker === worker) worker.postMessage(message, transfer);
    };
    const abort = () => {
      post({ type: 'abort', query: id });
      const timer = setTimeout(() => {
        if (this.#running.has(id)) void worker.terminate();
      }, this.options.graceMs);
      timer.unref();
    };
    const query = new RunningQuery(id, ctx, post, abort);
    this.#running.set(id, query);
    worker.ref();
    ctx.signal.addEventListener('abort', abort, { once: true });
    post({ type: 'run', query: id, job, limits: ctx.limits, ...(told !== undefined && { told }) });
    return query;
  }

  #done(id: number): void {
    this.#running.delete(id);
    if (this.#running.size > 0) return;
    this.#worker?.unref();
    this.#wakeIdle();
  }

  #lost(why: string, outOfMemory: boolean): void {
    this.#worker = null;
    this.#ready = null;
    if (!this.#closed) this.options.onRestart(why);
    const error = this.#closed
      ? new QueryError('unavailable', 'the server is shutting down', 1)
      : outOfMemory && this.#running.size === 1
        ? new QueryError(
            'limit',
            'the query needs more memory than it may take; narrow its range or its filters',
          )
        : new ThreadLostError(why);
    for (const query of this.#running.values()) query.fail(error);
    this.#running.clear();
    this.#wakeIdle();
  }

  /** Resolves when the thread has no query. */
  async idle(): Promise<void> {
    while (this.running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #wakeIdle(): void {
    for (const wake of this.#idle.splice(0)) wake();
  }

  /** Ends the thread; its queries fail. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }
}
