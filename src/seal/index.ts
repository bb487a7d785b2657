import type { Config } from '../config/settings.js';
import type { DecodePool } from '../decode/index.js';
import type { Faults } from '../faults/index.js';
import type { Lake } from '../lake/types.js';
import { signals, type Signal } from '../schema/index.js';
import type { Spool } from '../spool/types.js';
import type { Telemetry } from '../telemetry/index.js';
import { StreamBacklog } from './backlog.js';
import { SealIntake } from './intake.js';
import { Sealer } from './sealer.js';

export interface PipelineOptions {
  readonly config: Config;
  readonly spool: Spool;
  readonly lake: Lake;
  readonly pool: DecodePool;
  readonly telemetry: Telemetry;
  readonly memoryCapBytes: number;
  readonly faults?: Faults;
}

/** The rows of the commit that runs, those of the next one, and as many before each payload waits its longest. */
const heldCommits = 3;

/** Ingest from admission to the lake. */
export interface Pipeline {
  readonly intake: SealIntake;
  readonly sealer: Sealer;
  /** Refuses new payloads, finishes those under way, commits what was acknowledged; all until `signal` aborts. */
  drain(signal: AbortSignal): Promise<boolean>;
}

/** Joins spool and lake: replay starts at each stream's committed watermark. */
export async function openPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { config, spool, lake, pool, telemetry } = options;
  const watermarks = await lake.watermarks();
  const backlogs = new Map<Signal, StreamBacklog>();
  for (const signal of signals) {
    const stream = spool.stream(signal);
    const watermark = watermarks.get(stream.id) ?? 0;
    await stream.advanceTo(watermark);
    // An older catalog (restored from a backup) may point before what the spool still has.
    const committed = Math.max(watermark, stream.tail);
    if (watermark < stream.tail) {
      telemetry.log.error(
        { stream: stream.id, watermark, tail: stream.tail },
        'the catalog is older than this spool: records committed after its backup are not in it',
      );
    }
    await stream.release(committed);
    backlogs.set(signal, new StreamBacklog(stream, committed));
  }
  const sealer = new Sealer({
    lake,
    backlogs: [...backlogs.values()],
    decode: (signal, payloads, maxBytes) => pool.decode(signal, payloads, maxBytes),
    recycle: (batch) => pool.recycle(batch),
    intervalMs: config.sealIntervalMs,
    maxBytes: config.sealMaxBytes,
    telemetry,
    attempts: spool.attempts,
    faults: options.faults,
  });
  const intake = new SealIntake({
    backlogs,
    sealer,
    pool,
    slaSeconds: config.freshnessBudgetSlaSecs,
    memoryCapBytes: options.memoryCapBytes,
    holdBytes: config.sealMaxBytes * heldCommits,
    faults: options.faults,
  });
  pool.buffers.countHeld(() => sealer.backlogs.reduce((sum, { bufferBytes }) => sum + bufferBytes, 0));
  sealer.start();
  return {
    intake,
    sealer,
    async drain(signal) {
      await Promise.all([intake.drain(signal), spool.attempts.orderly()]);
      options.faults?.('drain');
      const complete = await sealer.sealAll(signal);
      await sealer.stop();
      return complete;
    },
  };
}
