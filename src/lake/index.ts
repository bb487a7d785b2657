import { dirname, join, resolve } from 'node:path';
import { firstLine, defaultExtensionDir, installExtensions } from '../duckdb/index.js';
import { catalogFrom, type Catalog } from '../catalog/index.js';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import type { Faults } from '../faults/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { assembled } from './assembled.js';
import { LakeClock, type Clocks } from './clock/index.js';
import type { LakeConfig } from './config.js';
import { Writer } from './writer.js';
import { openData } from './data.js';
import { DamagedFiles } from './files/damaged.js';
import { lossBehind, watchDamage } from './files/loss.js';
import { FileSync } from './durable.js';
import { lakeLocks } from './locks.js';
import { LakeMaintenance } from './maintenance/index.js';
import { openHost } from './open-host.js';
import { ownCatalog, ownerLock, refuseNewFile } from './ownership.js';
import { QueryMemory } from './query-memory.js';
import { MetadataCache } from './metadata/index.js';
import { ConnectionPool } from './readers.js';
import type { Lake } from './types.js';

export type { LakeConfig } from './config.js';
export * from './types.js';
export { LakeError } from '../duckdb/index.js';
export { duckdbBuild } from '../duckdb/index.js';
export { readOnlySql, type SqlResult } from './readonly-sql/index.js';

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
  const host = await openHost({ catalog, config, extensionDir, telemetry, readOnly, ownership }).catch(
    (error: unknown) => {
      data.close();
      throw error;
    },
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
      : new MetadataCache({
          host,
          maxEntries: config.metadataCacheEntries,
          maxSampleBytes: config.sampleCacheBytes ?? 0,
          telemetry,
        });
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

  if (!readOnly && data.pending.size > 0) {
    void writer
      .exclusive(settleTimeoutMs, (connection) => data.pending.settle(connection))
      .catch(() => undefined);
  }

  return assembled({
    catalog,
    data,
    host,
    writer,
    readers,
    metadata,
    time,
    damaged,
    watch,
    maintenance,
    maintenanceLock,
    ownership,
    readOnly,
  });
}
