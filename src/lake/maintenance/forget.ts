import type { DuckDBConnection } from '@duckdb/node-api';
import { inTransaction, literal, qualified } from '../../duckdb/index.js';
import { asideSuffix, checkFile, isBelow } from '../files/check.js';
import { expected } from '../files/checksums.js';
import { lakeMetadata, type KnownFile } from '../files/known-files.js';
import type { FileProblem } from '../files/damaged.js';
import type { ForgetResult, ForgottenFile } from '../types.js';
import { liveFiles, opens, type LakeFiles } from './inventory.js';
import { keyOf } from './damage.js';
import { lastSnapshot, removalOf, snapshotAfter } from '../metadata-edits.js';
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
    const last = await lastSnapshot(connection);
    // A catalog server names its own tables.
    const of = catalogKind === 'quack' ? (table: string) => table : undefined;
    const changes = tables.map((id) => `deleted_from_table:${id}`).join(',');
    await changeCatalog(connection, catalogKind, [
      ...removalOf(data, deletes, of),
      ...snapshotAfter(last, last.id + 1, changes, of),
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
