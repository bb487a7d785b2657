import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  LakeError,
  asLakeError,
  firstLine,
  isFatal,
  defaultExtensionDir,
  installExtensions,
} from '../duckdb/index.js';
import { catalogFrom, type Catalog, type CatalogConfig } from '../catalog/index.js';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import type { Config } from '../config/settings.js';
import type { Faults } from '../faults/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { within } from '../timeout/index.js';
import { LakeClock, type Clocks } from './clock/index.js';
import { Writer } from './writer.js';
import { openData } from './data.js';
import { DamagedFiles } from './files/damaged.js';
import { lossBehind, watchDamage } from './files/loss.js';
import { FileSync } from './durable.js';
import { InstanceHost } from './host.js';
import { LakeInstance, type InstanceConfig } from './instance.js';
import { lakeLocks } from './locks.js';
import { LakeMaintenance } from './maintenance/index.js';
import {
  assertOwned,
  ownCatalog,
  ownerLock,
  refuseNewFile,
  refuseOverData,
  type OwnershipConfig,
} from './ownership.js';
import { QueryMemory } from './query-memory.js';
import { MetadataCache } from './metadata/index.js';
import { ConnectionPool } from './readers.js';
import { checkCurrentSchema, checkSchema, ensureTogether, hasTables } from './schema.js';
import { tableSizes } from './stats.js';
import { CommitError, type Lake, type LakeStats } from './types.js';

export * from './types.js';
export { LakeError } from '../duckdb/index.js';
export { duckdbBuild } from '../duckdb/index.js';
export { readOnlySql, type SqlResult } from './readonly-sql/index.js';

/** The settings that the lake reads. */
export type LakeConfig = Pick<
  Config,
  'duckdbExtensionDir' | 'queryMaxRows' | 'checkpointIntervalSecs' | 'retentionDays' | 'snapshotRetentionSecs'
> &
  Partial<Pick<Config, 'retentionMaxSharePercent' | 'clockToleranceSecs' | 'scrubBytesPerDay'>> &
  CatalogConfig &
  InstanceConfig &
  Partial<Pick<Config, 'catalogWaitSecs' | 'queryMemoryLimitBytes' | 'metadataCacheEntries'>> &
  OwnershipConfig;

export interface OpenLakeOptions {
  readonly config: LakeConfig;
  readonly nodeId: string;
  /** Tells this process from others with the same node id; unset, they are not told apart. */
  readonly runId?: { readonly id: string; readonly predecessors: ReadonlySet<string> };
  readonly telemetry: Telemetry;
  readonly faults?: Faults;
  /** Opens an existing lake for reading only: `commit` and maintenance refuse. */
  readonly readOnly?: boolean;
  /** Bound of one commit, milliseconds. */
  readonly commitTimeoutMs?: number;
  /** Instead of the system's clocks. */
  readonly clocks?: Clocks;
}

const defaultToleranceSecs = 3600;
const pingTimeoutMs = 5000;
const schemaTimeoutMs = 60_000;
const settleTimeoutMs = 60_000;
/** What compaction sorts in memory; more goes to disk. */
const sorterMemoryBytes = 512 * 1024 * 1024;

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
  const { config, telemetry, readOnly = false } = options;
  const data = await openData({ catalog, config, telemetry, readOnly });
  if (!readOnly) await refuseNewFile(catalog, config);
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
  const host = new InstanceHost(
    await waitedFor(catalog, config, telemetry, open).catch((error: unknown) => {
      data.close();
      throw error;
    }),
    open,
    telemetry.log,
  );
  const locks = lakeLocks(catalog, host, telemetry.log);
  const writer = new Writer({
    host,
    identity: {
      nodeId: options.nodeId,
      writer: options.runId?.id ?? options.nodeId,
      predecessors: options.runId?.predecessors ?? null,
    },
    lock: locks.commit,
    registry: telemetry.registry,
    faults: options.faults,
    files: catalog.dataIsLocal ? new FileSync(catalog.dataPath) : null,
    dataPath: catalog.dataPath,
    fileStore: data.fileStore,
    pending: data.pending,
    dataInliningRowLimit: config.dataInliningRowLimit,
    catalogFolder: catalog.file === null ? null : dirname(catalog.file),
    timeoutMs: options.commitTimeoutMs ?? 120_000,
    ownership,
  });
  const metadata =
    readOnly || !config.metadataCacheEntries
      ? null
      : new MetadataCache({ host, maxEntries: config.metadataCacheEntries, telemetry });
  const damaged = new DamagedFiles(telemetry);
  const files = { host, storage: data.storage, damaged };
  const watch = watchDamage(files);
  const readers = new ConnectionPool(
    {
      connect: () => host.acquire(),
      release: (connection) => host.release(connection),
      notice: (error) => host.notice(error),
      loss: (error) => lossBehind(files, error),
    },
    config.queryMaxRows,
    config.queryMemoryLimitBytes === undefined
      ? null
      : new QueryMemory(
          config.queryMemoryLimitBytes,
          () => host.acquire(),
          (connection) => host.release(connection),
        ),
    metadata,
  );
  host.onReplace(() => readers.renew());
  const time = new LakeClock({
    host,
    writer,
    telemetry,
    nodeId: options.nodeId,
    toleranceMs: (config.clockToleranceSecs ?? defaultToleranceSecs) * 1000,
    shared: ownership === null,
    readOnly,
    clocks: options.clocks,
  });
  // Before anything comes in: what comes later is evidence.
  await time.look().catch((error: unknown) => {
    telemetry.log.warn({ err: firstLine(error) }, "the lake's time could not be read");
  });
  const maintenanceLock = ownership === null ? locks.maintenance : ownerLock(ownership);
  const maintenance = new LakeMaintenance({
    time,
    host,
    writer,
    files: catalog.dataIsLocal ? new FileSync(catalog.dataPath) : null,
    config,
    compaction: () => ({
      sorter: {
        memoryLimitBytes: sorterMemoryBytes,
        temporary: join(resolve(config.dataDir), 'tmp', `duckdb-${process.pid}-sort`),
      },
      fileStore: data.fileStore,
      pending: data.pending,
    }),
    lakeFiles: {
      storage: data.storage,
      damaged,
      catalogKind: catalog.kind,
    },
    telemetry,
    faults: options.faults,
    readOnly,
    lock: maintenanceLock,
    commitLock: locks.commit,
  });

  let pinging: Promise<void> | null = null;
  const ping = async () => {
    assertOwned(ownership);
    if (catalog.dataIsLocal) {
      await access(catalog.dataPath, readOnly ? constants.R_OK : constants.W_OK).catch((error: unknown) => {
        throw new LakeError('unavailable', `the data folder is not there: ${firstLine(error)}`);
      });
    }
    const connection = await host.acquire();
    try {
      await connection.run('SELECT key FROM lake.main.canardstack_meta LIMIT 1');
    } catch (error) {
      host.notice(error);
      throw new LakeError('unavailable', `the catalog does not answer: ${firstLine(error)}`, {
        cause: error,
      });
    } finally {
      host.release(connection);
    }
    await data.ping();
  };
  if (!readOnly && data.pending.size > 0) {
    void writer
      .exclusive(settleTimeoutMs, (connection) => data.pending.settle(connection))
      .catch(() => undefined);
  }

  return {
    maintenance,
    time,
    damaged,
    readers,
    ownership,
    async commit(batches, progress) {
      if (readOnly) throw new CommitError('unavailable', 'the lake is open for reading only');
      return writer.commit(batches, progress);
    },
    watermarks: () => writer.watermarks(),
    async stats(): Promise<LakeStats> {
      const connection = await host.acquire();
      try {
        const { snapshotId, tables } = await tableSizes(connection);
        return { snapshotId, tables, catalogBytes: await catalogBytes(catalog.file) };
      } finally {
        host.release(connection);
      }
    },
    async withConnection(work) {
      assertOwned(ownership);
      const { temporary } = host.current;
      const connection = await host.acquire();
      try {
        return await work(connection, temporary);
      } catch (error) {
        host.notice(error);
        throw error;
      } finally {
        host.release(connection);
      }
    },
    async alone(work) {
      assertOwned(ownership);
      const lease = readOnly ? null : await maintenanceLock.tryAcquire();
      if (lease === null && !readOnly) return null;
      const { temporary } = host.current;
      try {
        const connection = await host.acquire();
        try {
          return await work(connection, temporary);
        } catch (error) {
          if (isFatal(error)) host.notice(error);
          throw error;
        } finally {
          host.release(connection);
        }
      } finally {
        await lease?.release();
      }
    },
    ping() {
      // One at a time: those that wait for a catalog server which hangs would hold a thread each.
      pinging ??= ping().finally(() => (pinging = null));
      return within(pingTimeoutMs, pinging, () => {
        throw new LakeError('unavailable', 'the lake does not answer');
      });
    },
    async abandon() {
      host.interrupt();
      await writer.abandon();
    },
    async close() {
      watch.close();
      await maintenance.stop();
      await writer.close();
      readers.close();
      await metadata?.close();
      const closed = await host.close();
      data.close();
      await (closed ? ownership?.release() : ownership?.abandon());
    },
  };
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

async function catalogBytes(file: string | null): Promise<number | null> {
  if (file === null) return null;
  const sizes = await Promise.all(
    [file, `${file}.wal`].map((path) =>
      stat(path).then(
        (found) => found.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
