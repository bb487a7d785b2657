import { readKeysNotes, type AttributeKeys } from '../files/keys-note.js';
import type { Kept } from './kept.js';
import { keyColumns, type MetadataKind } from './layout.js';
import type { RunSql } from '../run-sql.js';

/** Files that are asked in one statement. */
const mostFiles = 500;

/** The keys that files tell of themselves, of those that tell all; each file is asked once. */
export async function toldKeys(
  { told, live }: Kept,
  kind: MetadataKind,
  paths: readonly string[],
  run: RunSql,
): Promise<Map<string, AttributeKeys>> {
  const columns = keyColumns(kind);
  if (columns.length === 0) return new Map();
  const unasked = paths.filter((path) => !told.has(path));
  for (let at = 0; at < unasked.length; at += mostFiles) {
    const some = unasked.slice(at, at + mostFiles);
    const notes = await readKeysNotes(run, some);
    for (const path of some) told.set(path, notes.get(path) ?? null);
  }
  const files = [...live.values()].reduce((sum, { files }) => sum + files.sizes.size, 0);
  if (told.size > 2 * files + 100) {
    const alive = new Set([...live.values()].flatMap(({ files }) => [...files.sizes.keys()]));
    for (const path of told.keys()) if (!alive.has(path)) told.delete(path);
  }
  const found = new Map<string, AttributeKeys>();
  for (const path of paths) {
    const keys = told.get(path);
    if (keys && columns.every((column) => keys.has(column))) found.set(path, keys);
  }
  return found;
}
