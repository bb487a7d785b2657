import { mkdir, rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import { catalogFrom } from '../../src/catalog/index.js';
import { attach } from '../../src/lake/attach.js';
import type { LakeConfig } from '../../src/lake/index.js';
import type { CatalogPlace } from '../../src/lake/metadata/changes.js';
import { startCatalog, testCatalog } from './catalog-server.js';
import { lakeConfig } from './open-lake.js';
import { startPostgres } from './postgres.js';
import { temporaryFolder } from './server.js';

/** A catalog that several processes may read and write, of its own for one lake. */
export interface SharedCatalog {
  readonly place: CatalogPlace;
  /** Where its data files are; null: anywhere, and it has no tables yet. */
  readonly dataPath: string | null;
  /** As `lake`; gives what is to be done after the connection's DuckDB is closed. */
  attach(connection: DuckDBConnection, dataPath: string): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

async function attached(
  connection: DuckDBConnection,
  config: Partial<LakeConfig>,
): Promise<() => Promise<void>> {
  const catalog = catalogFrom(lakeConfig('.', config));
  for (const extension of catalog.extensions) await connection.run(`LOAD ${extension}`);
  const attachment = await attach(connection, catalog, false);
  return () => attachment.close();
}

export async function postgresCatalog(): Promise<SharedCatalog> {
  const postgres = await startPostgres();
  return {
    place: 'postgres',
    dataPath: null,
    attach: (connection, ducklakeDataPath) =>
      attached(connection, { ducklakeDataPath, postgresDsn: postgres.dsn }),
    stop: () => postgres.stop(),
  };
}

export async function quackCatalog(): Promise<SharedCatalog> {
  const folder = await temporaryFolder();
  const settings = await testCatalog(folder);
  await mkdir(settings.dataPath, { recursive: true });
  const server = await startCatalog(settings);
  const config = {
    ducklakeDataPath: settings.dataPath,
    ducklakeAttachUri: `ducklake:quack:127.0.0.1:${settings.port}`,
    ducklakeQuackToken: settings.token,
    ducklakeQuackInsecureTls: true,
  };
  return {
    place: 'quack',
    dataPath: settings.dataPath,
    attach: (connection) => attached(connection, config),
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
