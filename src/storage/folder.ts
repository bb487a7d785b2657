import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat, copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeFolder } from '../config/folders.js';
import { syncPath } from '../durable/index.js';
import { fileContents, type Contents } from './contents.js';
import { StorageError, fromFsError } from './errors.js';
import type { Storage, StoredObject } from './types.js';
import { localFolder } from './target.js';

/** A folder of this machine; every object is a file. */
export class FolderStorage implements Storage {
  readonly isLocal = true;
  readonly url: string;

  constructor(folder: string) {
    this.url = localFolder(folder);
  }

  async *list(prefix = ''): AsyncIterable<StoredObject> {
    // Only folders that can hold such keys are read.
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    if (folder !== '') this.#path('list', folder.slice(0, -1));
    yield* this.#walk(folder, prefix);
  }

  async *#walk(folder: string, prefix: string): AsyncIterable<StoredObject> {
    const entries = await this.#do('list', folder, () =>
      readdir(join(this.url, folder), { withFileTypes: true }).catch(absent([])),
    );
    for (const entry of entries) {
      const key = folder + entry.name;
      if (entry.isDirectory()) {
        const inner = `${key}/`;
        if (inner.startsWith(prefix) || prefix.startsWith(inner)) yield* this.#walk(inner, prefix);
      } else if (entry.isFile() && key.startsWith(prefix)) {
        const found = await this.stat(key);
        if (found) yield found;
      }
    }
  }

  get(key: string): Promise<Buffer> {
    return this.#do('get', key, (path) => readFile(path));
  }

  getRange(key: string, from: number, until: number): Promise<Buffer> {
    return this.#do('get', key, async (path) => {
      const handle = await open(path, 'r');
      try {
        const buffer = Buffer.alloc(until - from);
        let filled = 0;
        while (filled < buffer.length) {
          const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, from + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return buffer.subarray(0, filled);
      } finally {
        await handle.close();
      }
    });
  }

  getFile(key: string, localPath: string): Promise<void> {
    return this.#do('get', key, (path) => replaceFile(localPath, (to) => copyFile(path, to)));
  }

  put(key: string, body: Buffer): Promise<void> {
    return this.#do('put', key, (path) =>
      replaceFile(path, async (to) => {
        const handle = await open(to, 'wx');
        await handle.writeFile(body).finally(() => handle.close());
      }),
    );
  }

  putFile(key: string, localPath: string): Promise<void> {
    return this.#do('put', key, (path) =>
      replaceFile(path, async (to) => {
        const handle = await open(to, 'wx');
        await pipeline(createReadStream(localPath), handle.createWriteStream());
      }),
    );
  }

  delete(key: string): Promise<void> {
    return this.#do('delete', key, (path) => rm(path, { force: true }));
  }

  stat(key: string): Promise<StoredObject | null> {
    return this.#do('stat', key, async (path) => {
      const found = await stat(path).catch(absent(null));
      if (!found?.isFile()) return null;
      return { key, size: found.size, modifiedMs: Math.trunc(found.mtimeMs) };
    });
  }

  contents(key: string): Promise<Contents | null> {
    return this.#do('get', key, (path) => fileContents(path).catch(absent(null)));
  }

  move(key: string, to: string): Promise<void> {
    return this.#do('move', key, async (path) => {
      const target = this.#path('move', to);
      await rename(path, target);
      for (const folder of new Set([dirname(path), dirname(target)])) await syncPath(folder);
    });
  }

  async checkListable(): Promise<void> {
    await this.#do('list', '', () => readdir(this.url));
  }

  close(): void {
    // holds nothing
  }

  #path(operation: string, key: string): string {
    if (key.includes('\0') || key.split('/').some((part) => part === '' || part === '.' || part === '..')) {
      throw new StorageError('invalid', operation, key, 'not a valid key');
    }
    return join(this.url, key);
  }

  async #do<T>(operation: string, key: string, work: (path: string) => Promise<T>): Promise<T> {
    try {
      return await work(operation === 'list' ? this.url + key : this.#path(operation, key));
    } catch (error) {
      throw fromFsError(operation, this.url + key, error);
    }
  }
}

function absent<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return value;
    throw error;
  };
}

/** Writes beside the final name, fsyncs, renames, fsyncs the folders: whole or not there, also after a power cut. */
export async function replaceFile(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  const first = await makeFolder(folder);
  const temporary = `${path}.tmp-${randomUUID()}`;
  try {
    await write(temporary);
    await syncPath(temporary);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncPath(folder);
  if (first === undefined) return;
  for (let at = folder; at !== dirname(first);) {
    at = dirname(at);
    await syncPath(at);
  }
}
