import { basename } from 'node:path';
import { literal } from '../../../duckdb/index.js';
import type { ColumnDef, ColumnType, TableName } from '../../../schema/index.js';
import { catalogSql } from '../../files/known-files.js';
import { compactedPrefix, flushedPrefix, hasPrefix } from '../moved.js';
import type { TaskRun } from '../task.js';
import type { DataFile } from './groups.js';

/** Of a table, in the order of their commits, those of which no row is deleted. */
export async function liveFiles(task: TaskRun, catalogKind: string, table: TableName): Promise<DataFile[]> {
  const files = await task.rows(
    `SELECT data_file, data_file_size_bytes FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')
     WHERE delete_file IS NULL`,
  );
  if (files.length === 0) return [];
  const counts = await inCatalog(task, catalogKind, table, 'f.record_count');
  const rows = new Map(counts.map(([path, count]) => [basename(String(path)), Number(count)]));
  return files.map(([file, bytes]) => {
    const path = String(file);
    return { path, bytes: Number(bytes), rows: rows.get(basename(path)) ?? 0 };
  });
}

/** The tables that have files now. On a catalog server each look at those of one table takes several requests. */
export async function tablesWithFiles(task: TaskRun, catalogKind: string): Promise<ReadonlySet<string>> {
  const sql = `SELECT table_name FROM $ducklake_table WHERE end_snapshot IS NULL
       AND table_id IN (SELECT table_id FROM $ducklake_data_file WHERE end_snapshot IS NULL)`;
  const found = await task.rows(catalogSql(catalogKind, sql));
  return new Set(found.map(([name]) => String(name)));
}

/**
 * Whether a file's rows are counted in the summary, as they are up to snapshot `until`, or all are to be taken for it (null). A flush of
 * DuckLake's has rows of several snapshots in a file, each with its own; what is left of a file that lost rows, as the later snapshots of `rewrittenLater` tell, counts for counted.
 */
export async function countedFiles(
  task: TaskRun,
  catalogKind: string,
  table: TableName,
  until: number | null,
  rewrittenLater: ReadonlyMap<string, readonly number[]>,
): Promise<(path: string) => boolean> {
  if (until === null) return () => true;
  const rewritten = new Set(rewrittenLater.get(table));
  const lasts = await inCatalog(task, catalogKind, table, 'coalesce(f.partial_max, f.begin_snapshot)');
  const known = new Set(
    lasts.flatMap(([path, last]) =>
      Number(last) <= until || rewritten.has(Number(last)) ? [basename(String(path))] : [],
    ),
  );
  const moved = [compactedPrefix, flushedPrefix];
  return (path) => known.has(basename(path)) || moved.some((prefix) => hasPrefix(path, prefix));
}

/** Of each file of a table that is in it now, its path as the catalog has it, and `value` of it. */
function inCatalog(
  task: TaskRun,
  catalogKind: string,
  table: TableName,
  value: string,
): Promise<unknown[][]> {
  const sql = `SELECT f.path, ${value} FROM $ducklake_data_file f JOIN $ducklake_table t ON t.table_id = f.table_id
     WHERE t.table_name = ${literal(table)} AND t.end_snapshot IS NULL AND f.end_snapshot IS NULL`;
  return task.rows(catalogSql(catalogKind, sql));
}

/** The table's columns as they are now, which may be more than this release knows. */
export async function columnsOf(task: TaskRun, table: TableName): Promise<ColumnDef[]> {
  const rows = await task.rows(
    `SELECT column_name, data_type FROM duckdb_columns()
     WHERE database_name = 'lake' AND schema_name = 'main' AND table_name = ${literal(table)} ORDER BY column_index`,
  );
  return rows.map(([name, type]) => ({ name: String(name), type: String(type) as ColumnType }));
}

/** The names of the columns that a file has. */
export async function columnsIn(task: TaskRun, path: string): Promise<string[]> {
  const rows = await task.rows(`DESCRIBE FROM read_parquet(${literal(path)}, hive_partitioning => false)`);
  return rows.map(([name]) => String(name));
}
