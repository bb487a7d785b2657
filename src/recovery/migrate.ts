import type { Telemetry } from '../telemetry/index.js';
import { catalogFrom, type Catalog } from '../catalog/index.js';
import { ownCatalog } from '../lake/ownership.js';
import { LakeError } from '../duckdb/index.js';
import type { CopyProgress } from './copy.js';
import { exists, stagingFile, withCatalogFile } from './staging.js';
import { catalogVersion, tableCounts, type TableCount } from './table-counts.js';
import { postgresToFile, recoveryTarget, withPostgres, type RecoveryConfig } from './target.js';

export interface MigrateOptions {
  /** Names both: CANARDSTACK_POSTGRES_DSN, and the catalog file by CANARDSTACK_DUCKLAKE_CATALOG_PATH or DATA_DIR. */
  readonly config: RecoveryConfig;
  readonly to: 'postgres' | 'local';
  readonly telemetry: Telemetry;
  readonly dryRun: boolean;
  readonly onProgress?: CopyProgress;
}

export interface MigrateReport {
  readonly dryRun: boolean;
  readonly from: string;
  readonly to: string;
  readonly snapshotId: number;
  /** Compared on both sides, unless it was a dry run. */
  readonly tables: readonly TableCount[];
}

/**
 * Copies a catalog from a file to PostgreSQL or back, with every server stopped; the source stays as it is. The rows
 * of each metadata table are counted on both sides before the copy is committed, and those of each table of the lake
 * after it. Throws LakeError: 'locked' when a server has the file, 'schema' when there is a lake already.
 */
export async function migrateCatalog(options: MigrateOptions): Promise<MigrateReport> {
  const { config, to } = options;
  if (config.postgresDsn === undefined) {
    throw new LakeError(
      'schema',
      'CANARDSTACK_POSTGRES_DSN is not set: it names the PostgreSQL side of the migration',
    );
  }
  const local = catalogFrom({ ...config, postgresDsn: undefined, ducklakeAttachUri: undefined });
  const postgres = catalogFrom(config);
  return to === 'postgres' ? toPostgres(options, local, postgres) : toLocal(options, local, postgres);
}

async function toPostgres(
  options: MigrateOptions,
  local: Catalog,
  postgres: Catalog,
): Promise<MigrateReport> {
  const { config, telemetry, dryRun } = options;
  if (local.file === null || !(await exists(local.file))) {
    throw new LakeError('schema', `there is no catalog file ${local.file ?? ''}`);
  }
  const target = await recoveryTarget(config, telemetry, false);
  const owned = await ownCatalog(local, config, telemetry, false);
  const file = owned.catalog.file ?? local.file;
  try {
    // Opened for writing, so that the log of a server that was killed is in it.
    const before = await withCatalogFile(file, config, false, facts);
    if (!dryRun) {
      await target.publish(file, options.onProgress);
      const after = await withPostgres(postgres, config, telemetry, (connection) => facts(connection, 'pg'));
      same(before, after);
    }
    return { dryRun, from: local.describe(), to: postgres.describe(), ...before };
  } finally {
    await owned.ownership?.release();
    await target.release();
  }
}

async function toLocal(options: MigrateOptions, local: Catalog, postgres: Catalog): Promise<MigrateReport> {
  const { config, telemetry, dryRun } = options;
  const target = await recoveryTarget(
    { ...config, postgresDsn: undefined, ducklakeAttachUri: undefined },
    telemetry,
    false,
  );
  const staged = stagingFile(target.file ?? local.file ?? '');
  try {
    const before = await withPostgres(postgres, config, telemetry, (connection) => facts(connection, 'pg'));
    if (!dryRun) {
      await postgresToFile(postgres, config, telemetry, staged.path, options.onProgress);
      same(before, await withCatalogFile(staged.path, config, true, facts));
      await target.publish(staged.path);
    }
    return { dryRun, from: postgres.describe(), to: local.describe(), ...before };
  } finally {
    await staged.discard();
    await target.release();
  }
}

async function facts(
  connection: Parameters<typeof tableCounts>[0],
  database: string,
): Promise<{ snapshotId: number; tables: TableCount[] }> {
  const { snapshotId } = await catalogVersion(connection, database);
  return { snapshotId, tables: await tableCounts(connection, database) };
}

function same(before: { tables: readonly TableCount[] }, after: { tables: readonly TableCount[] }): void {
  if (JSON.stringify(before.tables) === JSON.stringify(after.tables)) return;
  throw new LakeError(
    'unavailable',
    'the copy does not hold what the original holds; the original is unchanged',
  );
}
