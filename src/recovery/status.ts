import type { CatalogConfig } from '../catalog/index.js';
import { catalogFrom } from '../catalog/index.js';
import { readLease, type LeaseState } from '../catalog/lease/index.js';
import type { Lake } from '../lake/index.js';
import type { Storage } from '../storage/index.js';
import { lakeMetadata } from '../lake/files/known-files.js';
import { listBackups, type BackupEntry } from './manifest.js';
import { catalogVersion, tableCounts, type TableCount } from './table-counts.js';

export interface BackupSummary {
  readonly path: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly ageSeconds: number;
  readonly snapshotId: number;
  readonly bytes: number;
}

export interface CatalogStatus {
  readonly kind: string;
  /** Without secrets. */
  readonly catalog: string;
  readonly dataPath: string;
  /** Who owns a local catalog file; null for catalogs that have a server. */
  readonly lease: LeaseState | null;
  readonly snapshotId: number;
  readonly ducklakeVersion: string;
  readonly files: number;
  readonly bytes: number;
  readonly tables: readonly TableCount[];
  /** Null when there is none, or its place does not answer. */
  readonly lastBackup: BackupSummary | null;
  /** Of this process; null when it ran none. */
  readonly lastCheckpoint: {
    readonly at: string;
    readonly status: string;
    readonly milliseconds: number;
  } | null;
}

export async function catalogStatus(
  lake: Pick<Lake, 'withConnection' | 'maintenance'>,
  config: CatalogConfig,
  backups: Storage,
): Promise<CatalogStatus> {
  const catalog = catalogFrom(config);
  const facts = await lake.withConnection(async (connection) => ({
    ...(await catalogVersion(connection, lakeMetadata)),
    tables: await tableCounts(connection, lakeMetadata),
  }));
  const last = await listBackups(backups).then(
    (all) => all.at(-1),
    () => undefined,
  );
  return {
    kind: catalog.kind,
    catalog: catalog.describe(),
    dataPath: catalog.dataPath,
    lease: catalog.file === null ? null : await readLease(catalog.file).catch(() => null),
    snapshotId: facts.snapshotId,
    ducklakeVersion: facts.ducklakeVersion,
    files: facts.tables.reduce((sum, { files }) => sum + files, 0),
    bytes: facts.tables.reduce((sum, { bytes }) => sum + bytes, 0),
    tables: facts.tables,
    lastBackup: last === undefined ? null : summaryOf(last, backups.url),
    lastCheckpoint: lake.maintenance.state().lastCheckpoint,
  };
}

export function summaryOf({ name, manifest }: BackupEntry, url: string): BackupSummary {
  return {
    path: `${url}${name}`,
    createdAt: manifest.createdAt,
    ageSeconds: Math.max(0, Math.round((Date.now() - Date.parse(manifest.createdAt)) / 1000)),
    snapshotId: manifest.snapshotId,
    bytes: manifest.file.bytes,
  };
}
