import { createHash } from 'node:crypto';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** What a catalog consists of on disk, by name: SHA-256 of each file, and where the link points. */
export type Footprint = ReadonlyMap<string, string>;

const linkKey = 'the link';

/** The database in use with its log, the newest lease, and the link in the catalog's place. */
export async function footprint(folder: string, catalog: string): Promise<Footprint> {
  const link = await readlink(join(folder, catalog)).catch(() => null);
  const inUse = link ?? catalog;
  const names = await readdir(folder);
  const epoch = Math.max(0, ...names.map((name) => Number(/\.lease\.(\d+)$/.exec(name)?.[1] ?? 0)));
  const own = names.filter(
    (name) => name === inUse || name.startsWith(`${inUse}.wal`) || name === `${catalog}.lease.${epoch}`,
  );
  const found = new Map<string, string>([[linkKey, link ?? 'none']]);
  for (const name of own.sort()) {
    const content = await readFile(join(folder, name));
    found.set(name, createHash('sha256').update(content).digest('hex'));
  }
  return found;
}

/** Names that differ, appeared or are gone. */
export function differences(before: Footprint, after: Footprint): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}
