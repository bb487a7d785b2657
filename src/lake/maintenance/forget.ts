import type { DuckDBConnection } from '@duckdb/node-api';
import { inTransaction, literal, qualified } from '../../duckdb/index.js';
import { asideSuffix, checkFile, isBelow } from '../files/check.js';
import { lakeMetadata, type KnownFile } from '../files/known-files.js';
import type { FileProblem } from '../files/damaged.js';
import type { ForgetResult, ForgottenFile } from '../types.js';
import { expected, liveFiles, opens, type LakeFiles } from './inventory.js';
import { keyOf } from './damage.js';
import type { TaskRun } from './task.js';

/**
 * Gives up the rows of damaged files: takes them out of the lake, and deletes what is left of them. Files
 * are named by key or path. Nothing is changed when one of them is unknown or whole, or with `dryRun`.
 */
export async function forgetFiles(
  task: TaskRun,
  lakeFiles: LakeFiles,
  names: readonly string[],
  dryRun: boolean,
): Promise<ForgetResult> {
  const { storage } = lakeFiles;
  const { files, noted } = await liveFiles(task, storage);
  const live = new Map(files.map((file) => [file.key, file]));
  const given: ForgottenFile[] = [];
  const refused: { path: string; reason: string }[] = [];
  const chosen: KnownFile[] = [];
  for (const name of new Set(names)) {
    const key = keyOf(lakeFiles, name).replace(new RegExp(`\\${asideSuffix}$`), '');
    const file = live.get(key);
    if (file === undefined) {
      refused.push({ path: name, reason: 'the current snapshot has no such file' });
      continue;
    }
    const checked = await checkFile(storage, expected(file, noted));
    const problem: FileProblem | null =
      checked.problem ?? ((await opens(task, storage.url + key)) ? null : 'unreadable');
    if (problem === null) {
      refused.push({ path: name, reason: 'the file is whole: delete rows with SQL instead' });
      continue;
    }
    chosen.push(file);
    given.push({
      key,
      kind: file.kind === 'delete' ? 'delete' : 'data',
      table: file.table,
      problem,
      rows: file.rows,
      ...(await timesOf(task, file)),
    });
  }
  const result = { dryRun, files: given, refused };
  if (dryRun || refused.length > 0 || chosen.length === 0) return result;
  await dropFiles(task, lakeFiles, chosen);
  return result;
}

/** Least and greatest timestamp of a data file's rows, ISO 8601, by the catalog's statistics. */
async function timesOf(task: TaskRun, file: KnownFile): Promise<{ from: string | null; to: string | null }> {
  if (file.kind !== 'data') return { from: null, to: null };
  const columns = await task.rows(
    `SELECT column_id FROM ${qualified(lakeMetadata, 'ducklake_column')}
     WHERE column_name = 'timestamp' AND parent_column IS NULL AND table_id = ${file.tableId} AND end_snapshot IS NULL`,
  );
  if (columns.length === 0) return { from: null, to: null };
  const [row] = await task.rows(
    `SELECT min_value, max_value FROM ${qualified(lakeMetadata, 'ducklake_file_column_stats')}
     WHERE data_file_id = ${file.id} AND column_id = ${Number(columns[0]?.[0])}`,
  );
  const iso = (value: unknown) => {
    const ms = typeof value === 'string' ? Date.parse(`${value.replace(' ', 'T')}Z`) : Number.NaN;
    return Number.isNaN(ms) ? null : new Date(ms).toISOString();
  };
  return { from: iso(row?.[0]), to: iso(row?.[1]) };
}

/**
 * Takes files out of the catalog, from every snapshot, and deletes what is left of them. DuckLake's own DELETE would have to
 * read them. Between two commits, with a snapshot of its own, so that every node sees it; conflicts are tried again. In
 * this order half of it does no harm: over Quack it is no transaction.
 */
export async function dropFiles(
  task: TaskRun,
  { storage, damaged, catalogKind }: LakeFiles,
  files: readonly KnownFile[],
): Promise<void> {
  const ids = (kind: KnownFile['kind']) => files.filter((file) => file.kind === kind).map(({ id }) => id);
  const [data, deletes] = [ids('data'), ids('delete')];
  const tables = [...new Set(files.map(({ tableId }) => tableId))];
  await task.exclusive(async (connection) => {
    const reader = await connection.runAndReadAll(
      `SELECT snapshot_id, schema_version, next_catalog_id, next_file_id
       FROM ${qualified(lakeMetadata, 'ducklake_snapshot')} ORDER BY snapshot_id DESC LIMIT 1`,
    );
    const [last, ...counters] = (reader.getRows()[0] ?? []).map(Number);
    const next = Number(last) + 1;
    // A catalog server names its own tables.
    const of = (table: string) => (catalogKind === 'quack' ? table : qualified(lakeMetadata, table));
    const remove = (table: string, column: string, which: readonly number[]) =>
      which.length === 0 ? [] : [`DELETE FROM ${of(table)} WHERE ${column} IN (${which.join(', ')})`];
    const changes = tables.map((id) => `deleted_from_table:${id}`).join(',');
    await changeCatalog(connection, catalogKind, [
      ...remove('ducklake_file_column_stats', 'data_file_id', data),
      ...remove('ducklake_file_partition_value', 'data_file_id', data),
      ...remove('ducklake_delete_file', 'data_file_id', data),
      ...remove('ducklake_delete_file', 'delete_file_id', deletes),
      ...remove('ducklake_data_file', 'data_file_id', data),
      `INSERT INTO ${of('ducklake_snapshot')} (snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id)
       VALUES (${next}, now(), ${counters.join(', ')})`,
      `INSERT INTO ${of('ducklake_snapshot_changes')} (snapshot_id, changes_made) VALUES (${next}, ${literal(changes)})`,
    ]);
  });
  for (const { key } of files) {
    damaged.clear(key, 'gone');
    if (!isBelow(key)) continue;
    await storage.delete(key);
    await storage.delete(key + asideSuffix);
  }
}

/** Runs statements on DuckLake's own tables. A catalog server changes them only itself, one statement at a time. */
async function changeCatalog(
  connection: DuckDBConnection,
  kind: string,
  statements: readonly string[],
): Promise<void> {
  if (kind === 'quack') {
    for (const sql of statements) {
      await connection.run(`CALL quack_query_by_name(${literal(lakeMetadata)}, ${literal(sql)})`);
    }
    return;
  }
  await inTransaction(connection, async () => {
    for (const sql of statements) await connection.run(sql);
  });
}
