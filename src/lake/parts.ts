import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Catalog } from '../catalog/index.js';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import { fixedDuckdbMemory } from '../config/duckdb-memory.js';
import { machine } from '../config/effective.js';
import type { LakeParts } from './assembled.js';
import type { Precedence } from './background.js';
import type { AskedKeys } from './attribute-columns/index.js';
import { LakeClock } from './clock/index.js';
import type { LakeData } from './data.js';
import { KeptFooters } from './direct/kept-footers.js';
import { FileDigests } from './file-digest/index.js';
import { FileSync } from './file-sync.js';
import type { DamagedFiles } from './files/damaged.js';
import { lossBehind } from './files/loss.js';
import type { InstanceHost } from './host.js';
import type { LakeLocks } from './locks.js';
import { SpareCpu } from './maintenance/compaction/index.js';
import { LakeMaintenance } from './maintenance/index.js';
import { MetadataCache } from './metadata/index.js';
import type { OpenLakeOptions } from './options.js';
import { ownerLock } from './ownership.js';
import { QueryMemory } from './query-memory.js';
import { ConnectionPool } from './readers.js';
import { TokenIndexes } from './token-index/index.js';
import { Writer } from './writer.js';

const defaultAttributeColumns = 12;
const defaultToleranceSecs = 3600;
const commitTimeoutMs = 120_000;
const settleTimeoutMs = 60_000;
/** Of log records. */
const indexedColumn = 'body';

/** What the parts of a lake are made of. */
export interface Opened {
  readonly options: OpenLakeOptions;
  readonly catalog: Catalog;
  readonly ownership: CatalogOwnership | null;
  readonly data: LakeData;
  readonly host: InstanceHost;
  readonly locks: LakeLocks;
}

export function writerOf({ options, catalog, ownership, data, host, locks }: Opened): Writer {
  const { config, telemetry, nodeId, runId } = options;
  return new Writer({
    host,
    identity: { nodeId, writer: runId?.id ?? nodeId, predecessors: runId?.predecessors ?? null },
    lock: locks.commit,
    registry: telemetry.registry,
    faults: options.faults,
    files: fileSync(catalog),
    dataPath: catalog.dataPath,
    fileStore: data.fileStore,
    pending: data.pending,
    dataInliningRowLimit: config.dataInliningRowLimit,
    catalogFolder: catalog.file === null ? null : dirname(catalog.file),
    timeoutMs: options.commitTimeoutMs ?? commitTimeoutMs,
    ownership,
  });
}

/** Each writer has its own, which knows only that writer's files. */
function fileSync(catalog: Catalog): FileSync | null {
  return catalog.dataIsLocal ? new FileSync(catalog.dataPath) : null;
}

/** Null when it is turned off, or the lake is open for reading only. */
export function metadataCacheOf(
  { options, catalog, data, host }: Opened,
  asked: AskedKeys,
  precedence: Precedence,
): MetadataCache | null {
  const { config, telemetry, readOnly = false } = options;
  if (readOnly || !config.metadataCacheEntries) return null;
  return new MetadataCache({
    host: {
      get generation() {
        return host.generation;
      },
      acquire: () => host.acquire(),
      release: (connection) => host.release(connection),
      precedence,
    },
    // A statement can't scan two tables of a catalog server, and what DuckLake scans is another.
    catalog: catalog.kind === 'local' ? 'here' : catalog.kind,
    ...(catalog.kind === 'local' && { commits: host.commits }),
    maxEntries: config.metadataCacheEntries,
    maxSampleBytes: config.sampleCacheBytes ?? 0,
    telemetry,
    asked,
    digests: {
      files: new FileDigests(data.storage, telemetry),
      scratch: () => host.current.temporary,
    },
    tokens: (config.tokenIndex ?? true) ? new TokenIndexes(data.storage, telemetry) : null,
    footers: catalog.dataIsLocal
      ? new KeptFooters({
          folder: catalog.dataPath,
          temporary: () => host.current.temporary,
          threads: config.duckdbThreads ?? availableParallelism(),
          telemetry,
        })
      : null,
  });
}

export function readersOf(
  { options, data, host }: Opened,
  damaged: DamagedFiles,
  metadata: MetadataCache | null,
  precedence: Precedence,
): ConnectionPool {
  const { config } = options;
  const source = {
    connect: () => host.acquire(true),
    release: (connection: Parameters<InstanceHost['release']>[0]) => host.release(connection),
    notice: (error: unknown) => host.notice(error),
    loss: (error: unknown) => lossBehind({ host, storage: data.storage, damaged }, error),
  };
  const memory =
    config.queryMemoryLimitBytes === undefined
      ? null
      : new QueryMemory(config.queryMemoryLimitBytes, source.connect, source.release);
  const readers = new ConnectionPool(source, config.queryMaxRows, memory, metadata, precedence);
  host.onReplace(() => readers.renew());
  return readers;
}

export function clockOf({ options, ownership, host }: Opened, writer: Writer): LakeClock {
  const { config, telemetry, nodeId, readOnly = false, clocks } = options;
  return new LakeClock({
    host,
    writer,
    telemetry,
    nodeId,
    toleranceMs: (config.clockToleranceSecs ?? defaultToleranceSecs) * 1000,
    shared: ownership === null,
    readOnly,
    clocks,
  });
}

export function maintenanceOf(
  { options, catalog, ownership, data, host, locks }: Opened,
  {
    writer,
    time,
    damaged,
    asked,
  }: { writer: Writer; time: LakeClock; damaged: DamagedFiles; asked: AskedKeys },
): Pick<LakeParts, 'maintenance' | 'maintenanceLock'> {
  const { config, telemetry, faults, readOnly = false } = options;
  const maintenanceLock = ownership === null ? locks.maintenance : ownerLock(ownership);
  const maintenance = new LakeMaintenance({
    time,
    host,
    writer,
    files: fileSync(catalog),
    config,
    compaction: () => ({
      sorter: {
        memoryLimitBytes: fixedDuckdbMemory.sorter,
        mostMemoryBytes: fixedDuckdbMemory.sorterMost,
        temporary: join(resolve(config.dataDir), 'tmp', `duckdb-${process.pid}-sort`),
      },
      fileStore: data.fileStore,
      pending: data.pending,
      columns: (table) => ({
        most: config.attributeColumnsMax ?? defaultAttributeColumns,
        pinned: config.attributeColumns?.split(',') ?? [],
        asked: asked.of(table),
      }),
      digests: config.metadataCacheEntries !== 0,
      // Only by way of the cache are files read so.
      tokens: (table) =>
        table === 'logs' && (config.tokenIndex ?? true) && config.metadataCacheEntries !== 0
          ? indexedColumn
          : null,
    }),
    spareCpu: options.spareCpu ?? new SpareCpu(machine().cores),
    lakeFiles: { storage: data.storage, damaged, catalogKind: catalog.kind },
    telemetry,
    faults,
    readOnly,
    lock: maintenanceLock,
    commitLock: locks.commit,
  });
  return { maintenance, maintenanceLock };
}

/** Begins to clear away the files of commits that failed before the process ended. */
export function settleFormer({ options, data }: Opened, writer: Writer): void {
  if (options.readOnly || data.pending.size === 0) return;
  void writer
    .exclusive(settleTimeoutMs, (connection) => data.pending.settle(connection))
    .catch(() => undefined);
}
