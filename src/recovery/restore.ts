import { catalogFrom } from '../catalog/index.js';
import { LakeError } from '../duckdb/index.js';
import { openStorage, type Storage } from '../storage/index.js';
import { checksum, findBackup, type Manifest } from './manifest.js';
import { lakeMetadata } from '../lake/files/known-files.js';
import { setDataPath } from '../lake/metadata-edits.js';
import { listObjects } from './data-files.js';
import { reconcileStaged, stagedLake, type RebuildOptions } from './rebuild.js';
import type { ReconcileReport } from './reconcile.js';
import { SpoolStreams } from './spool-streams.js';
import { stagingFile, stagingTarget, withCatalogFile } from './staging.js';
import { catalogVersion, tableCounts, type TableCount } from './table-counts.js';
import { recoveryTarget } from './target.js';
import { verifyLake, type VerifyReport } from './verify.js';

export interface RestoreOptions extends RebuildOptions {
  /** Where the backups are. */
  readonly backups: Storage;
  /** Null: the newest. */
  readonly name: string | null;
  /** Also takes in the files that were committed after the backup. */
  readonly import: boolean;
  readonly retentionCutoffMs: number | null;
}

export interface RestoreReport {
  readonly dryRun: boolean;
  readonly backup: string;
  readonly manifest: Manifest;
  readonly imported: ReconcileReport | null;
  readonly snapshotId: number;
  readonly tables: readonly TableCount[];
  readonly replaced: string | null;
  /** Of the restored lake. */
  readonly verified: VerifyReport;
}

/**
 * Brings a backup back: proves its checksum, checks it against the Parquet files, and puts it in place. Throws
 * LakeError: 'unavailable' when the backup is damaged; else as `recoveryTarget` does.
 */
export async function restoreCatalog(options: RestoreOptions): Promise<RestoreReport> {
  const { config, telemetry, dryRun, backups, onProgress = () => undefined } = options;
  const { name, manifest } = await findBackup(backups, options.name);
  const target = dryRun ? null : await recoveryTarget(config, telemetry, options.force);
  const catalog = target?.catalog ?? catalogFrom(config);
  const storage = openStorage(catalog.dataPath, config);
  const staged = stagingFile(target?.file ?? stagingTarget(catalog, config));
  try {
    onProgress('fetching the backup', 0, 1);
    await backups.getFile(`${name}/${manifest.file.name}`, staged.path);
    await prove(staged.path, manifest, `${backups.url}${name}`);
    await withCatalogFile(staged.path, config, false, async (connection, database) => {
      const { dataPath } = await catalogVersion(connection, database);
      if (dataPath === catalog.dataPath) return;
      await setDataPath(connection, database, catalog.dataPath);
    });
    const spool = dryRun || !options.import ? SpoolStreams.none : await SpoolStreams.open(config, telemetry);
    const outcome = await stagedLake(staged.path, catalog, options, storage, async (connection) => {
      const objects = await listObjects(storage, (n) => onProgress('listing objects', n, null));
      const imported = options.import
        ? await reconcileStaged({ connection, storage, objects, spool, ...options, onProgress })
        : null;
      const verified = await verifyLake(connection, storage, {
        minAgeMs: 0,
        retentionCutoffMs: options.retentionCutoffMs,
        onProgress,
      });
      const tables = await tableCounts(connection, lakeMetadata);
      const { snapshotId } = await catalogVersion(connection, lakeMetadata);
      return { imported, verified, tables, snapshotId };
    });
    const replaced = target === null ? null : await target.publish(staged.path);
    return { dryRun, backup: `${backups.url}${name}`, manifest, replaced, ...outcome };
  } finally {
    storage.close();
    await staged.discard();
    await target?.release();
  }
}

async function prove(path: string, manifest: Manifest, from: string): Promise<void> {
  const found = await checksum(path);
  const { bytes, sha256 } = manifest.file;
  if (found.bytes === bytes && found.sha256 === sha256) return;
  throw new LakeError(
    'unavailable',
    `the backup ${from} is damaged: it has ${found.bytes} bytes with SHA-256 ${found.sha256}, its manifest says ` +
      `${bytes} bytes with ${sha256}. Nothing was changed`,
  );
}
