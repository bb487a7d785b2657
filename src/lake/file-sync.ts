import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncIfThere, syncPath } from '../durable/index.js';
import type { ColumnBatch, TableBatch, TableName } from '../schema/index.js';

const dayMs = 86_400_000;
const maxDays = 8;

/**
 * Makes Parquet files durable before the transaction that names them commits. DuckDB fsyncs its WAL at COMMIT
 * but never the Parquet files; after a power cut the catalog could name files without contents, and by the
 * watermark the spool would not replay their rows.
 *
 * One instance a writer: a file is remembered once it was synced, and only its own writer knows it to be whole.
 */
export class FileSync {
  readonly #synced = new Map<string, Set<string>>();

  /** `dataPath` is the lake's local data folder. */
  constructor(private readonly dataPath: string) {}

  /** Syncs the table's new files in the folders of these days (midnights UTC, ms); all folders when null. Gives their number. */
  async table(table: string, days: readonly number[] | null): Promise<number> {
    const root = join(this.dataPath, 'main', table);
    if (days === null) return this.#tree(root);
    let files = 0;
    for (const day of days) {
      const date = new Date(day);
      const parts = [
        `year=${date.getUTCFullYear()}`,
        `month=${date.getUTCMonth() + 1}`,
        `day=${date.getUTCDate()}`,
      ];
      files += await this.#folder(join(root, ...parts), root);
    }
    return files;
  }

  async #tree(root: string): Promise<number> {
    let files = await this.#folder(root, root);
    for (const entry of await list(root)) {
      if (entry.isDirectory()) files += await this.#tree(join(root, entry.name));
    }
    return files;
  }

  async #folder(folder: string, root: string): Promise<number> {
    const names = (await list(folder)).filter((entry) => entry.isFile()).map((entry) => entry.name);
    const known = this.#synced.get(folder);
    const fresh = known ? names.filter((name) => !known.has(name)) : names;
    if (fresh.length === 0) return 0;
    for (const name of fresh) await syncIfThere(join(folder, name));
    await syncPath(folder);
    if (!known) {
      for (let at = folder; at !== root && at !== dirname(at);) {
        at = dirname(at);
        await syncPath(at);
      }
      await syncPath(dirname(root));
    }
    // What was cleaned up meanwhile is forgotten with the old set.
    this.#synced.set(folder, new Set(names));
    return fresh.length;
  }
}

async function list(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Midnights UTC (ms) from the first to the last day of the batches' rows of a table; null when that is too many to list. */
export function daysOf(
  batches: readonly ColumnBatch[],
  table: TableName,
  timestampColumn: number,
): number[] | null {
  let least = Infinity;
  let most = -Infinity;
  for (const batch of batches) {
    for (const part of batch.tables) {
      if (part.table !== table || part.rows === 0) continue;
      const range = microseconds(part, timestampColumn);
      if (range === null) return null;
      least = Math.min(least, range[0]);
      most = Math.max(most, range[1]);
    }
  }
  if (least > most) return [];
  const first = Math.floor(least / 1000 / dayMs);
  const last = Math.floor(most / 1000 / dayMs);
  if (last - first >= maxDays) return null;
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * dayMs);
}

/** Least and greatest timestamp. Read as two halves, which avoids a bigint a row; a double holds them exactly until 2255. */
function microseconds(part: TableBatch, timestampColumn: number): [number, number] | null {
  const column = part.columns[timestampColumn];
  if (column?.kind !== 'fixed' || column.validity !== 'all') return null;
  const words = new Int32Array(column.values.buffer, column.values.byteOffset, part.rows * 2);
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < words.length; i += 2) {
    const value = (words[i + 1] as number) * 2 ** 32 + ((words[i] as number) >>> 0);
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}
