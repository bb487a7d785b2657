import { randomUUID } from 'node:crypto';
import { link, open, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { syncPath } from '../durable/index.js';
import { SpoolInUseError, SpoolOpenError } from './types.js';

const heldHere = new Set<string>();

export interface SpoolLock {
  release(): void;
}

/**
 * Locks a spool folder against other processes; rejects with SpoolOpenError when it is held.
 *
 * Node reaches no advisory lock itself, and a file with a process id misleads where ids repeat (two containers
 * on one volume are both process 1). DuckDB takes a kernel lock (fcntl) on a database it opens for writing, and
 * the kernel drops it with the process, however that ends; so the lock is a database that holds nothing.
 */
export async function lockFolder(folder: string): Promise<SpoolLock> {
  const key = await realpath(folder);
  // fcntl locks don't exclude their own process.
  if (heldHere.has(key))
    throw new SpoolOpenError(`the spool folder ${folder} is open in this process already`);
  heldHere.add(key);
  try {
    const path = join(folder, 'lock');
    await createWhole(folder, path);
    const instance = await openDatabase(path);
    return {
      release() {
        instance.closeSync();
        heldHere.delete(key);
      },
    };
  } catch (error) {
    heldHere.delete(key);
    throw lockError(folder, error);
  }
}

/** A crash while DuckDB writes a new file would leave one it can't open, so the lock file appears whole or not at all. */
async function createWhole(folder: string, path: string): Promise<void> {
  if (await exists(path)) return;
  const temporary = join(folder, `lock-${randomUUID()}.tmp`);
  try {
    (await openDatabase(temporary)).closeSync();
    await syncPath(temporary);
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(temporary, { force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  await handle?.close();
  return handle !== null;
}

function openDatabase(path: string): Promise<DuckDBInstance> {
  return DuckDBInstance.create(path, {
    threads: '1',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
}

function lockError(folder: string, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (/could not set lock/i.test(message)) {
    const pid = /PID (\d+)/.exec(message)?.[1];
    const holder = pid ? `process ${pid}` : 'another process';
    return new SpoolInUseError(
      `the spool folder ${folder} is in use by ${holder}: only one server may use it`,
    );
  }
  return new SpoolOpenError(`the spool folder ${folder} can't be locked: ${message}`, { cause: error });
}
