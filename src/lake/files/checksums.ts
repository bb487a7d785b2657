import type { DuckDBConnection } from '@duckdb/node-api';
import { literal, messageOf, timestampLiteral } from '../../duckdb/index.js';
import { withInliningLimit } from '../inlining.js';
import { checksumInName } from './checksum-name.js';
import type { KnownFile } from './known-files.js';

/** Checksums of files whose name carries none: those that DuckLake writes, and those of earlier releases. */
export const checksumTable = 'canardstack_files';
/** Below what a catalog server or PostgreSQL takes in one statement. */
const rowsAtOnce = 500;

export interface NotedChecksum {
  /** Relative to the data path. */
  readonly key: string;
  readonly bytes: number;
  readonly crc32c: string;
}

/** By key. Empty on a lake of an earlier release, which has no such table. */
export async function notedChecksums(connection: DuckDBConnection): Promise<Map<string, string>> {
  try {
    const reader = await connection.runAndReadAll(`SELECT key, crc32c FROM lake.main.${checksumTable}`);
    return new Map(reader.getRows().map(([key, crc]) => [String(key), String(crc)]));
  } catch (error) {
    if (/^Catalog Error/.test(messageOf(error))) return new Map();
    throw error;
  }
}

/** Null when nobody has noted one yet. */
export function expectedChecksum(key: string, noted: ReadonlyMap<string, string>): string | null {
  return checksumInName(key) ?? noted.get(key) ?? null;
}

/** What `checkFile` compares a file with. */
export function expected(file: Pick<KnownFile, 'key' | 'size'>, noted: ReadonlyMap<string, string>) {
  return { key: file.key, bytes: file.size, crc32c: expectedChecksum(file.key, noted) };
}

/**
 * Within a transaction between two commits. The rows always stay in the catalog: as Parquet they would need checksums of
 * their own, and so on.
 */
export function noteChecksums(
  connection: DuckDBConnection,
  fresh: readonly NotedChecksum[],
  gone: readonly string[],
): Promise<void> {
  return withInliningLimit(connection, Number.MAX_SAFE_INTEGER, async () => {
    for (let at = 0; at < gone.length; at += rowsAtOnce) {
      const keys = gone.slice(at, at + rowsAtOnce).map(literal);
      await connection.run(`DELETE FROM lake.main.${checksumTable} WHERE key IN (${keys.join(', ')})`);
    }
    const now = timestampLiteral(Date.now());
    for (let at = 0; at < fresh.length; at += rowsAtOnce) {
      const rows = fresh
        .slice(at, at + rowsAtOnce)
        .map(({ key, bytes, crc32c }) => `(${literal(key)}, ${bytes}, ${literal(crc32c)}, ${now})`);
      await connection.run(
        `INSERT INTO lake.main.${checksumTable} (key, bytes, crc32c, noted_at) VALUES ${rows.join(', ')}`,
      );
    }
  });
}
