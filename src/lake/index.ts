import { resolve } from 'node:path';
import { firstLine, defaultExtensionDir, installExtensions } from '../duckdb/index.js';
import { catalogFrom, type Catalog } from '../catalog/index.js';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import { assembled } from './assembled.js';
import { AskedKeys } from './attribute-columns/index.js';
import { Precedence } from './background.js';
import { dashboardsOf } from './dashboards.js';
import { openData } from './data.js';
import { DamagedFiles } from './files/damaged.js';
import { watchDamage } from './files/loss.js';
import { lakeLocks } from './locks.js';
import { openHost } from './open-host.js';
import type { OpenLakeOptions } from './options.js';
import { ownCatalog, refuseNewFile } from './ownership.js';
import {
  clockOf,
  maintenanceOf,
  metadataCacheOf,
  readersOf,
  settleFormer,
  writerOf,
  type Opened,
} from './parts.js';
import type { Lake } from './types.js';

export type { LakeConfig } from './config.js';
export type { OpenLakeOptions } from './options.js';
export * from './types.js';
export { LakeError } from '../duckdb/index.js';
export { duckdbBuild } from '../duckdb/index.js';
export { readOnlySql, type SqlResult } from './readonly-sql/index.js';

/**
 * Opens (or creates) the lake that the settings name. Throws LakeError: 'extension' when a DuckDB extension
 * can't be had, 'locked' when another process owns the catalog file, 'schema' when the lake is too old or too
 * new for this program, 'unavailable' otherwise.
 */
export async function openLake(options: OpenLakeOptions): Promise<Lake> {
  const { config, telemetry, readOnly = false } = options;
  const named = catalogFrom(config);
  const extensionDir = resolve(config.duckdbExtensionDir ?? defaultExtensionDir());
  await installExtensions({
    dir: extensionDir,
    names: named.extensions,
    log: (line) => telemetry.log.info(line),
  });
  const { catalog, ownership } = await ownCatalog(named, config, telemetry, readOnly);
  try {
    return await openOwned(options, catalog, ownership, extensionDir);
  } catch (error) {
    await ownership?.release();
    throw error;
  }
}

async function openOwned(
  options: OpenLakeOptions,
  catalog: Catalog,
  ownership: CatalogOwnership | null,
  extensionDir: string,
): Promise<Lake> {
  const opened = await openPlaces(options, catalog, ownership, extensionDir);
  const { data, host } = opened;
  const { telemetry, readOnly = false } = options;
  const writer = writerOf(opened);
  const asked = new AskedKeys();
  const precedence = new Precedence();
  const metadata = metadataCacheOf(opened, asked, precedence);
  const damaged = new DamagedFiles(telemetry);
  const watch = watchDamage({ host, storage: data.storage, damaged });
  const readers = readersOf(opened, damaged, metadata, precedence);
  const time = clockOf(opened, writer);
  // Before anything comes in: what comes later is evidence.
  await time.look().catch((error: unknown) => {
    telemetry.log.warn({ err: firstLine(error) }, "the lake's time could not be read");
  });
  const maintained = maintenanceOf(opened, { writer, time, damaged, asked });
  settleFormer(opened, writer);
  metadata?.start();
  const dashboards = dashboardsOf({ host, writer, readOnly });
  return assembled({
    ...{ catalog, ownership, readOnly, data, host },
    ...{ writer, readers, metadata, time, damaged, watch, dashboards, ...maintained },
  });
}

/** Opens what lies outside this process: the data path, then the catalog. */
async function openPlaces(
  options: OpenLakeOptions,
  catalog: Catalog,
  ownership: CatalogOwnership | null,
  extensionDir: string,
): Promise<Opened> {
  const { config, telemetry, readOnly = false } = options;
  const data = await openData({ catalog, config, telemetry, readOnly });
  try {
    if (!readOnly) await refuseNewFile(catalog, config);
    const host = await openHost({ catalog, config, extensionDir, telemetry, readOnly, ownership });
    const locks = lakeLocks(catalog, host, telemetry.log);
    return { options, catalog, ownership, data, host, locks };
  } catch (error) {
    data.close();
    throw error;
  }
}
