import { literal } from '../../duckdb/index.js';
import { tables } from '../../schema/index.js';
import { atServer, catalogSql, knownFiles } from '../files/known-files.js';
import { damagedAmong } from './damage.js';
import type { LakeFiles } from './inventory.js';
import type { TaskRun } from './task.js';

/** Files without the rows that a person deleted: compaction leaves files with deletions alone. */
export async function rewriteDeletions(task: TaskRun, lakeFiles: LakeFiles): Promise<void> {
  const names: readonly string[] = tables.map(({ name }) => name);
  await rewriteDeletionsOf(task, lakeFiles, names);
}

/** The same for these tables. Of those without deletions DuckLake is not asked for their files, which on a catalog server takes several requests each. */
export async function rewriteDeletionsOf(
  task: TaskRun,
  lakeFiles: LakeFiles,
  names: readonly string[],
): Promise<void> {
  const suspected = await withDeletions(task, lakeFiles);
  for (const name of names.filter((each) => suspected.has(each))) {
    if ((await deletionsOf(task, lakeFiles, name)) === 'whole') {
      await task.rewritingExclusively(name, [rewriteSql(name)]);
    }
  }
}

/** Tables from whose files rows may be deleted, as far as the catalog's own tables tell. */
async function withDeletions(task: TaskRun, { catalogKind }: LakeFiles): Promise<ReadonlySet<string>> {
  const inlined =
    catalogKind === 'quack'
      ? `EXISTS (FROM duckdb_tables() i WHERE i.table_name = 'ducklake_inlined_delete_' || t.table_id)`
      : 'false';
  const sql = `SELECT t.table_name FROM $ducklake_table t WHERE t.end_snapshot IS NULL AND (${inlined} OR t.table_id IN
       (SELECT d.table_id FROM $ducklake_delete_file d WHERE d.end_snapshot IS NULL))`;
  const found = await task.rows(catalogSql(catalogKind, sql));
  return new Set(found.map(([name]) => String(name)));
}

/** Whether rows are deleted from files of the table, and those files are whole: what is damaged would get a new, valid checksum. */
export async function deletionsOf(
  task: TaskRun,
  lakeFiles: LakeFiles,
  table: string,
): Promise<'none' | 'whole' | 'damaged'> {
  const files = await filesWithDeletions(task, lakeFiles, table);
  if (files.length === 0) return 'none';
  return (await damagedAmong(task, lakeFiles, files)).length === 0 ? 'whole' : 'damaged';
}

/** Files without the rows deleted from them; those without any row left are dropped. */
export function rewriteSql(table: string): string {
  return `CALL ducklake_rewrite_data_files('lake', ${literal(table)}, schema => 'main', delete_threshold => 0.0)`;
}

/**
 * By table, the later snapshots by which rewriting gave the rows that were left to a new file: DuckLake takes them for rows of that snapshot.
 */
export async function rewrittenSince(
  task: TaskRun,
  catalogKind: string,
  snapshot: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const sql = `SELECT t.table_name, c.snapshot_id FROM $ducklake_snapshot_changes c JOIN $ducklake_table t
       ON list_contains(string_split(c.changes_made, ','), 'rewrite_delete:' || t.table_id)
     WHERE c.snapshot_id > ${snapshot} AND t.end_snapshot IS NULL`;
  const found = await task.rows(catalogSql(catalogKind, sql));
  const byTable = new Map<string, number[]>();
  for (const [name, id] of found) {
    const table = String(name);
    byTable.set(table, [...(byTable.get(table) ?? []), Number(id)]);
  }
  return byTable;
}

/** The files from which rows are deleted, and the lists of those rows. */
async function filesWithDeletions(task: TaskRun, lakeFiles: LakeFiles, table: string): Promise<string[]> {
  const rows = await task.rows(
    `SELECT data_file, delete_file FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main')
     WHERE delete_file IS NOT NULL`,
  );
  return [...rows.flat().map(String), ...(await withInlinedDeletions(task, lakeFiles, table))];
}

/**
 * Files with deletions that only the catalog notes, on a catalog server. On other catalogs the flush has made lists of
 * them.
 */
async function withInlinedDeletions(task: TaskRun, lakeFiles: LakeFiles, table: string): Promise<string[]> {
  if (lakeFiles.catalogKind !== 'quack') return [];
  const [found] = await task.rows(
    atServer(
      `SELECT t.table_id, EXISTS (FROM duckdb_tables() WHERE table_name = 'ducklake_inlined_delete_' || t.table_id)
       FROM ducklake_table t WHERE t.table_name = ${literal(table)} AND t.end_snapshot IS NULL`,
    ),
  );
  if (found?.[1] !== true) return [];
  const rows = await task.rows(
    atServer(
      `SELECT DISTINCT data_file_id FROM ducklake_inlined_delete_${Number(found[0])} d
       JOIN ducklake_data_file f ON f.data_file_id = d.file_id WHERE f.end_snapshot IS NULL`,
    ),
  );
  if (rows.length === 0) return [];
  const ids = new Set(rows.map(([id]) => Number(id)));
  const { storage } = lakeFiles;
  const known = await task.retried(() => knownFiles(task.connection, storage.url));
  return known
    .filter(({ kind, id }) => kind === 'data' && ids.has(id))
    .map(({ key }) => (key.startsWith('/') || key.includes('://') ? key : storage.url + key));
}
