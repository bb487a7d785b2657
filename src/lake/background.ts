import { setTimeout as sleep } from 'node:timers/promises';
import type { DuckDBConnection } from '@duckdb/node-api';

/** The instance's connections, of which one is taken for work in the background. */
export interface BackgroundHost {
  /** Another number once the instance is another. */
  readonly generation: number;
  acquire(): Promise<DuckDBConnection>;
  release(connection: DuckDBConnection): void;
}

const longestPauseMs = 1000;

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
  readonly keep: (id: string, value: V) => void;
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
        if (generation === host.generation) keep(id, value);
      },
    );
  }
}
