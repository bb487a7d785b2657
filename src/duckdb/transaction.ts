import type { DuckDBConnection } from '@duckdb/node-api';

/**
 * Runs `work` in a transaction of its own; when it or the COMMIT fails nothing of it stays, and the error is thrown.
 * `commit`: sends the COMMIT, for those who wait for something first.
 */
export async function inTransaction<T>(
  connection: DuckDBConnection,
  work: () => Promise<T>,
  commit: () => Promise<unknown> = () => connection.run('COMMIT'),
): Promise<T> {
  await connection.run('BEGIN TRANSACTION');
  try {
    const result = await work();
    await commit();
    return result;
  } catch (error) {
    // Fails when no transaction is open any more, as after a failed COMMIT.
    await connection.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
