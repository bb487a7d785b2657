import type { DuckDBConnection } from '@duckdb/node-api';

const setting = 'ducklake_default_data_inlining_row_limit';

/**
 * Runs deletions of all rows of files so that the files leave the table whole. DuckLake would inline the deletion of a
 * small file's rows: the file stayed listed, all its rows deleted, and the next flush of these deletions would collide
 * with every commit to the table.
 */
export async function droppingFiles<T>(connection: DuckDBConnection, work: () => Promise<T>): Promise<T> {
  const limit = await connection.runAndReadAll(`SELECT current_setting('${setting}')`);
  await connection.run(`SET SESSION ${setting} = 0`);
  try {
    return await work();
  } finally {
    await connection.run(`SET SESSION ${setting} = ${Number(limit.getRows()[0]?.[0])}`);
  }
}
