import { setTimeout as sleep } from 'node:timers/promises';
import type { Catalog } from '../catalog/index.js';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import { asLakeError, LakeError } from '../duckdb/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { within } from '../timeout/index.js';
import type { LakeConfig } from './config.js';
import { InstanceHost } from './host.js';
import { LakeInstance } from './instance.js';
import { assertOwned, refuseOverData } from './ownership.js';
import { checkCurrentSchema, checkSchema, ensureTogether, hasTables } from './schema.js';

const schemaTimeoutMs = 60_000;

export interface HostOptions {
  readonly catalog: Catalog;
  readonly config: LakeConfig;
  readonly extensionDir: string;
  readonly telemetry: Telemetry;
  readonly readOnly: boolean;
  readonly ownership: CatalogOwnership | null;
}

/** Opens DuckDB with the lake attached and its schema checked, and does so again when the instance is done for. */
export async function openHost(options: HostOptions): Promise<InstanceHost> {
  const { catalog, config, extensionDir, telemetry, readOnly, ownership } = options;
  const open = async () => {
    assertOwned(ownership);
    const instance = await LakeInstance.open({
      catalog,
      config,
      extensionDir,
      telemetry,
      readOnly,
    });
    try {
      await prepareSchema(instance, catalog, config, readOnly);
      return instance;
    } catch (error) {
      await instance.close();
      throw asLakeError(error);
    }
  };
  return new InstanceHost(await waitedFor(catalog, config, telemetry, open), open, telemetry.log);
}

/** A catalog server that is away is waited for, for CANARDSTACK_CATALOG_WAIT_SECS; its own file is not. */
async function waitedFor<T>(
  catalog: Catalog,
  config: LakeConfig,
  { log }: Telemetry,
  open: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + (config.catalogWaitSecs ?? 0) * 1000;
  for (let failures = 0; ; failures++) {
    try {
      return await open();
    } catch (error) {
      const away = catalog.kind !== 'local' && error instanceof LakeError && error.kind === 'unavailable';
      if (!away || performance.now() >= deadline) throw error;
      log.warn({ err: error.message }, 'waiting for the catalog');
      await sleep(Math.min(5000, 250 * 2 ** failures));
    }
  }
}

async function prepareSchema(
  instance: LakeInstance,
  catalog: Catalog,
  config: LakeConfig,
  readOnly: boolean,
): Promise<void> {
  const connection = await instance.connect();
  try {
    // An empty catalog of a server, or a file in which no table was made.
    if (!readOnly && !(await hasTables(connection))) await refuseOverData(catalog, config);
    const work = readOnly
      ? checkSchema(connection)
      : catalog.kind === 'quack'
        ? checkCurrentSchema(connection)
        : ensureTogether(connection, config);
    await within(schemaTimeoutMs, work, async () => {
      connection.interrupt();
      await work.catch(() => undefined);
      throw new LakeError('unavailable', 'the schema could not be prepared in time');
    });
  } finally {
    connection.closeSync();
  }
}
