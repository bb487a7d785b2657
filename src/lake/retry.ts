import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../duckdb/index.js';
import { CommitError } from './types.js';

/** The conflicts after which a commit gives up and is unavailable; the next try is the caller's. */
const maxAttempts = 12;
const firstPauseMs = 20;
const longestPauseMs = 1000;

/**
 * Another transaction came first, and DuckLake says that nothing of this one is in the lake: a logical conflict, or
 * snapshot ids that collided more often than it tries again by itself.
 */
export function isConflict(error: unknown): boolean {
  const message = messageOf(error);
  return (
    /Transaction conflict\b|write-write conflict|\bConflict on (tuple|update)\b|maximum retry count/i.test(
      message,
    ) ||
    // By name: PostgreSQL words this error in the language of its server.
    /ducklake_(snapshot|snapshot_changes|data_file|delete_file|schema_versions|table|column)\w*_pkey/.test(
      message,
    ) ||
    /could not serialize access|deadlock detected/i.test(message)
  );
}

/**
 * Quack's client (DuckDB 1.5.5) forgets for a moment what schemas the catalog server has, when statements of several
 * connections begin at once. Nothing was done then.
 */
export function isSchemaForgotten(error: unknown): boolean {
  return /ducklake_\w+" does not exist because schema "main" does not exist/.test(messageOf(error));
}

/** A COMMIT that did not happen because of another transaction. */
export class ConflictError extends CommitError {
  constructor(message: string, options?: ErrorOptions) {
    super('unavailable', message, options);
    this.name = 'ConflictError';
  }
}

/**
 * Runs `work` again, as a whole, for as long as it rejects with a conflict: at most `maxAttempts` times and only until
 * `deadline` (performance.now()). The pauses grow and are random, so that nodes which collided don't do so again.
 */
export async function retryConflicts<T>(
  deadline: number,
  work: (attempt: number) => Promise<T>,
  onConflict: (attempt: number) => void,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      onConflict(attempt);
      const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1)) * (0.5 + Math.random());
      if (attempt >= maxAttempts || performance.now() + pause >= deadline) throw error;
      await sleep(pause);
    }
  }
}
