import { createHash } from 'node:crypto';
import { link, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
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

/**
 * The log of the catalog in use, kept by a second name: gives the bytes that it grew by since, also when the next owner has
 * removed it. Undefined when there is no log at the moment.
 */
export async function followLog(
  folder: string,
  catalog: string,
  at: string,
): Promise<(() => Promise<number>) | undefined> {
  const inUse = await readlink(join(folder, catalog)).catch(() => catalog);
  await rm(at, { force: true });
  try {
    await link(join(folder, `${inUse}.wal`), at);
  } catch {
    return undefined;
  }
  const { size } = await stat(at);
  return async () => (await stat(at)).size - size;
}
