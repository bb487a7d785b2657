import type { DuckDBConnection } from '@duckdb/node-api';

export const inliningSetting = 'ducklake_default_data_inlining_row_limit';

/** DuckLake's virtual column tells where a row is; of rows in the catalog it has the name of a table. */
export const isInlined = `starts_with(filename, 'ducklake_inlined_data_')`;

/** Inserts of fewer rows than this stay in the catalog from then on, on this connection. */
export function inliningSql(rowLimit: number): string {
  return `SET SESSION ${inliningSetting} = ${rowLimit}`;
}

/** Runs `work` while rows of inserts and deletions below this number stay in the catalog, whatever the settings say. */
export async function withInliningLimit<T>(
  connection: DuckDBConnection,
  rows: number,
  work: () => Promise<T>,
): Promise<T> {
  const limit = await connection.runAndReadAll(`SELECT current_setting('${inliningSetting}')`);
  await connection.run(inliningSql(rows));
  try {
    return await work();
  } finally {
    await connection.run(inliningSql(Number(limit.getRows()[0]?.[0])));
  }
}
