import type { DuckDBConnection } from '@duckdb/node-api';
import { literal, qualified } from '../duckdb/index.js';
import { exists } from './copy.js';

/** What the current snapshot of a table holds, by the catalog alone. */
export interface TableCount {
  readonly table: string;
  /** Inlined rows included, deleted ones not. */
  readonly rows: number;
  readonly inlinedRows: number;
  readonly files: number;
  /** Bytes of the data files. */
  readonly bytes: number;
}

/** Of every table of the catalog in `database`, by name. Reads no Parquet. */
export async function tableCounts(connection: DuckDBConnection, database: string): Promise<TableCount[]> {
  const of = (table: string) => qualified(database, table);
  const reader = await connection.runAndReadAll(
    `SELECT t.table_id, t.table_name, coalesce(f.rows, 0), coalesce(f.files, 0), coalesce(f.bytes, 0),
            coalesce(d.deleted, 0)
     FROM ${of('ducklake_table')} t
     LEFT JOIN (SELECT table_id, sum(record_count) AS rows, count(*) AS files, sum(file_size_bytes) AS bytes
                FROM ${of('ducklake_data_file')} WHERE end_snapshot IS NULL GROUP BY table_id) f USING (table_id)
     LEFT JOIN (SELECT table_id, sum(delete_count) AS deleted
                FROM ${of('ducklake_delete_file')} WHERE end_snapshot IS NULL GROUP BY table_id) d USING (table_id)
     WHERE t.end_snapshot IS NULL ORDER BY t.table_name`,
  );
  const counts: TableCount[] = [];
  for (const [id, name, rows, files, bytes, deleted] of reader.getRows()) {
    const tableId = Number(id);
    const inlinedRows = await inlinedRowsOf(connection, database, tableId);
    const inlinedDeletes = await inlinedDeletesOf(connection, database, tableId);
    counts.push({
      table: String(name),
      rows: Number(rows) - Number(deleted) - inlinedDeletes + inlinedRows,
      inlinedRows,
      files: Number(files),
      bytes: Number(bytes),
    });
  }
  return counts;
}

async function inlinedRowsOf(
  connection: DuckDBConnection,
  database: string,
  tableId: number,
): Promise<number> {
  const tables = await connection.runAndReadAll(
    `SELECT DISTINCT table_name FROM ${qualified(database, 'ducklake_inlined_data_tables')} WHERE table_id = ${tableId}`,
  );
  let rows = 0;
  for (const [name] of tables.getRows()) {
    rows += await count(
      connection,
      `SELECT count(*) FROM ${qualified(database, String(name))} WHERE end_snapshot IS NULL`,
    );
  }
  return rows;
}

/** Deletions from files that are still part of the table. */
async function inlinedDeletesOf(
  connection: DuckDBConnection,
  database: string,
  tableId: number,
): Promise<number> {
  const table = `ducklake_inlined_delete_${tableId}`;
  if (!(await exists(connection, database, table))) return 0;
  return count(
    connection,
    `SELECT count(*) FROM ${qualified(database, table)} WHERE file_id IN
       (SELECT data_file_id FROM ${qualified(database, 'ducklake_data_file')} WHERE end_snapshot IS NULL)`,
  );
}

/** Newest snapshot and DuckLake's format version. */
export async function catalogVersion(
  connection: DuckDBConnection,
  database: string,
): Promise<{ snapshotId: number; ducklakeVersion: string; dataPath: string }> {
  const snapshotId = await count(
    connection,
    `SELECT coalesce(max(snapshot_id), -1) FROM ${qualified(database, 'ducklake_snapshot')}`,
  );
  const reader = await connection.runAndReadAll(
    `SELECT key, value FROM ${qualified(database, 'ducklake_metadata')}
     WHERE key IN (${literal('version')}, ${literal('data_path')}) AND scope IS NULL`,
  );
  const values = new Map(reader.getRows().map(([key, value]) => [String(key), String(value)]));
  return {
    snapshotId,
    ducklakeVersion: values.get('version') ?? '',
    dataPath: values.get('data_path') ?? '',
  };
}

export async function count(connection: DuckDBConnection, sql: string): Promise<number> {
  return Number((await connection.runAndReadAll(sql)).getRows()[0]?.[0]);
}
