import { join } from 'node:path';
import { decodeLimits, type EffectiveConfig } from '../../config/index.js';
import { DecodePool } from '../../decode/index.js';
import type { Faults } from '../../faults/index.js';
import type { Lake } from '../../lake/index.js';
import { openPipeline, type Pipeline } from '../../seal/index.js';
import { openSpool, type Spool } from '../../spool/index.js';
import type { Telemetry } from '../../telemetry/index.js';

/** What ingest has and a query node has not. */
export interface IngestParts {
  readonly spool: Spool;
  readonly pool: DecodePool;
  readonly pipeline: Pipeline;
}

export function openOwnSpool(config: EffectiveConfig, telemetry: Telemetry, faults: Faults): Promise<Spool> {
  return openSpool({
    dir: join(config.dataDir, 'spool'),
    capacityBytes: config.rawSpoolCapacityBytes,
    segmentBytes: config.rawSpoolSegmentBytes,
    groupCommitMs: config.rawSpoolGroupCommitMs,
    setAsideBytes: config.rawSpoolSetAsideBytes,
    telemetry,
    faults,
  });
}

export async function openIngest(
  config: EffectiveConfig,
  telemetry: Telemetry,
  faults: Faults,
  spool: Spool,
  lake: Lake,
): Promise<IngestParts> {
  const pool = await DecodePool.start({
    threads: config.decodeThreads,
    queueBytes: config.decodeQueueBytes,
    limits: decodeLimits(config),
    memoryBytes: config.decodeMemoryBytes,
    // What may be held for commits, and bodies: nothing is dropped while the load lasts.
    bufferBytes: config.sealMaxBytes * 4,
    telemetry,
  });
  const pipeline = await openPipeline({
    config,
    spool,
    lake,
    pool,
    telemetry,
    memoryCapBytes: config.memoryCapBytes,
    faults,
  });
  return { spool, pool, pipeline };
}
