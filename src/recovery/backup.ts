import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder } from '../config/folders.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import { duckdbBuild, ident, inTransaction, LakeError, literal, messageOf } from '../duckdb/index.js';
import { lakeMetadata } from '../lake/files/known-files.js';
import { fileContents, type Storage } from '../storage/index.js';
import { copyCatalog, type CopyProgress } from './copy.js';
import {
  catalogName,
  checksum,
  listBackups,
  manifestName,
  type BackupEntry,
  type Manifest,
} from './manifest.js';
import { withCatalogFile } from './staging.js';
import { catalogVersion, tableCounts } from './table-counts.js';

/** Five seconds in all: a client's transaction is short. */
const patientAttempts = 50;
const patientPauseMs = 100;

export interface BackupSource {
  /** Has the lake attached as `lake`, or has its catalog open as `metadata`. */
  readonly connection: DuckDBConnection;
  readonly kind: string;
  readonly dataPath: string;
  /** The database of this connection that holds the catalog's tables; default: that of `lake`. */
  readonly metadata?: string;
  /** A folder in which DuckDB may make files. */
  readonly scratch: string;
}

export interface BackupResult extends BackupEntry {
  /** Folder or URL of this backup. */
  readonly path: string;
  readonly milliseconds: number;
  /** Older backups that were removed. */
  readonly removed: readonly string[];
}

/**
 * Copies the catalog at one snapshot, inlined rows included, into a DuckDB file that any DuckDB can attach as a
 * DuckLake, and puts it with a manifest into `target`. Commits go on meanwhile: what is read is one transaction.
 * What was stored is read back, opened and counted before it counts as a backup, and before older ones go. `keep`: whole
 * backups that stay, the newest first; null keeps all.
 */
export async function backupCatalog(
  source: BackupSource,
  target: Storage,
  keep: number | null,
  onProgress?: CopyProgress,
  extensionDir?: string,
): Promise<BackupResult> {
  if (target.url.startsWith(source.dataPath)) {
    throw new LakeError('schema', `backups in ${target.url} would lie among the lake's own Parquet files`);
  }
  const begun = performance.now();
  const createdAt = new Date();
  await makeFolder(source.scratch);
  const file = join(source.scratch, `catalog-backup-${randomUUID()}.ducklake`);
  try {
    const facts = await copyToFile(source, file, onProgress);
    const { bytes, sha256 } = await checksum(file);
    const { crc32c } = await fileContents(file);
    const manifest: Manifest = {
      format: 1,
      createdAt: createdAt.toISOString(),
      catalogKind: source.kind,
      duckdbVersion: (await duckdbBuild()).version,
      dataPath: source.dataPath,
      file: { name: catalogName, bytes, sha256, crc32c },
      sequence: 1 + Math.max(0, ...(await listBackups(target)).map((entry) => entry.manifest.sequence ?? 0)),
      ...facts,
    };
    const stamp = createdAt.toISOString().replaceAll(/[-:]/g, '').replace('.', '');
    const name = `catalog-${stamp}-${manifest.snapshotId}`;
    await target.putFile(`${name}/${catalogName}`, file);
    await proveStored(target, `${name}/${catalogName}`, file, manifest, extensionDir);
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    await target.put(`${name}/${manifestName}`, Buffer.from(text));
    const removed = keep === null ? [] : await removeOld(target, Math.max(1, keep), name);
    const milliseconds = performance.now() - begun;
    return { name, manifest, path: `${target.url}${name}`, milliseconds, removed };
  } finally {
    await rm(file, { force: true });
    await rm(`${file}.wal`, { force: true });
  }
}

/** Throws LakeError('unavailable') when what was stored is not what was copied, or can't be opened and counted. */
async function proveStored(
  target: Storage,
  key: string,
  file: string,
  manifest: Manifest,
  extensionDir: string | undefined,
): Promise<void> {
  const back = `${file}.stored`;
  try {
    await target.getFile(key, back);
    const { bytes, sha256 } = await checksum(back);
    if (bytes !== manifest.file.bytes || sha256 !== manifest.file.sha256) {
      throw new LakeError('unavailable', `the backup ${target.url}${key} came back with other bytes`);
    }
    await withCatalogFile(back, { duckdbExtensionDir: extensionDir }, true, async (connection, database) => {
      const { snapshotId } = await catalogVersion(connection, database);
      const tables = await tableCounts(connection, database);
      if (snapshotId !== manifest.snapshotId || JSON.stringify(tables) !== JSON.stringify(manifest.tables)) {
        throw new LakeError(
          'unavailable',
          `the backup ${target.url}${key} holds other rows than were copied`,
        );
      }
    });
  } finally {
    await rm(back, { force: true });
    await rm(`${back}.wal`, { force: true });
  }
}

/** Makes `file` a copy of the catalog that is attached as `lake`. */
async function copyToFile(
  source: BackupSource,
  file: string,
  onProgress: CopyProgress | undefined,
): Promise<Pick<Manifest, 'snapshotId' | 'ducklakeVersion' | 'tables'>> {
  const { connection, kind } = source;
  const backup = `backup_${randomUUID().replaceAll('-', '')}`;
  await makeEmptyCatalog(connection, `ducklake:${file}`, source.dataPath);
  await patiently(connection, `ATTACH ${literal(file)} AS ${ident(backup)}`);
  try {
    const facts = await inTransaction(connection, async () => {
      const from = { database: source.metadata ?? lakeMetadata, storesAs: storesAs(kind) };
      await copyCatalog(connection, from, { database: backup, storesAs: 'duckdb' }, onProgress);
      const { snapshotId, ducklakeVersion } = await catalogVersion(connection, backup);
      return { snapshotId, ducklakeVersion, tables: await tableCounts(connection, backup) };
    });
    await patiently(connection, `CHECKPOINT ${ident(backup)}`);
    return facts;
  } finally {
    await connection.run(`DETACH ${ident(backup)}`);
  }
}

/**
 * Runs what DuckDB refuses while a client's transaction is open that saw this file too: writing its WAL into it, and
 * attaching it again, for a database that was detached lives on in such a transaction.
 */
async function patiently(connection: DuckDBConnection, sql: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await connection.run(sql);
      return;
    } catch (error) {
      const others = /other .*transactions active|Unique file handle conflict/;
      if (attempt === patientAttempts || !others.test(messageOf(error))) throw error;
      await sleep(patientPauseMs);
    }
  }
}

function storesAs(kind: string): 'duckdb' | 'postgres' {
  return kind === 'postgres' ? 'postgres' : 'duckdb';
}

/** Lets DuckLake itself make its tables, so that keys and types are those of the kind. */
export async function makeEmptyCatalog(
  connection: DuckDBConnection,
  uri: string,
  dataPath: string,
  options: readonly string[] = [],
): Promise<void> {
  const name = ident(`empty_${randomUUID().replaceAll('-', '')}`);
  const flags = [`DATA_PATH ${literal(dataPath)}`, ...options];
  await connection.run(`ATTACH ${literal(uri)} AS ${name} (${flags.join(', ')})`);
  await connection.run(`DETACH ${name}`);
}

async function removeOld(target: Storage, keep: number, fresh: string): Promise<string[]> {
  const names = (await listBackups(target)).map(({ name }) => name).filter((name) => name !== fresh);
  const old = names.slice(0, Math.max(0, names.length - (keep - 1)));
  for (const name of old) {
    // The manifest first: what is left of a removal that was cut short is no backup any more.
    await target.delete(`${name}/${manifestName}`);
    await target.delete(`${name}/${catalogName}`);
  }
  return old;
}
