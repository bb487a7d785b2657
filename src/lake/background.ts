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
