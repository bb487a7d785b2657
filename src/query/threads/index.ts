import { Counter, Gauge, type Telemetry } from '../../telemetry/index.js';
import type { Job, QueryAnswer } from '../server/endpoint.js';
import type { QueryContext } from '../server/guard.js';
import type { QueryEvaluator } from '../server/http.js';
import { QueryThread } from './thread.js';

export interface QueryThreadsOptions {
  readonly threads: number;
  readonly telemetry: Telemetry;
  readonly heapMiB?: number;
  readonly graceMs?: number;
}

/** Worker threads that evaluate queries: everything but the SQL, which stays with the main thread's connections. */
export class QueryThreads implements QueryEvaluator {
  readonly #threads: readonly QueryThread[];
  /** Runs one query after another; started when it is first needed. */
  readonly #alone: QueryThread;
  #aloneQueue = Promise.resolve();

  private constructor({ threads, telemetry, heapMiB = 2048, graceMs = 2000 }: QueryThreadsOptions) {
    const registers = [telemetry.registry];
    const restarts = new Counter({
      name: 'canardstack_query_thread_restarts_total',
      help: 'Query threads that ended and are replaced.',
      registers,
    });
    const onRestart = (reason: string) => {
      restarts.inc();
      telemetry.log.error({ reason }, 'a query thread is replaced');
    };
    this.#threads = Array.from({ length: threads }, () => new QueryThread({ heapMiB, graceMs, onRestart }));
    this.#alone = new QueryThread({ heapMiB, graceMs, onRestart });
    const all = [...this.#threads, this.#alone];
    new Gauge({
      name: 'canardstack_query_thread_queries',
      help: 'Queries in the query threads, those whose answer is being sent included.',
      registers,
      collect() {
        this.set(all.reduce((sum, thread) => sum + thread.running, 0));
      },
    });
  }

  /** Resolves when every thread is up; rejects when one cannot start. */
  static async start(options: QueryThreadsOptions): Promise<QueryThreads> {
    const threads = new QueryThreads(options);
    try {
      await Promise.all(threads.#threads.map((thread) => thread.start()));
    } catch (error) {
      await threads.close();
      throw error;
    }
    return threads;
  }

  get threadIds(): readonly number[] {
    return this.#threads.flatMap(({ threadId }) => threadId ?? []);
  }

  /**
   * Evaluates a job in the thread with the fewest queries, or by itself in a thread kept for that. Throws QueryError,
   * ThreadLostError when the thread ended with several queries, or DuckDB's error.
   */
  run(ctx: QueryContext, job: Job): Promise<QueryAnswer> {
    if (ctx.alone) return this.#runAlone(ctx, job);
    const [first, ...others] = this.#threads;
    if (!first) throw new Error('there are no query threads');
    return others
      .reduce((least, thread) => (thread.running < least.running ? thread : least), first)
      .run(ctx, job);
  }

  async #runAlone(ctx: QueryContext, job: Job): Promise<QueryAnswer> {
    const before = this.#aloneQueue;
    let done: () => void = () => undefined;
    this.#aloneQueue = new Promise((resolve) => (done = resolve));
    try {
      await before;
      await this.#alone.idle();
      ctx.signal.throwIfAborted();
      return await this.#alone.run(ctx, job);
    } finally {
      done();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#threads, this.#alone].map((thread) => thread.close()));
  }
}
