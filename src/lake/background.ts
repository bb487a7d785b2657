import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';

/** The instance's connections, of which one is taken for work in the background. */
export interface BackgroundHost {
  /** Another number once the instance is another. */
  readonly generation: number;
  acquire(): Promise<DuckDBConnection>;
  release(connection: DuckDBConnection): void;
  /** Absent where nothing else is asked. */
  readonly precedence?: Precedence;
}

const longestPauseMs = 1000;
/** Where questions never end, work in the background goes on all the same, a step each time. */
const longestYieldMs = 500;

/** Questions go before work in the background: its next step waits until none is answered. */
export class Precedence {
  #answered = 0;
  readonly #quiet = new Set<() => void>();

  async given<T>(question: () => Promise<T>): Promise<T> {
    this.#answered++;
    try {
      return await question();
    } finally {
      this.#answered--;
      if (this.#answered === 0) for (const resume of this.#quiet) resume();
    }
  }

  /** Resolves when no question is answered, after half a second, or when `signal` aborts. */
  async quiet(signal: AbortSignal): Promise<void> {
    if (this.#answered === 0 || signal.aborted) return;
    const stop = new AbortController();
    const late = sleep(longestYieldMs, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
    const resume = () => stop.abort();
    this.#quiet.add(resume);
    // `AbortSignal.any` of a signal that lives on leaves something behind in it each time.
    signal.addEventListener('abort', resume, { once: true });
    await late;
    signal.removeEventListener('abort', resume);
    this.#quiet.delete(resume);
  }
}

/**
 * Reads what `next` gives, one at a time on one connection, until it gives null or `signal` aborts, which interrupts the
 * statement under way. Pauses as long as each took, so that queries have half of a core at least.
 */
export async function inBackground<T>(
  host: BackgroundHost,
  signal: AbortSignal,
  next: () => T | null,
  read: (connection: DuckDBConnection, item: T) => Promise<void>,
): Promise<void> {
  const connection = await host.acquire();
  const interrupt = () => connection.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    for (let item = next(); item !== null && !signal.aborted; item = next()) {
      await host.precedence?.quiet(signal);
      if (signal.aborted) return;
      const begun = performance.now();
      await read(connection, item);
      const pause = Math.min(longestPauseMs, performance.now() - begun);
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    signal.removeEventListener('abort', interrupt);
    host.release(connection);
  }
}

interface QueueOptions<T, V> {
  readonly host: BackgroundHost;
  readonly read: (connection: DuckDBConnection, item: T) => Promise<V>;
  /** Gives what is kept in place of what could not be read. */
  readonly failed: (error: unknown) => V;
  /** Not called for what was read of an instance that has been replaced. */
  readonly keep: (id: string, value: V, item: T) => void;
}

/** Reads each item that was asked for once, in the background, in the order in which they were asked for. */
export class BackgroundQueue<T, V> {
  readonly #wanted = new Map<string, T>();
  #working: Promise<void> | null = null;
  readonly #closing = new AbortController();

  constructor(private readonly options: QueueOptions<T, V>) {}

  add(id: string, item: T): void {
    this.#wanted.set(id, item);
    if (this.#working || this.#closing.signal.aborted) return;
    this.#working = this.#work()
      .catch((error: unknown) => void this.options.failed(error))
      .finally(() => (this.#working = null));
  }

  /** Items that are to be read, with that which is being read. */
  get size(): number {
    return this.#wanted.size;
  }

  /** Resolves when every item is read. */
  async settled(): Promise<void> {
    while (this.#working) await this.#working;
  }

  async close(): Promise<void> {
    this.#wanted.clear();
    this.#closing.abort();
    await this.#working;
  }

  #work(): Promise<void> {
    const { host, read, failed, keep } = this.options;
    const { generation } = host;
    return inBackground(
      host,
      this.#closing.signal,
      () => {
        const [first] = this.#wanted;
        return first === undefined || generation !== host.generation ? null : first;
      },
      async (connection, [id, item]) => {
        const value = await read(connection, item).catch(failed);
        this.#wanted.delete(id);
        if (generation === host.generation) keep(id, value, item);
      },
    );
  }
}
