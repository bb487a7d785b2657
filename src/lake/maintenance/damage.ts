import { fileContents } from '../../storage/index.js';
import { checkFile } from '../files/check.js';
import { expected, expectedChecksum } from '../files/checksums.js';
import { liveFiles, noteDamage, opens, type LakeFiles } from './inventory.js';
import type { TaskRun } from './task.js';

/** The key of a file that the catalog names by its path; the path itself when it lies elsewhere. */
export function keyOf({ storage }: LakeFiles, path: string): string {
  return path.startsWith(storage.url) ? path.slice(storage.url.length) : path;
}

/**
 * Rejects when a file, `local` being the copy that is about to be rewritten, holds other bytes than were written: its
 * rows would get a new, valid checksum.
 */
export async function assertWhole(
  lakeFiles: LakeFiles,
  noted: ReadonlyMap<string, string>,
  files: readonly { readonly path: string; readonly local: string }[],
): Promise<void> {
  for (const { path, local } of files) {
    const crc32c = expectedChecksum(keyOf(lakeFiles, path), noted);
    if (crc32c === null || (await fileContents(local)).crc32c === crc32c) continue;
    throw new Error(`${path} holds other bytes than were written`);
  }
}

/**
 * After something failed that reads these files: looks which of them are damaged, notes those, and gives their paths.
 * Rejects with StorageError when storage can't tell.
 */
export async function damagedAmong(
  task: TaskRun,
  lakeFiles: LakeFiles,
  paths: readonly string[],
): Promise<string[]> {
  const { storage } = lakeFiles;
  const { files, noted } = await liveFiles(task, storage);
  const wanted = new Map(paths.map((path) => [keyOf(lakeFiles, path), path]));
  const bad: string[] = [];
  for (const file of files) {
    const path = wanted.get(file.key);
    if (path === undefined) continue;
    task.signal.throwIfAborted();
    const checked = await checkFile(storage, expected(file, noted));
    const problem = checked.problem ?? ((await opens(task, path)) ? null : 'unreadable');
    if (problem === null) continue;
    await noteDamage(task, lakeFiles, file, problem, checked.contents?.bytes ?? null, files.length);
    bad.push(path);
  }
  return bad;
}
