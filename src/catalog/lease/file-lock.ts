import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { messageOf } from '../../duckdb/index.js';

/** Numbers by which Linux tells file systems whose locks its own kernel keeps: ext, XFS, Btrfs, F2FS, ZFS, tmpfs, overlay. */
const kernelLocked = new Set([
  0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1, 0x01021994, 0x794c7630,
]);

/**
 * Who holds DuckDB's lock on a catalog file: `by` is a process id, or null when that isn't told. Never ask
 * about a file that this process has open itself: closing it again would drop the lock that it holds.
 */
export async function fileLock(file: string): Promise<{ by: number | null } | null> {
  try {
    // For reading, which wants a shared lock and changes neither the file nor its log.
    const instance = await DuckDBInstance.create(file, {
      access_mode: 'READ_ONLY',
      threads: '1',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    instance.closeSync();
    return null;
  } catch (error) {
    const message = messageOf(error);
    if (!/could not set lock/i.test(message)) return null;
    const pid = /\(PID (\d+)\)/.exec(message)?.[1];
    return { by: pid === undefined ? null : Number(pid) };
  }
}

/** Whether a lock on this file can't be lost while its holder runs. */
export async function lockIsReliable(file: string): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    return kernelLocked.has((await statfs(dirname(file))).type);
  } catch {
    return false;
  }
}
