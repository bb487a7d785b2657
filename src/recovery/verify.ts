import type { DuckDBConnection } from '@duckdb/node-api';
import type { Storage } from '../storage/index.js';
import { checkFile, isAside } from '../lake/files/check.js';
import { expected, notedChecksums } from '../lake/files/checksums.js';
import { damagedFile, type DamagedFile, type FileProblem } from '../lake/files/damaged.js';
import { knownFiles, lakeMetadata, type KnownFile } from '../lake/files/known-files.js';
import { listObjects, readDataFiles, type FoundObject } from './data-files.js';
import { unreadable } from './parquet-facts.js';
import { heldRows } from './same-rows.js';
import { catalogVersion } from './table-counts.js';

export interface VerifyOptions {
  /** Unknown objects younger than this are left alone: they may belong to a commit under way. */
  readonly minAgeMs: number;
  /** Only rows received or dated before this are past retention; null: nothing is. */
  readonly retentionCutoffMs: number | null;
  /** Reads every file whole. */
  readonly deep?: boolean;
  readonly now?: number;
  readonly onProgress?: (step: string, done: number, total: number | null) => void;
}

export interface Orphan {
  readonly key: string;
  readonly bytes: number;
  readonly ageSeconds: number;
  /**
   * `young`: left alone; `copies`: the lake has all of its rows; `expired`: what it has is past retention; `rows`: it
   * holds rows that the lake does not have; `damaged`: no whole Parquet file; `deletes`, `derived`, `temporary`:
   * of no use without the catalog that knew it; `aside`: a damaged file that was set aside; `foreign`: not of canardstack.
   */
  readonly state:
    | 'young'
    | 'copies'
    | 'expired'
    | 'rows'
    | 'damaged'
    | 'deletes'
    | 'derived'
    | 'temporary'
    | 'aside'
    | 'foreign';
  /** Rows that the lake does not have; only for `rows`. */
  readonly missingRows: number;
}

export interface VerifyReport {
  /** False when the lake can't answer all that its catalog promises, or rows lie unknown beside it. */
  readonly ok: boolean;
  readonly snapshotId: number;
  readonly knownFiles: number;
  readonly knownBytes: number;
  /** Files of the current snapshot, or of one that has not expired yet, that are missing or not as they were written. */
  readonly damaged: readonly DamagedFile[];
  readonly orphans: readonly Orphan[];
  /** What was read whole; null when only sizes were compared. */
  readonly deep: DeepReport | null;
}

interface DeepReport {
  readonly files: number;
  readonly bytes: number;
  /** Files of the current snapshot of which no checksum is known yet: only their size and footer were checked. */
  readonly withoutChecksum: number;
}

/** States of orphans that `repair` removes. */
const removable: ReadonlySet<Orphan['state']> = new Set([
  'copies',
  'expired',
  'damaged',
  'deletes',
  'derived',
  'temporary',
]);

const harmless: ReadonlySet<Orphan['state']> = new Set(['young', 'aside', 'foreign']);

/** Orphans that nobody misses. */
export function removableOrphans(report: VerifyReport): Orphan[] {
  return report.orphans.filter(({ state }) => removable.has(state));
}

/**
 * Compares the catalog attached as `lake` with what lies under its data path. Storage is listed first, so that files
 * of commits that come meanwhile are known when the catalog is read.
 */
export async function verifyLake(
  connection: DuckDBConnection,
  storage: Storage,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { onProgress = () => undefined } = options;
  const objects = await listObjects(storage, (n) => onProgress('listing objects', n, null));
  const now = options.now ?? Date.now();
  const { snapshotId } = await catalogVersion(connection, lakeMetadata);
  const known = await knownFiles(connection, storage.url);
  const found = new Map(objects.map((object) => [object.key, object]));
  const damaged = await damagedFiles(storage, found, known, onProgress);
  const deep =
    options.deep === true ? await readWhole(connection, storage, known, damaged, onProgress) : null;
  const names = new Set(known.map(({ key }) => key));
  const unknown = objects.filter(({ key }) => !names.has(key));
  const orphans = await judged(connection, storage, unknown, damaged.length === 0, now, options);
  const sized = known.filter(({ kind }) => kind !== 'scheduled');
  const ok = damaged.length === 0 && orphans.every(({ state }) => harmless.has(state));
  return {
    ok,
    snapshotId,
    knownFiles: sized.length,
    knownBytes: sized.reduce((sum, { size }) => sum + (size ?? 0), 0),
    damaged,
    orphans,
    deep,
  };
}

async function damagedFiles(
  storage: Storage,
  found: ReadonlyMap<string, FoundObject>,
  known: readonly KnownFile[],
  onProgress: NonNullable<VerifyOptions['onProgress']>,
): Promise<DamagedFile[]> {
  const damaged: DamagedFile[] = [];
  for (const [i, file] of known.entries()) {
    if (i % 100 === 0) onProgress('checking files', i, known.length);
    const { kind, key, size } = file;
    // Those that wait for their deletion may be gone already.
    if (kind === 'scheduled') continue;
    let bytes = found.get(key)?.size ?? null;
    if (bytes !== null && bytes === size) continue;
    // Committed since the listing.
    bytes = (await statOf(storage, key))?.size ?? null;
    if (bytes !== null && bytes === size) continue;
    const problem = bytes !== null ? 'size' : (await isAside(storage, key)) ? 'checksum' : 'missing';
    damaged.push(damagedFile(file, problem, bytes));
  }
  onProgress('checking files', known.length, known.length);
  return damaged;
}

/** Reads the files that have their size, and adds to `damaged` those that hold other bytes than were written. */
async function readWhole(
  connection: DuckDBConnection,
  storage: Storage,
  known: readonly KnownFile[],
  damaged: DamagedFile[],
  onProgress: NonNullable<VerifyOptions['onProgress']>,
): Promise<DeepReport> {
  const noted = await notedChecksums(connection);
  const bad = new Set(damaged.map(({ key }) => key));
  const files = known.filter(({ kind, key }) => kind !== 'scheduled' && !bad.has(key));
  const found = new Map<KnownFile, { problem: FileProblem; bytes: number | null }>();
  let withoutChecksum = 0;
  let bytes = 0;
  for (const [i, file] of files.entries()) {
    onProgress('reading files', i, files.length);
    const whole = expected(file, noted);
    if (whole.crc32c === null && file.current) withoutChecksum++;
    const checked = await checkFile(storage, whole);
    bytes += checked.contents?.bytes ?? 0;
    if (checked.problem !== null)
      found.set(file, { problem: checked.problem, bytes: checked.contents?.bytes ?? null });
  }
  onProgress('reading files', files.length, files.length);
  const paths = files
    .filter((file) => !found.has(file))
    .map((file) => ({ file, path: storage.url + file.key }));
  const broken = await unreadable(
    connection,
    paths.map(({ path }) => path),
  );
  for (const { file, path } of paths) {
    if (broken.has(path)) found.set(file, { problem: 'unreadable', bytes: file.size });
  }
  // Reading takes its time: what expired meanwhile is no loss.
  const left = found.size === 0 ? [] : await knownFiles(connection, storage.url);
  const still = new Set(left.filter(({ kind }) => kind !== 'scheduled').map(({ key }) => key));
  for (const [file, { problem, bytes: foundBytes }] of found) {
    if (still.has(file.key)) damaged.push(damagedFile(file, problem, foundBytes));
  }
  return { files: files.length, bytes, withoutChecksum };
}

/** Null for what lies outside the data path as well. */
async function statOf(storage: Storage, key: string) {
  if (key.startsWith('/') || key.includes('://')) return null;
  return storage.stat(key);
}

async function judged(
  connection: DuckDBConnection,
  storage: Storage,
  unknown: readonly FoundObject[],
  readable: boolean,
  now: number,
  { minAgeMs, retentionCutoffMs, onProgress = () => undefined }: VerifyOptions,
): Promise<Orphan[]> {
  const orphan = (object: FoundObject, state: Orphan['state'], missingRows = 0): Orphan => ({
    key: object.key,
    bytes: object.size,
    ageSeconds: Math.max(0, Math.round((now - object.modifiedMs) / 1000)),
    state,
    missingRows,
  });
  const orphans: Orphan[] = [];
  const old: FoundObject[] = [];
  for (const object of unknown) {
    if (object.kind === 'foreign' || object.kind === 'aside') orphans.push(orphan(object, object.kind));
    else if (now - object.modifiedMs < minAgeMs) orphans.push(orphan(object, 'young'));
    else if (object.kind === 'rows') old.push(object);
    else orphans.push(orphan(object, object.kind));
  }
  const { files, damaged } = await readDataFiles(connection, storage.url, old);
  for (const object of damaged) orphans.push(orphan(object, 'damaged'));
  for (const [i, file] of files.entries()) {
    onProgress('comparing unknown files', i, files.length);
    const { timestamp, rows } = file.facts;
    const latest = timestamp === null ? null : Number(timestamp.max / 1000n);
    if (retentionCutoffMs !== null && latest !== null && latest < retentionCutoffMs) {
      orphans.push(orphan(file, 'expired'));
      continue;
    }
    // Without all of the lake's files its rows can't be read, and so not be compared.
    const held = readable ? await heldRows(connection, file) : 0;
    orphans.push(held >= rows ? orphan(file, 'copies') : orphan(file, 'rows', rows - held));
  }
  return orphans.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/**
 * Removes these orphans, each only when the catalog still does not know it. Resolves with the keys of what is gone.
 */
export async function removeOrphans(
  connection: DuckDBConnection,
  storage: Storage,
  orphans: readonly Orphan[],
): Promise<string[]> {
  const known = await knownFiles(connection, storage.url);
  const names = new Set(known.map(({ key }) => key));
  const removed: string[] = [];
  for (const { key, state } of orphans) {
    if (names.has(key) || !removable.has(state)) continue;
    await storage.delete(key);
    removed.push(key);
  }
  return removed;
}
