import { inTransaction, literal } from '../../duckdb/index.js';
import type { Storage } from '../../storage/index.js';
import { asideSuffix, checkFile, isBelow } from '../files/check.js';
import {
  expected,
  expectedChecksum,
  noteChecksums,
  notedChecksums,
  type NotedChecksum,
} from '../files/checksums.js';
import { damagedFile, type DamagedFiles, type FileProblem } from '../files/damaged.js';
import { knownFiles, type KnownFile } from '../files/known-files.js';
import { setAside } from '../files/set-aside.js';
import type { TaskRun } from './task.js';

export interface LakeFiles {
  readonly storage: Storage;
  readonly damaged: DamagedFiles;
  readonly catalogKind: string;
}

/** The files of the current snapshot, with what is known of them. */
export interface LiveFiles {
  readonly files: readonly KnownFile[];
  readonly noted: ReadonlyMap<string, string>;
  /** Keys of noted checksums whose file no snapshot knows any more. */
  readonly gone: readonly string[];
}

/** What one run reads to note checksums; the rest follows in later runs and by the scrub. */
const notingBytes = 256 * 1024 * 1024;

export async function liveFiles(task: TaskRun, storage: Storage): Promise<LiveFiles> {
  const noted = await task.retried(() => notedChecksums(task.connection));
  const known = await task.retried(() => knownFiles(task.connection, storage.url));
  const keys = new Set(known.map(({ key }) => key));
  return {
    files: known.filter(({ current }) => current),
    noted,
    gone: [...noted.keys()].filter((key) => !keys.has(key)),
  };
}

/**
 * Looks whether every file of the current snapshot is there with its full size, and notes checksums of those that
 * carry none in their name, the newest first: what DuckLake itself wrote in this run has its checksum from here on.
 */
export async function takeInventory(task: TaskRun, options: LakeFiles): Promise<void> {
  const { storage, damaged } = options;
  // Listed first, so that what is committed meanwhile is not missed.
  const sizes = new Map<string, number>();
  for await (const { key, size } of storage.list()) sizes.set(key, size);
  const { files, noted, gone } = await liveFiles(task, storage);
  const live = new Set(files.map(({ key }) => key));
  for (const { key } of damaged.all) if (!live.has(key)) damaged.clear(key, 'gone');
  for (const file of files) {
    task.signal.throwIfAborted();
    const { key, size } = file;
    const before = damaged.get(key)?.problem;
    if (sizes.get(key) === size) {
      if (before !== undefined) await lookAgain(task, options, file, noted, files.length);
      continue;
    }
    const foundBytes = isBelow(key) ? ((await storage.stat(key))?.size ?? null) : null;
    if (foundBytes === size) continue;
    const aside = foundBytes === null && sizes.has(key + asideSuffix);
    damaged.note(
      damagedFile(file, foundBytes !== null ? 'size' : aside ? 'checksum' : 'missing', foundBytes),
    );
  }
  const unnoted = files
    .filter(({ key }) => expectedChecksum(key, noted) === null && damaged.get(key) === undefined)
    .sort((a, b) => b.id - a.id);
  const fresh: NotedChecksum[] = [];
  let read = 0;
  for (const file of unnoted) {
    if (read >= notingBytes) break;
    task.signal.throwIfAborted();
    const sum = await firstSight(task, file, options);
    if (sum !== null) fresh.push(sum);
    read += file.size ?? 0;
  }
  await writeChecksums(task, fresh, gone);
}

/** A file that was found damaged and has its size: somebody may have brought it back. */
async function lookAgain(
  task: TaskRun,
  lakeFiles: LakeFiles,
  file: KnownFile,
  noted: ReadonlyMap<string, string>,
  liveFiles: number,
): Promise<void> {
  const { storage, damaged } = lakeFiles;
  const checked = await checkFile(storage, expected(file, noted));
  const readable = checked.problem !== null || (await opens(task, storage.url + file.key));
  const problem = checked.problem ?? (readable ? null : 'unreadable');
  if (problem === null) {
    damaged.clear(file.key, 'whole');
    return;
  }
  await noteDamage(task, lakeFiles, file, problem, checked.contents?.bytes ?? null, liveFiles);
}

/**
 * The checksum of a file that had none so far: what it holds now is what is compared later. Null when it is damaged
 * already, as far as its size and its footer tell.
 */
export async function firstSight(
  task: TaskRun,
  file: KnownFile,
  { storage, damaged }: LakeFiles,
): Promise<NotedChecksum | null> {
  const { problem, contents } = await checkFile(storage, { key: file.key, bytes: file.size, crc32c: null });
  const broken = problem ?? ((await opens(task, storage.url + file.key)) ? null : 'unreadable');
  if (broken === null && contents !== null) return { key: file.key, ...contents };
  damaged.note(damagedFile(file, broken ?? 'missing', contents?.bytes ?? null));
  return null;
}

export async function writeChecksums(
  task: TaskRun,
  fresh: readonly NotedChecksum[],
  gone: readonly string[],
): Promise<void> {
  if (fresh.length === 0 && gone.length === 0) return;
  await task.exclusive((connection) =>
    inTransaction(connection, () => noteChecksums(connection, fresh, gone)),
  );
}

/** Notes a file that is not as it was written, and moves its bytes aside where DuckDB would answer from them. */
export async function noteDamage(
  task: TaskRun,
  { storage, damaged }: LakeFiles,
  file: KnownFile,
  problem: FileProblem,
  foundBytes: number | null,
  liveFiles: number,
): Promise<void> {
  const damage = damagedFile(file, problem, foundBytes);
  damaged.note(damage);
  await setAside(task.connection, { storage, damaged }, damage, liveFiles);
}

/** Its footer can be read. */
export async function opens(task: TaskRun, path: string): Promise<boolean> {
  try {
    await task.connection.run(`SELECT num_rows FROM parquet_file_metadata(${literal(path)})`);
    return true;
  } catch (error) {
    // Storage that is away says nothing of the file.
    if (/HTTP|connection|timeout|Permission denied/i.test(String((error as Error).message))) throw error;
    return false;
  }
}
