/** Files and folders that outlive a power cut once a call returns. */
import { closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export type FileData = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** fsync of a file's contents, or of a folder's entries after a create, rename or unlink. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** As `syncPath`; a file that is not there, or no longer, needs none. */
export async function syncIfThere(path: string): Promise<void> {
  await syncPath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** Writes a file and fsyncs it; its name is durable once the folder is synced. */
export async function writeSynced(path: string, data: FileData, mode: number): Promise<void> {
  const handle = await open(path, 'w', mode);
  try {
    await writeFile(handle, data);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Puts a file in the place of another, whole or not at all: written beside it, fsynced, renamed. Its name is durable once the
 * folder is synced. One writer a path.
 */
export async function writeAside(path: string, data: FileData, mode = 0o640): Promise<void> {
  const temporary = `${path}.tmp`;
  // A link in its place would be written through.
  await rm(temporary, { force: true });
  try {
    await writeSynced(temporary, data, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** `writeAside`, then the folder's fsync. */
export async function replaceDurably(path: string, data: FileData): Promise<void> {
  await writeAside(path, data);
  await syncPath(dirname(path));
}

/** `writeSynced` at once, where nothing may come between; `flags` as those of `open`. */
export function writeSyncedNow(path: string, text: string, flags: 'w' | 'wx'): void {
  const fd = openSync(path, flags, 0o644);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** `syncPath` at once. */
export function syncPathNow(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
