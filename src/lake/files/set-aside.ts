import type { DuckDBConnection } from '@duckdb/node-api';
import type { Storage } from '../../storage/index.js';
import { asideSuffix, isBelow } from './check.js';
import type { DamagedFile, DamagedFiles } from './damaged.js';

/** DuckDB's cache of what it has read of files. */
export const fileCacheSetting = 'enable_external_file_cache';

/** With more of them it is rather the machine that errs, and nothing is moved. */
const leastMany = 10;
const manyShare = 0.01;

/**
 * Renames a file that holds other bytes than were written, because DuckDB would go on answering from them: queries that
 * need it fail from then on and say why. The bytes stay, beside their former name. Other problems DuckDB sees itself.
 */
export async function setAside(
  connection: DuckDBConnection,
  { storage, damaged }: { readonly storage: Storage; readonly damaged: DamagedFiles },
  { key, problem, foundBytes }: DamagedFile,
  liveFiles: number,
): Promise<void> {
  if (problem !== 'checksum' || foundBytes === null || !isBelow(key)) return;
  const all = damaged.all.filter((file) => file.problem === 'checksum').length;
  if (all > Math.max(leastMany, liveFiles * manyShare)) return;
  await storage.move(key, key + asideSuffix);
  // Files never change, so DuckDB would not even look whether it is still there.
  await connection.run(`SET GLOBAL ${fileCacheSetting} = false`);
  await connection.run(`SET GLOBAL ${fileCacheSetting} = true`);
}
