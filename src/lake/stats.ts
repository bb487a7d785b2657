import type { DuckDBConnection } from '@duckdb/node-api';
import { tables } from '../schema/index.js';

export interface TableSize {
  readonly table: string;
  readonly files: number;
  readonly bytes: number;
}

/** Data files and their bytes per telemetry table, at the current snapshot. */
export async function tableSizes(
  connection: DuckDBConnection,
): Promise<{ snapshotId: number; tables: TableSize[] }> {
  const snapshot = await connection.runAndReadAll(`SELECT id FROM ducklake_current_snapshot('lake')`);
  const info = await connection.runAndReadAll(
    `SELECT table_name, file_count, file_size_bytes FROM ducklake_table_info('lake')`,
  );
  const found = new Map(
    info.getRows().map(([table, files, bytes]) => [String(table), [Number(files), Number(bytes)]]),
  );
  return {
    snapshotId: Number(snapshot.getRows()[0]?.[0]),
    tables: tables.map(({ name }) => {
      const [files = 0, bytes = 0] = found.get(name) ?? [];
      return { table: name, files, bytes };
    }),
  };
}
