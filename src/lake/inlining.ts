import type { DuckDBConnection } from '@duckdb/node-api';

const setting = 'ducklake_default_data_inlining_row_limit';

/** Runs `work` while rows of inserts and deletions below this number stay in the catalog, whatever the settings say. */
export async function withInliningLimit<T>(
  connection: DuckDBConnection,
  rows: number,
  work: () => Promise<T>,
): Promise<T> {
  const limit = await connection.runAndReadAll(`SELECT current_setting('${setting}')`);
  await connection.run(`SET SESSION ${setting} = ${rows}`);
  try {
    return await work();
  } finally {
    await connection.run(`SET SESSION ${setting} = ${Number(limit.getRows()[0]?.[0])}`);
  }
}
