import { catalogFrom, type Catalog } from '../catalog/index.js';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import type { Config } from '../config/settings.js';
import {
  defaultExtensionDir,
  ident,
  installExtensions,
  inTransaction,
  LakeError,
  literal,
  openDatabase,
} from '../duckdb/index.js';
import type { DuckDBConnection } from '@duckdb/node-api';
import { resolve } from 'node:path';
import { preparePostgres } from '../lake/attach-postgres.js';
import { ownCatalog } from '../lake/ownership.js';
import type { LakeConfig } from '../lake/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { makeEmptyCatalog } from './backup.js';
import { copyCatalog, exists as tableExists, type CopiedTable, type CopyProgress } from './copy.js';
import { exists, publish, refuseOver } from './staging.js';
import { count } from './table-counts.js';

export type RecoveryConfig = LakeConfig &
  Pick<Config, 'rawSpoolCapacityBytes' | 'rawSpoolSegmentBytes' | 'rawSpoolGroupCommitMs'>;

/** Where a recovered catalog goes: a file of this machine, or PostgreSQL. */
export interface RecoveryTarget {
  readonly catalog: Catalog;
  /** Where a local catalog is; null otherwise. */
  readonly file: string | null;
  /** Puts the staged catalog file there. Resolves with where the former one is kept, if there was one. */
  publish(staged: string, onProgress?: CopyProgress): Promise<string | null>;
  /** Gives the catalog free for the server. */
  release(): Promise<void>;
}

/**
 * Takes the catalog that the settings name, while no server has it. Throws LakeError: 'locked' when one has, 'schema'
 * when there is a catalog already and not `force`, or when its kind can't be recovered from here.
 */
export async function recoveryTarget(
  config: RecoveryConfig,
  telemetry: Telemetry,
  force: boolean,
): Promise<RecoveryTarget> {
  const catalog = catalogFrom(config);
  if (catalog.kind === 'postgres') return postgresTarget(catalog, config, telemetry, force);
  if (catalog.kind !== 'local') {
    throw new LakeError(
      'schema',
      `${catalog.describe()} belongs to its server: run this where its catalog file is, with the settings of serve-catalog`,
    );
  }
  const owned = await ownCatalog(catalog, config, telemetry, false);
  const file = owned.catalog.file ?? catalog.file ?? '';
  const release = () => released(owned.ownership);
  if (!force && (await exists(file))) {
    await release();
    throw refuseOver(file);
  }
  return { catalog, file, release, publish: (staged) => publish(staged, file) };
}

async function released(ownership: CatalogOwnership | null): Promise<void> {
  await ownership?.release();
}

async function postgresTarget(
  catalog: Catalog,
  config: RecoveryConfig,
  telemetry: Telemetry,
  force: boolean,
): Promise<RecoveryTarget> {
  await withPostgres(catalog, config, telemetry, (connection) => refuseFull(connection, catalog, force));
  return {
    catalog,
    file: null,
    release: () => Promise.resolve(),
    async publish(staged, onProgress) {
      await withPostgres(catalog, config, telemetry, async (connection, make) => {
        await refuseFull(connection, catalog, false);
        await connection.run(`ATTACH ${literal(staged)} AS staged (READ_ONLY)`);
        await make();
        await inTransaction(connection, () =>
          copyCatalog(
            connection,
            { database: 'staged', storesAs: 'duckdb' },
            { database: 'pg', storesAs: 'postgres' },
            onProgress,
          ),
        );
      });
      return null;
    },
  };
}

/** A catalog without tables, as a start that was cut short leaves it, counts as none. */
async function refuseFull(connection: DuckDBConnection, catalog: Catalog, force: boolean): Promise<void> {
  if (!(await tableExists(connection, 'pg', 'ducklake_table'))) return;
  const tables = await count(connection, `SELECT count(*) FROM pg.ducklake_table`);
  if (tables === 0) return;
  const how = force
    ? 'A catalog in PostgreSQL is never replaced: use another database, or drop its ducklake_* tables first'
    : 'Use another database';
  throw new LakeError('schema', `${catalog.describe()} holds a lake already: nothing was changed. ${how}`);
}

/** A DuckDB with the PostgreSQL database attached as `pg`; `make` lets DuckLake make its tables there. */
export async function withPostgres<T>(
  catalog: Catalog,
  config: RecoveryConfig,
  telemetry: Telemetry,
  work: (connection: DuckDBConnection, make: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const extensionDir = resolve(config.duckdbExtensionDir ?? defaultExtensionDir());
  const names = ['postgres_scanner', 'ducklake'];
  await installExtensions({ dir: extensionDir, names, log: (line) => telemetry.log.info(line) });
  const database = await openDatabase({
    extension_directory: extensionDir,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_persistent_secrets: 'false',
  });
  try {
    const { connection } = await database.connect();
    try {
      for (const name of names) await connection.run(`LOAD ${ident(name)}`);
      const { attachUri, flags } = await preparePostgres(connection, catalog);
      const dsn = attachUri.slice('ducklake:postgres:'.length);
      const options = ['TYPE postgres', ...flags.map((flag) => flag.replace(/^META_/, ''))];
      await connection.run(`ATTACH ${literal(dsn)} AS pg (${options.join(', ')})`);
      return await work(connection, async () => {
        await makeEmptyCatalog(connection, attachUri, catalog.dataPath, flags);
        // What DuckDB knows of the database is older than the tables.
        await connection.run('CALL pg_clear_cache()');
      });
    } finally {
      connection.closeSync();
    }
  } finally {
    database.instance.closeSync();
  }
}

/** Copies the PostgreSQL catalog into a new local catalog file. */
export async function postgresToFile(
  catalog: Catalog,
  config: RecoveryConfig,
  telemetry: Telemetry,
  file: string,
  onProgress?: CopyProgress,
): Promise<CopiedTable[]> {
  return withPostgres(catalog, config, telemetry, async (connection) => {
    if (!(await tableExists(connection, 'pg', 'ducklake_table'))) {
      throw new LakeError('schema', `${catalog.describe()} holds no lake`);
    }
    await makeEmptyCatalog(connection, `ducklake:${file}`, catalog.dataPath);
    await connection.run(`ATTACH ${literal(file)} AS staged`);
    const copied = await inTransaction(connection, () =>
      copyCatalog(
        connection,
        { database: 'pg', storesAs: 'postgres' },
        { database: 'staged', storesAs: 'duckdb' },
        onProgress,
      ),
    );
    await connection.run('CHECKPOINT staged');
    await connection.run('DETACH staged');
    return copied;
  });
}
