import { ident, inTransaction, literal, messageOf } from '../../duckdb/index.js';
import { tables } from '../../schema/index.js';
import { keyNamedIn } from '../files/damaged.js';
import { readMeta, setMeta } from '../schema.js';
import { tableSizes } from '../stats.js';
import type { RetentionDay } from '../types.js';
import { damagedAmong, keyOf } from './damage.js';
import { dropFiles } from './forget.js';
import { liveFiles, type LakeFiles } from './inventory.js';
import type { TaskRun } from './task.js';
import { usedTables } from './metadata.js';
import { droppingFiles } from './whole-files.js';

export const dayMs = 86_400_000;
const doneKey = 'retention_done';

/** Midnight UTC `days` days before the current day: everything before it is too old. */
export function retentionCutoff(nowMs: number, days: number): Date {
  return new Date((Math.floor(nowMs / dayMs) - days) * dayMs);
}

/** ISO date of a midnight UTC. */
export function isoDay(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** What is older than a cutoff, by table and day, and what the lake has in all. */
export interface Due {
  readonly days: readonly RetentionDay[];
  readonly totalRows: number;
  readonly totalBytes: number;
}

/** The last run that deleted all it should. */
export interface RetentionDone {
  /** Everything before it is gone. */
  readonly cutoffMs: number;
  readonly retentionDays: number;
  /** The lake's time, and how long nodes had run on it. */
  readonly lakeMs: number;
  readonly provenMs: number;
  /** More was due, and follows day by day. */
  readonly partial: boolean;
}

export async function dueBefore(task: TaskRun, lakeFiles: LakeFiles, cutoff: Date): Promise<Due> {
  const days: RetentionDay[] = [];
  const ever = await usedTables(task, lakeFiles);
  const used = tables.filter(({ name }) => ever.has(name));
  for (const { name } of used) {
    const files = await filesBefore(task, name, cutoff);
    const counts = await countsBefore(task, lakeFiles, name, cutoff, files);
    for (const [day, rows] of [...counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const own = files.filter((file) => file.day === day);
      const bytes = own.reduce((sum, file) => sum + file.bytes, 0);
      days.push({ table: name, day, rows, files: own.length, bytes });
    }
  }
  if (days.length === 0) return { days, totalRows: 0, totalBytes: 0 };
  let totalRows = 0;
  for (const { name } of used) totalRows += await rowsOf(task, lakeFiles, name);
  const sizes = await task.retried(() => tableSizes(task.connection));
  return { days, totalRows, totalBytes: sizes.tables.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Rows by ISO day. While a file can't be read, those of the files as the catalog counts them. */
async function countsBefore(
  task: TaskRun,
  lakeFiles: LakeFiles,
  name: string,
  cutoff: Date,
  files: readonly OldFile[],
): Promise<Map<string, number>> {
  const counted = await unlessDamaged(task, lakeFiles, name, () =>
    task.rows(
      `SELECT timestamp::DATE::VARCHAR AS day, count(*) FROM lake.main.${ident(name)}
       WHERE timestamp < ${midnight(cutoff)} GROUP BY day`,
    ),
  );
  if (counted !== null) return new Map(counted.map(([day, rows]) => [String(day), Number(rows)]));
  const known = new Map(
    (await liveFiles(task, lakeFiles.storage)).files.map((file) => [file.key, file.rows]),
  );
  const counts = new Map<string, number>();
  for (const { day, path } of files) {
    counts.set(day, (counts.get(day) ?? 0) + (known.get(keyOf(lakeFiles, path)) ?? 0));
  }
  return counts;
}

async function rowsOf(task: TaskRun, lakeFiles: LakeFiles, name: string): Promise<number> {
  const counted = await unlessDamaged(task, lakeFiles, name, () =>
    task.rows(`SELECT count(*) FROM lake.main.${ident(name)}`),
  );
  if (counted !== null) return Number(counted[0]?.[0]);
  const { files } = await liveFiles(task, lakeFiles.storage);
  const own = files.filter(({ table, kind }) => table === name && kind === 'data');
  return own.reduce((sum, { rows }) => sum + rows, 0);
}

/** Null when a file of the table is damaged, known so or seen by the failure of `work`. */
async function unlessDamaged<T>(
  task: TaskRun,
  lakeFiles: LakeFiles,
  name: string,
  work: () => Promise<T>,
): Promise<T | null> {
  if (lakeFiles.damaged.all.some(({ table }) => table === name)) return null;
  try {
    return await work();
  } catch (error) {
    task.signal.throwIfAborted();
    const path = lakeFiles.storage.url + (keyNamedIn(messageOf(error)) ?? '');
    if ((await damagedAmong(task, lakeFiles, [path])).length === 0) throw error;
    return null;
  }
}

/** The part of the lake that these days are: the larger of rows and bytes, 0 to 1. */
export function shareOf(days: readonly RetentionDay[], { totalRows, totalBytes }: Due): number {
  const rows = days.reduce((sum, each) => sum + each.rows, 0);
  const bytes = days.reduce((sum, each) => sum + each.bytes, 0);
  return Math.max(totalRows === 0 ? 0 : rows / totalRows, totalBytes === 0 ? 0 : bytes / totalBytes);
}

/**
 * Deletes all rows before `cutoff`, a midnight UTC. Files hold one day each, so they go as a whole; one file is deleted at a
 * time, because commits to the table wait meanwhile.
 */
export async function deleteBefore(
  task: TaskRun,
  lakeFiles: LakeFiles,
  cutoff: Date,
  due: Due,
): Promise<void> {
  const before = midnight(cutoff);
  for (const name of new Set(due.days.map(({ table }) => table))) {
    const table = `lake.main.${ident(name)}`;
    await dropDamaged(task, lakeFiles, name, cutoff);
    for (const file of await filesBefore(task, name, cutoff)) {
      const remove = () =>
        task.exclusive((connection) =>
          droppingFiles(connection, () =>
            connection.run(
              `DELETE FROM ${table} WHERE filename = ${literal(file.path)} AND timestamp < ${before}`,
            ),
          ),
        );
      await remove().catch(async (error: unknown) => {
        task.signal.throwIfAborted();
        const key = keyNamedIn(messageOf(error));
        const path = key === null ? file.path : lakeFiles.storage.url + key;
        if ((await damagedAmong(task, lakeFiles, [path])).length === 0) throw error;
        await dropDamaged(task, lakeFiles, name, cutoff);
        // Of another one, which DuckDB opens first.
        if (path !== file.path) await remove();
      });
    }
    // What is still in the catalog, or came meanwhile.
    await task.exclusive((connection) => connection.run(`DELETE FROM ${table} WHERE timestamp < ${before}`));
  }
  await task.run(`DELETE FROM lake.main.metadata_summary WHERE day < DATE ${literal(isoDay(cutoff))}`);
}

export async function readDone(task: TaskRun): Promise<RetentionDone | null> {
  const text = (await task.retried(() => readMeta(task.connection))).get(doneKey);
  try {
    const done = JSON.parse(text ?? 'null') as RetentionDone | null;
    const numbers = done && [done.cutoffMs, done.retentionDays, done.lakeMs, done.provenMs];
    return numbers?.every(Number.isFinite) === true ? done : null;
  } catch {
    return null;
  }
}

export async function writeDone(task: TaskRun, done: RetentionDone): Promise<void> {
  await task.exclusive((connection) =>
    inTransaction(connection, () => setMeta(connection, doneKey, JSON.stringify(done))),
  );
}

interface OldFile {
  readonly path: string;
  readonly bytes: number;
  /** ISO date. */
  readonly day: string;
}

/** Takes those that are known to be damaged out of the catalog, without reading them. */
async function dropDamaged(task: TaskRun, lakeFiles: LakeFiles, name: string, cutoff: Date): Promise<void> {
  if (lakeFiles.damaged.all.length === 0) return;
  const old = new Set((await filesBefore(task, name, cutoff)).map(({ path }) => keyOf(lakeFiles, path)));
  const live = (await liveFiles(task, lakeFiles.storage)).files;
  const bad = live.filter(({ key }) => old.has(key) && lakeFiles.damaged.get(key) !== undefined);
  if (bad.length > 0) await dropFiles(task, lakeFiles, bad);
}

function midnight(date: Date): string {
  return `TIMESTAMP ${literal(isoDay(date))}`;
}

async function filesBefore(task: TaskRun, table: string, cutoff: Date): Promise<OldFile[]> {
  const part = (key: string) => `nullif(regexp_extract(data_file, '/${key}=(\\d+)/', 1), '')::INTEGER`;
  const rows = await task.rows(
    `SELECT data_file, data_file_size_bytes, day::VARCHAR FROM (
       SELECT data_file, data_file_size_bytes,
              make_date(${part('year')}, ${part('month')}, ${part('day')}) AS day
       FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main'))
     WHERE day < DATE ${literal(isoDay(cutoff))} ORDER BY data_file`,
  );
  return rows.map(([path, bytes, day]) => ({ path: String(path), bytes: Number(bytes), day: String(day) }));
}
