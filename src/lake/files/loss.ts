import { firstLine, messageOf } from '../../duckdb/index.js';
import type { Storage } from '../../storage/index.js';
import type { InstanceHost } from '../host.js';
import { QueryError } from '../query-error.js';
import { checkFile } from './check.js';
import { expected, notedChecksums } from './checksums.js';
import {
  damageCure,
  damagedFile,
  damageText,
  keyNamedIn,
  type DamagedFile,
  type DamagedFiles,
} from './damaged.js';
import { knownFiles } from './known-files.js';

interface Files {
  readonly host: InstanceHost;
  readonly storage: Storage;
  readonly damaged: DamagedFiles;
}

const watchMs = 60_000;
const watchedAtOnce = 10;

/**
 * Tells whether a failed query failed of a file of the lake that is missing or damaged, which is noted then. Null for
 * any other error, and when it can't be told.
 */
export async function lossBehind(files: Files, error: unknown): Promise<QueryError | null> {
  const key = keyNamedIn(messageOf(error));
  if (key === null) return null;
  try {
    const damage = files.damaged.get(key) ?? (await damageOf(files, key, error));
    if (damage === null) return null;
    files.damaged.note(damage);
    const text = `the lake has lost data that this query needs: ${damageText(damage)}; ${damageCure}`;
    return new QueryError('data_loss', text);
  } catch {
    return null;
  }
}

async function damageOf({ host, storage }: Files, key: string, error: unknown): Promise<DamagedFile | null> {
  const connection = await host.acquire();
  try {
    const file = (await knownFiles(connection, storage.url)).find((each) => each.current && each.key === key);
    // A query that ran longer than snapshots are kept.
    if (file === undefined || file.kind === 'scheduled') return null;
    const whole = expected(file, await notedChecksums(connection));
    const { problem, contents } = await checkFile(storage, whole);
    const unreadable = whole.crc32c === null && !/^(IO|HTTP|Connection) Error/.test(firstLine(error));
    const found = problem ?? (unreadable ? 'unreadable' : null);
    return found === null ? null : damagedFile(file, found, contents?.bytes ?? null);
  } finally {
    host.release(connection);
  }
}

/** Looks again at damaged files from time to time, so that one that was brought back is known as whole on every node. */
export function watchDamage(files: Files): { close(): void } {
  let busy = false;
  const timer = setInterval(() => {
    if (busy || files.damaged.all.length === 0) return;
    busy = true;
    void lookAgain(files)
      .catch(() => undefined)
      .finally(() => (busy = false));
  }, watchMs).unref();
  return { close: () => clearInterval(timer) };
}

async function lookAgain({ host, storage, damaged }: Files): Promise<void> {
  const connection = await host.acquire();
  try {
    const live = await knownFiles(connection, storage.url);
    const current = new Map(live.filter((file) => file.current).map((file) => [file.key, file]));
    const noted = await notedChecksums(connection);
    let checked = 0;
    for (const { key, problem } of damaged.all) {
      const file = current.get(key);
      if (file === undefined) {
        damaged.clear(key, 'gone');
        continue;
      }
      // Only the one that maintains the lake tries to open it.
      if (problem === 'unreadable' || checked++ >= watchedAtOnce) continue;
      const now = await checkFile(storage, expected(file, noted));
      if (now.problem === null) damaged.clear(key, 'whole');
    }
  } finally {
    host.release(connection);
  }
}
