import type { DuckDBConnection } from '@duckdb/node-api';
import { qualified } from '../duckdb/index.js';

/** Data files of one table and day, at the current snapshot. */
export interface DayFiles {
  readonly table: string;
  /** ISO date, UTC; null for tables that have no days. */
  readonly day: string | null;
  readonly files: number;
  /** Rows in the files, deleted ones included; those in the catalog not. */
  readonly rows: number;
  readonly bytes: number;
}

export interface SnapshotEntry {
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  /** As DuckLake notes them: `inserted_into_table:4,…`. */
  readonly changes: string;
}

/** At most so many of each are told. */
const mostSnapshots = 100;
const mostDays = 5000;

/** The newest days first. Reads no Parquet. */
export async function filesByDay(connection: DuckDBConnection, database: string): Promise<DayFiles[]> {
  // One statement for each metadata table: a catalog server can't read two in one.
  const names = await connection.runAndReadAll(
    `SELECT table_id, table_name FROM ${qualified(database, 'ducklake_table')} WHERE end_snapshot IS NULL`,
  );
  const nameOf = new Map(names.getRows().map(([id, name]) => [Number(id), String(name)]));
  const reader = await connection.runAndReadAll(
    `SELECT table_id, regexp_extract(path, 'year=(\\d+)/month=(\\d+)/day=(\\d+)/', ['y', 'm', 'd']) AS day,
            count(*), sum(record_count), sum(file_size_bytes)
     FROM ${qualified(database, 'ducklake_data_file')} WHERE end_snapshot IS NULL GROUP BY ALL`,
  );
  const found = reader.getRowsJson().map(([id, day, files, rows, bytes]): DayFiles => {
    const { y, m, d } = day as { readonly y: string; readonly m: string; readonly d: string };
    return {
      table: nameOf.get(Number(id)) ?? '',
      day: y === '' ? null : `${y}-${m.padStart(2, '0')}-${d.padStart(2, '0')}`,
      files: Number(files),
      rows: Number(rows),
      bytes: Number(bytes),
    };
  });
  return found
    .sort((a, b) => (b.day ?? '').localeCompare(a.day ?? '') || a.table.localeCompare(b.table))
    .slice(0, mostDays);
}

/** The newest first. */
export async function snapshots(connection: DuckDBConnection, database: string): Promise<SnapshotEntry[]> {
  const newest = await connection.runAndReadAll(
    `SELECT snapshot_id, epoch_ms(snapshot_time) FROM ${qualified(database, 'ducklake_snapshot')}
     ORDER BY snapshot_id DESC LIMIT ${mostSnapshots}`,
  );
  const rows = newest.getRows().map(([id, ms]) => [Number(id), Number(ms)] as const);
  const oldest = rows.at(-1)?.[0] ?? 0;
  const changes = await connection.runAndReadAll(
    `SELECT snapshot_id, changes_made FROM ${qualified(database, 'ducklake_snapshot_changes')}
     WHERE snapshot_id >= ${oldest}`,
  );
  const changeOf = new Map(
    changes.getRows().map(([id, text]) => [Number(id), text === null ? '' : String(text)]),
  );
  return rows.map(([id, ms]) => ({
    id,
    at: new Date(ms).toISOString(),
    changes: (changeOf.get(id) ?? '').slice(0, 1000),
  }));
}
