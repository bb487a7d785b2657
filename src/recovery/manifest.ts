import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { LakeError } from '../duckdb/index.js';
import { StorageError, type Storage } from '../storage/index.js';

export const manifestName = 'manifest.json';
export const catalogName = 'catalog.ducklake';

const manifestSchema = z.object({
  format: z.literal(1),
  /** ISO 8601. */
  createdAt: z.string(),
  /** Grows with each backup of a place: what is newest is not told by clocks. Missing in older ones. */
  sequence: z.number().int().optional(),
  /** Kind of the catalog that it was taken from. */
  catalogKind: z.string(),
  snapshotId: z.number().int(),
  duckdbVersion: z.string(),
  ducklakeVersion: z.string(),
  /** Where the Parquet files were. */
  dataPath: z.string(),
  file: z.object({
    name: z.string(),
    bytes: z.number().int(),
    sha256: z.string(),
    /** Eight hex digits; missing in older ones. */
    crc32c: z.string().optional(),
  }),
  tables: z.array(
    z.object({
      table: z.string(),
      rows: z.number().int(),
      inlinedRows: z.number().int(),
      files: z.number().int(),
      bytes: z.number().int(),
    }),
  ),
});

/** What a backup holds. Written last: a backup without it is not whole. */
export type Manifest = z.infer<typeof manifestSchema>;

export interface BackupEntry {
  /** Its folder below the backup path. */
  readonly name: string;
  readonly manifest: Manifest;
}

/** Whole backups, the oldest first. Damaged manifests are left out. */
export async function listBackups(storage: Storage): Promise<BackupEntry[]> {
  const names: string[] = [];
  for await (const { key } of storage.list('catalog-')) {
    const [name = '', file, ...rest] = key.split('/');
    if (file === manifestName && rest.length === 0) names.push(name);
  }
  const entries: BackupEntry[] = [];
  for (const name of names.sort()) {
    const manifest = parseManifest(await storage.get(`${name}/${manifestName}`));
    if (manifest !== null) entries.push({ name, manifest });
  }
  const sequence = ({ manifest }: BackupEntry) => manifest.sequence ?? 0;
  return entries.sort((a, b) => sequence(a) - sequence(b) || (a.name < b.name ? -1 : 1));
}

/** Throws LakeError('unavailable') when there is none of that name, or it is damaged. `name` null: the newest. */
export async function findBackup(storage: Storage, name: string | null): Promise<BackupEntry> {
  if (name === null) {
    const newest = (await listBackups(storage)).at(-1);
    if (newest === undefined) throw new LakeError('unavailable', `there is no backup in ${storage.url}`);
    return newest;
  }
  const key = `${name}/${manifestName}`;
  const found = await storage.stat(key);
  const manifest = found === null ? null : parseManifest(await storage.get(key));
  if (manifest === null) {
    const state = found === null ? 'is not there' : 'is damaged';
    throw new LakeError(
      'unavailable',
      `the backup ${storage.url}${name} can't be used: ${manifestName} ${state}`,
    );
  }
  return { name, manifest };
}

/** What is wrong with a stored backup, in words; null when it is as it was made. `scratch`: a path for a copy. */
export async function backupProblem(
  storage: Storage,
  { name, manifest }: BackupEntry,
  scratch: string,
): Promise<string | null> {
  const { bytes, sha256 } = manifest.file;
  try {
    await storage.getFile(`${name}/${manifest.file.name}`, scratch);
    const found = await checksum(scratch);
    if (found.bytes !== bytes) return `${found.bytes} bytes instead of ${bytes}`;
    return found.sha256 === sha256 ? null : 'other bytes than were written';
  } catch (error) {
    if (error instanceof StorageError && error.kind === 'missing') return 'missing';
    throw error;
  } finally {
    await rm(scratch, { force: true });
  }
}

/** The same without a copy, by size and CRC-32C alone; null also when the manifest has no CRC. */
export async function quickBackupProblem(
  storage: Storage,
  { name, manifest }: BackupEntry,
): Promise<string | null> {
  const { bytes, crc32c } = manifest.file;
  const found = await storage.contents(`${name}/${manifest.file.name}`);
  if (found === null) return 'missing';
  if (found.bytes !== bytes) return `${found.bytes} bytes instead of ${bytes}`;
  return crc32c === undefined || found.crc32c === crc32c ? null : 'other bytes than were written';
}

function parseManifest(text: Buffer): Manifest | null {
  try {
    return manifestSchema.parse(JSON.parse(text.toString('utf8')));
  } catch {
    return null;
  }
}

export async function checksum(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}
