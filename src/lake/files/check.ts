import type { Contents, Storage } from '../../storage/index.js';
import type { FileProblem } from './damaged.js';

/** The name of a damaged file that was set aside: DuckDB would go on answering from other bytes than were written. */
export const asideSuffix = '.damaged';

export interface CheckedFile {
  readonly problem: FileProblem | null;
  /** Null when it is not there. */
  readonly contents: Contents | null;
}

/**
 * Reads a file whole and compares it with what is known of it; `bytes` or `crc32c` null: not known. Rejects with
 * StorageError when storage can't tell.
 */
export async function checkFile(
  storage: Storage,
  file: { readonly key: string; readonly bytes: number | null; readonly crc32c: string | null },
): Promise<CheckedFile> {
  if (!isBelow(file.key)) return { problem: 'missing', contents: null };
  const judge = (contents: Contents | null): FileProblem | null => {
    if (contents === null) return 'missing';
    if (file.bytes !== null && contents.bytes !== file.bytes) return 'size';
    return file.crc32c !== null && contents.crc32c !== file.crc32c ? 'checksum' : null;
  };
  let contents = await storage.contents(file.key);
  // What goes wrong on the way here is no damage.
  if (judge(contents) !== null) contents = await storage.contents(file.key);
  const problem = judge(contents);
  if (problem === 'missing' && (await isAside(storage, file.key))) return { problem: 'checksum', contents };
  return { problem, contents };
}

export async function isAside(storage: Storage, key: string): Promise<boolean> {
  return isBelow(key) && (await storage.stat(key + asideSuffix)) !== null;
}

/** False for files that the catalog names elsewhere than below the data path. */
export function isBelow(key: string): boolean {
  return !key.startsWith('/') && !key.includes('://');
}
