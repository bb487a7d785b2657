import { closeSync, linkSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { syncPathNow, writeSyncedNow } from '../../durable/index.js';

const recordSchema = z.object({
  holder: z.string(),
  host: z.string(),
  pid: z.number().int(),
  bootId: z.string().nullable(),
  pidNamespace: z.string().nullable(),
  startTicks: z.string().nullable(),
  epoch: z.number().int().positive(),
  /**
   * `taking`: the catalog file is still that of a former holder which may run; `held`: `file` is this holder's
   * own; `released`: the holder ended cleanly, its file is checkpointed and closed.
   */
  state: z.enum(['taking', 'held', 'released']),
  /** Name of the catalog file, in the folder of the lease. */
  file: z.string(),
  leaseMs: z.number().positive(),
  renewals: z.number().int(),
  /** By the holder's wall clock, for people; no decision rests on it. */
  renewedAt: z.string(),
  expiresAt: z.string(),
});

/** One lease, as its file `<catalog>.lease.<epoch>` holds it. */
export type LeaseRecord = z.infer<typeof recordSchema>;

/** A lease file that was read. */
export interface SeenLease {
  readonly epoch: number;
  /** The file's text, to tell whether it changed. */
  readonly content: string;
  /** Null when the text is no lease: half written, or damaged. */
  readonly record: LeaseRecord | null;
}

/**
 * The lease files of one catalog. Each epoch has a file of its own, made exclusively by whoever takes that epoch
 * and rewritten only by it: a holder of an old epoch that wakes up late cannot overwrite a newer lease.
 */
export class LeaseFiles {
  readonly folder: string;
  readonly #prefix: string;

  /** `catalog`: the catalog file's absolute path. */
  constructor(readonly catalog: string) {
    this.folder = dirname(catalog);
    this.#prefix = `${basename(catalog)}.lease.`;
  }

  path(epoch: number): string {
    return join(this.folder, `${this.#prefix}${epoch}`);
  }

  /** All epochs that have a file, ascending. */
  epochs(): number[] {
    let names: string[];
    try {
      names = readdirSync(this.folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    return names
      .filter((name) => name.startsWith(this.#prefix))
      .map((name) => name.slice(this.#prefix.length))
      .filter((suffix) => /^[1-9]\d{0,14}$/.test(suffix))
      .map(Number)
      .sort((a, b) => a - b);
  }

  newest(): number {
    return this.epochs().at(-1) ?? 0;
  }

  /** The lease of the highest epoch; null when there is none. */
  current(): SeenLease | null {
    for (;;) {
      const epoch = this.newest();
      if (epoch === 0) return null;
      const seen = this.read(epoch);
      if (seen !== null) return seen;
    }
  }

  read(epoch: number): SeenLease | null {
    let content: string;
    try {
      content = readFileSync(this.path(epoch), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    return { epoch, content, record: parse(content) };
  }

  /**
   * Takes an epoch: true for exactly one of those who try. The file appears with its whole contents where the
   * file system has hard links.
   */
  create(record: LeaseRecord): boolean {
    const path = this.path(record.epoch);
    const temporary = this.#writeTemporary(record);
    try {
      linkSync(temporary, path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A network file system may repeat a link that had been made and report the second.
      if (code === 'EEXIST') return this.read(record.epoch)?.record?.holder === record.holder;
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code ?? '')) throw error;
      if (!createExclusively(path, text(record))) return false;
    } finally {
      rmSync(temporary, { force: true });
    }
    syncPathNow(this.folder);
    return true;
  }

  /** Replaces the record of an epoch that is one's own. */
  replace(record: LeaseRecord): void {
    renameSync(this.#writeTemporary(record), this.path(record.epoch));
    syncPathNow(this.folder);
  }

  remove(epoch: number): void {
    rmSync(this.path(epoch), { force: true });
  }

  /** What makes a network file system's client look at the folder afresh: a change of one's own in it. */
  refresh(): void {
    const path = join(this.folder, `${this.#prefix}look.${process.pid}`);
    try {
      closeSync(openSync(path, 'w'));
      rmSync(path, { force: true });
    } catch {
      // A folder that can't be written is looked at as it is.
    }
  }

  #writeTemporary(record: LeaseRecord): string {
    const path = join(this.folder, `${this.#prefix}${record.epoch}.${record.holder}.tmp`);
    writeSyncedNow(path, text(record), 'w');
    return path;
  }
}

function text(record: LeaseRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

function parse(content: string): LeaseRecord | null {
  try {
    return recordSchema.parse(JSON.parse(content));
  } catch {
    return null;
  }
}

function createExclusively(path: string, content: string): boolean {
  try {
    writeSyncedNow(path, content, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  return true;
}
