import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSync } from '../lake/file-sync.js';
import { ensureSchema } from '../lake/schema.js';
import { openStorage, type Storage } from '../storage/index.js';
import { tables } from '../schema/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { lakeMetadata } from '../lake/files/known-files.js';
import { listObjects, readDataFiles } from './data-files.js';
import { createTables, reconcile, type Progress, type ReconcileReport } from './reconcile.js';
import { SpoolStreams } from './spool-streams.js';
import { stagingFile, stagingTarget, withStagedLake } from './staging.js';
import { catalogVersion, tableCounts, type TableCount } from './table-counts.js';
import { recoveryTarget, type RecoveryConfig } from './target.js';
import { catalogFrom, type Catalog } from '../catalog/index.js';

export interface RebuildOptions {
  readonly config: RecoveryConfig;
  readonly telemetry: Telemetry;
  /** Does all the work but the last step, and changes nothing. */
  readonly dryRun: boolean;
  /** Replaces a catalog that is there; it is kept aside. */
  readonly force: boolean;
  readonly assumeCommitted: boolean;
  readonly onProgress?: Progress;
}

export interface RebuildReport extends ReconcileReport {
  readonly dryRun: boolean;
  readonly snapshotId: number;
  readonly tables: readonly TableCount[];
  /** Where the former catalog is kept. */
  readonly replaced: string | null;
  /** What Parquet files can't tell, in words. */
  readonly notKnown: readonly string[];
}

/**
 * Makes a new catalog from the Parquet files alone. It is made in a file of its own, which takes the catalog's place
 * when it is whole. Throws LakeError as `recoveryTarget` does.
 */
export async function rebuildCatalog(options: RebuildOptions): Promise<RebuildReport> {
  const { config, telemetry, dryRun, onProgress = () => undefined } = options;
  const target = dryRun ? null : await recoveryTarget(config, telemetry, options.force);
  const catalog = target?.catalog ?? catalogFrom(config);
  const storage = openStorage(catalog.dataPath, config);
  const staged = stagingFile(
    dryRun ? join(tmpdir(), 'canardstack-rebuild') : (target?.file ?? stagingTarget(catalog, config)),
  );
  try {
    const spool = dryRun ? SpoolStreams.none : await SpoolStreams.open(config, telemetry);
    const objects = await listObjects(storage, (n) => onProgress('listing objects', n, null));
    const report = await stagedLake(staged.path, catalog, options, storage, async (connection) => {
      const { files } = await readDataFiles(connection, storage.url, objects, (done, total) =>
        onProgress('reading footers', done, total),
      );
      await createTables(connection, files);
      await ensureSchema(connection, config);
      return reconcileStaged({ connection, storage, objects, spool, ...options, onProgress });
    });
    const replaced = target === null ? null : await target.publish(staged.path);
    return { ...report, dryRun, replaced, notKnown: notKnown(report, config) };
  } finally {
    storage.close();
    await staged.discard();
    await target?.release();
  }
}

/** A lake in a folder of its own for DuckDB's files: those of a server that runs are left alone. */
export async function stagedLake<T>(
  path: string,
  catalog: Catalog,
  { config, telemetry }: Pick<RebuildOptions, 'config' | 'telemetry'>,
  storage: Storage,
  work: Parameters<typeof withStagedLake<T>>[4],
): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'canardstack-recovery-'));
  try {
    return await withStagedLake(
      path,
      catalog,
      { ...config, dataDir },
      telemetry,
      async (connection, scratch) => {
        const result = await work(connection, scratch);
        if (storage.isLocal) {
          const files = new FileSync(storage.url);
          for (const { name } of tables) await files.table(name, null);
          await files.table('canardstack_progress', null);
        }
        return result;
      },
    );
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

export async function reconcileStaged(
  options: Parameters<typeof reconcile>[0],
): Promise<ReconcileReport & { snapshotId: number; tables: TableCount[] }> {
  const report = await reconcile(options);
  const { snapshotId } = await catalogVersion(options.connection, lakeMetadata);
  return { ...report, snapshotId, tables: await tableCounts(options.connection, lakeMetadata) };
}

function notKnown(report: ReconcileReport, config: RecoveryConfig): string[] {
  const lines = [
    `rows that only the catalog held (commits of fewer than ${config.dataInliningRowLimit} rows a table since the last CHECKPOINT), unless a spool still has them`,
    'dashboards: the catalog alone held them; a backup of it, or an export, has them',
    'deletions: rows that retention or SQL deleted, and whose files are still there, are back until retention runs again',
  ];
  if (Object.keys(report.watermarks).length === 0) {
    lines.push(
      'stream positions: no file tells how far the streams were committed; a spool that still holds committed records would bring them again (--assume-committed takes all of it for committed)',
    );
  } else {
    lines.push('stream positions beyond those that files note: commits that wrote no file of their own');
  }
  return lines;
}
