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
  // One statement for each metadata table: a catalog server can't read two in one.
  const rowsOf = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
  const of = (table: string) => qualified(database, table);
  const tables = await rowsOf(
    `SELECT table_id, table_name FROM ${of('ducklake_table')} WHERE end_snapshot IS NULL ORDER BY table_name`,
  );
  const files = new Map<number, { rows: number; files: number; bytes: number }>();
  for (const [id, rows, n, bytes] of await rowsOf(
    `SELECT table_id, sum(record_count), count(*), sum(file_size_bytes) FROM ${of('ducklake_data_file')}
     WHERE end_snapshot IS NULL GROUP BY table_id`,
  )) {
    files.set(Number(id), { rows: Number(rows), files: Number(n), bytes: Number(bytes) });
  }
  const deleted = new Map<number, number>();
  for (const [id, rows] of await rowsOf(
    `SELECT table_id, sum(delete_count) FROM ${of('ducklake_delete_file')} WHERE end_snapshot IS NULL GROUP BY table_id`,
  )) {
    deleted.set(Number(id), Number(rows));
  }
  const counts: TableCount[] = [];
  for (const [id, name] of tables) {
    const tableId = Number(id);
    const inFiles = files.get(tableId) ?? { rows: 0, files: 0, bytes: 0 };
    const inlinedRows = await inlinedRowsOf(connection, database, tableId);
    const inlinedDeletes = await inlinedDeletesOf(connection, database, tableId);
    counts.push({
      table: String(name),
      rows: inFiles.rows - (deleted.get(tableId) ?? 0) - inlinedDeletes + inlinedRows,
      inlinedRows,
      files: inFiles.files,
      bytes: inFiles.bytes,
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
  const perFile = await connection.runAndReadAll(
    `SELECT file_id, count(*) FROM ${qualified(database, table)} GROUP BY file_id`,
  );
  if (perFile.currentRowCount === 0) return 0;
  const current = await connection.runAndReadAll(
    `SELECT data_file_id FROM ${qualified(database, 'ducklake_data_file')}
     WHERE table_id = ${tableId} AND end_snapshot IS NULL`,
  );
  const files = new Set(current.getRows().map(([id]) => Number(id)));
  return perFile.getRows().reduce((sum, [id, n]) => sum + (files.has(Number(id)) ? Number(n) : 0), 0);
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
