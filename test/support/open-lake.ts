import { Writable } from 'node:stream';
import { openLake, type Lake, type LakeConfig } from '../../src/lake/index.js';
import { SpareCpu } from '../../src/lake/maintenance/compaction/index.js';
import type { Faults } from '../../src/faults/index.js';
import { createTelemetry, type Telemetry } from '../../src/telemetry/index.js';
import { extensionDir, longestWaitMs } from './server.js';

export function lakeConfig(dataDir: string, config: Partial<LakeConfig> = {}): LakeConfig {
  return {
    dataDir,
    duckdbExtensionDir: extensionDir(),
    ducklakeCatalogPath: undefined,
    ducklakeDataPath: undefined,
    ducklakeAttachUri: undefined,
    // A loaded machine renews late; the lease of a process that is gone is free at once all the same.
    catalogLeaseSecs: 300,
    postgresDsn: undefined,
    duckdbMemoryLimitBytes: 512 * 1024 * 1024,
    duckdbThreads: 2,
    dataInliningRowLimit: 1000,
    queryMaxRows: 100_000,
    checkpointIntervalSecs: 300,
    retentionDays: 14,
    snapshotRetentionSecs: 3600,
    s3Endpoint: undefined,
    s3Region: undefined,
    s3UrlStyle: undefined,
    s3UseSsl: true,
    s3TimeoutMs: 5000,
    s3Attempts: 3,
    gcsHmacKeyId: undefined,
    gcsHmacSecret: undefined,
    ...config,
  };
}

export function silentTelemetry(): Telemetry {
  return createTelemetry('silent', new Writable({ write: (_chunk, _encoding, done) => done() }));
}

/** As of a process that has none. */
export function noSpareCpu(): SpareCpu {
  let looks = 0;
  return new SpareCpu(2, () => ({ cpuMs: 1e6 * ++looks, clockMs: 1e4 * looks }));
}

/** The real lake in `dataDir`, as `serve` opens it. */
export function openTestLake(
  dataDir: string,
  options: {
    config?: Partial<LakeConfig>;
    faults?: Faults;
    readOnly?: boolean;
    telemetry?: Telemetry;
    spareCpu?: SpareCpu;
  } = {},
): Promise<Lake> {
  return openLake({
    config: lakeConfig(dataDir, options.config),
    nodeId: 'test',
    telemetry: options.telemetry ?? silentTelemetry(),
    ...(options.faults === undefined ? {} : { faults: options.faults }),
    ...(options.readOnly === undefined ? {} : { readOnly: options.readOnly }),
    ...(options.spareCpu === undefined ? {} : { spareCpu: options.spareCpu }),
  });
}

/** Rows of a query on the lake's readers. */
export function rowsOf(lake: Lake, sql: string): Promise<Record<string, unknown>[]> {
  return lake.readers.withSession(AbortSignal.timeout(longestWaitMs), (session) => session.rows(sql));
}
