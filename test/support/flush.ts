import type { DuckDBConnection } from '@duckdb/node-api';
import { literal } from '../../src/duckdb/index.js';
import { tables } from '../../src/schema/index.js';

/** Inlined rows of all tables to Parquet, table by table: DuckLake 1.0 flushes several side by side, and corrupts its memory. */
export async function flushInlined(connection: DuckDBConnection): Promise<void> {
  for (const { name } of tables) {
    await connection.run(`CALL ducklake_flush_inlined_data('lake', table_name => ${literal(name)})`);
  }
}
