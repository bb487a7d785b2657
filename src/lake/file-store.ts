import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makeFolder } from '../config/folders.js';
import type { Storage } from '../storage/index.js';

/** Kept apart from DuckDB's own files, and emptied like these by the next start. */
export function uploadFolder({ dataDir }: { readonly dataDir: string }): string {
  return join(resolve(dataDir), 'tmp', `duckdb-${process.pid}-upload`);
}

/** Gets a commit's Parquet files to where the lake reads them. */
export interface FileStore {
  /** The path to write the file for `target` to; its folder is there. */
  begin(target: string): Promise<string>;
  /** Makes what was written to `written` the whole file `target`, of the same folder as it was begun for. Rejects with StorageError. */
  finish(target: string, written: string): Promise<void>;
  /** A local file with the contents of `target`, to read until `release`. Rejects with StorageError. */
  fetch(target: string): Promise<{ readonly path: string; release(): Promise<void> }>;
  /** For a commit that is known not to have happened. Rejects with StorageError. */
  discard(target: string): Promise<void>;
}

/** Files are written where they stay; `FileSync` makes them durable. `storage` is the lake's data folder. */
export function localFileStore(storage: Storage): FileStore {
  return {
    async begin(target) {
      await makeFolder(dirname(target));
      return target;
    },
    finish: (target, written) => rename(written, target),
    fetch: (target) => Promise.resolve({ path: target, release: () => Promise.resolve() }),
    discard: (target) => storage.delete(keyOf(storage, target)),
  };
}

/**
 * Files are written to a local folder and then sent whole: a COPY straight to the store holds its connection for as
 * long as the store hangs, and leaves what it had sent behind when it fails.
 */
export function remoteFileStore(storage: Storage, scratch: string): FileStore {
  return {
    async begin() {
      await makeFolder(scratch);
      return join(scratch, `${randomUUID()}.parquet`);
    },
    async finish(target, written) {
      try {
        await storage.putFile(keyOf(storage, target), written);
      } finally {
        await rm(written, { force: true });
      }
    },
    async fetch(target) {
      await makeFolder(scratch);
      const path = join(scratch, `${randomUUID()}.parquet`);
      await storage.getFile(keyOf(storage, target), path);
      return { path, release: () => rm(path, { force: true }) };
    },
    discard: (target) => storage.delete(keyOf(storage, target)),
  };
}

function keyOf(storage: Storage, target: string): string {
  if (!target.startsWith(storage.url)) throw new TypeError(`${target} is not in ${storage.url}`);
  return target.slice(storage.url.length);
}
