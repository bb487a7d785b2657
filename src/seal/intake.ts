import { setTimeout as sleep } from 'node:timers/promises';
import type { ColumnBatch, Payload, PayloadResult, Signal, BufferPool } from '../schema/index.js';
import type { Intake, IntakeResult } from './types.js';
import {
  DecodeMemoryError,
  DecodeQueueFullError,
  GroupingDecoder,
  type DecodePool,
} from '../decode/index.js';
import { SpoolFullError, SpoolUnavailableError, type SpoolRange } from '../spool/types.js';
import type { Faults } from '../faults/index.js';
import { admit, type Refusal } from './admission.js';
import type { StreamBacklog } from './backlog.js';
import type { Sealer } from './sealer.js';

export interface IntakeOptions {
  readonly backlogs: ReadonlyMap<Signal, StreamBacklog>;
  readonly sealer: Sealer;
  readonly pool: DecodePool;
  readonly slaSeconds: number;
  readonly memoryCapBytes: number;
  /** Decoded bytes held in memory for the next commits; beyond it rows are read back from the spool. */
  readonly holdBytes: number;
  readonly faults?: Faults;
}

/** Longest wait of one payload before it is taken in, at the moment when no decoded rows can be held any more. */
const longestPaceMs = 1000;
/** Below this part of `holdBytes` nobody waits. */
const paceFrom = 2 / 3;

interface DecodedGroup {
  readonly payloads: readonly Payload[];
  readonly results: readonly PayloadResult[];
  readonly batch: ColumnBatch;
}

/**
 * Takes payloads in: admission, decoding (which tells the client what is rejected), spool, and only after the
 * group's fsync the answer. The decoded rows go on to the sealer.
 */
export class SealIntake implements Intake {
  /** Why the spool refused last, until an append succeeds again. */
  spoolError: string | null = null;
  #closing = false;
  #rss = process.memoryUsage.rss();
  readonly #rssTimer: NodeJS.Timeout;
  readonly #decoder: GroupingDecoder<IntakeResult>;
  #inFlight = 0;
  #idle: (() => void) | null = null;

  constructor(private readonly options: IntakeOptions) {
    this.#decoder = new GroupingDecoder(options.pool, (signal, group) => this.#spool(signal, group));
    this.#rssTimer = setInterval(() => (this.#rss = process.memoryUsage.rss()), 500).unref();
  }

  get buffers(): BufferPool {
    return this.options.pool.buffers;
  }

  refusal(): Refusal | null {
    const { sealer, slaSeconds, memoryCapBytes } = this.options;
    return admit({
      closing: this.#closing,
      fenced: sealer.fenced !== null,
      projectedSeconds: sealer.projectedSeconds,
      slaSeconds,
      // A commit that takes longer than the budget hangs: refusing for the budget's sake would not help it.
      lakeAway: sealer.unavailable !== null || sealer.commitSeconds > slaSeconds,
      rssBytes: this.#rss,
      memoryCapBytes,
    });
  }

  async submit(signal: Signal, payload: Payload): Promise<IntakeResult> {
    const refusal = this.refusal();
    if (refusal) {
      this.buffers.give(payload.body.buffer);
      return refusal;
    }
    this.#inFlight++;
    try {
      await this.#pace();
      this.options.faults?.('decode.started');
      return await this.#decoder.submit(signal, payload);
    } catch (error) {
      if (error instanceof DecodeQueueFullError || error instanceof DecodeMemoryError) {
        this.buffers.give(payload.body.buffer);
        return { kind: 'refused', reason: 'queue_full', message: error.message, retryAfterSeconds: 1 };
      }
      throw error;
    } finally {
      if (--this.#inFlight === 0) this.#idle?.();
    }
  }

  /**
   * Clients that send faster than rows are committed wait a little, ever longer, before the memory of decoded rows is
   * full: beyond it every payload is decoded twice, which makes sealing slower still.
   */
  async #pace(): Promise<void> {
    const { sealer, holdBytes } = this.options;
    const over = sealer.heldBytes / holdBytes - paceFrom;
    if (over <= 0 || this.#closing || sealer.unavailable !== null) return;
    const ms = longestPaceMs * Math.min(1, over / (1 - paceFrom)) ** 2;
    sealer.metrics.pacedSeconds.inc(ms / 1000);
    await sleep(ms);
  }

  /** Refuses new payloads and waits until those under way are answered, or `signal` aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#closing = true;
    clearInterval(this.#rssTimer);
    if (this.#inFlight === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async #spool(signal: Signal, group: DecodedGroup): Promise<IntakeResult[]> {
    const backlog = this.options.backlogs.get(signal);
    if (!backlog) throw new Error(`no stream for ${signal}`);
    // A payload without rows owes the lake nothing, so it needs no durability.
    const keep = group.payloads.filter((_, i) => {
      const result = group.results[i];
      return result?.ok === true && result.rows > 0;
    });
    let refused: IntakeResult | null = null;
    if (keep.length > 0) {
      try {
        const ranges = await backlog.stream.append(keep);
        this.#hold(backlog, ranges, group.batch);
        this.spoolError = null;
      } catch (error) {
        refused = this.#refusedBySpool(error);
        this.options.pool.recycle(group.batch);
        // A write that failed or stalled may still be reading the bodies: they are left to the collector.
        if (error instanceof SpoolUnavailableError) return this.#results(group, refused);
      }
    } else this.options.pool.recycle(group.batch);
    for (const { body } of group.payloads) this.buffers.give(body.buffer);
    return this.#results(group, refused);
  }

  #results(group: DecodedGroup, refused: IntakeResult | null): IntakeResult[] {
    return group.results.map((result): IntakeResult => {
      if (!result.ok) return { kind: 'invalid', code: result.code, message: result.message };
      if (refused && result.rows > 0) return refused;
      const { rows, rejected, reason, rejections, rejectedRecords, warning, droppedIds, notes } = result;
      return {
        kind: 'accepted',
        rows,
        rejected,
        reason,
        ...(rejections && { rejections }),
        ...(rejectedRecords && { rejectedRecords }),
        ...(warning !== undefined && { warning }),
        ...(droppedIds && { droppedIds }),
        ...(notes && { notes }),
      };
    });
  }

  #hold(backlog: StreamBacklog, ranges: readonly SpoolRange[], batch: ColumnBatch): void {
    const first = ranges[0];
    const last = ranges.at(-1);
    if (!first || !last) return;
    if (this.options.sealer.heldBytes < this.options.holdBytes) {
      backlog.hold(first.start, last.end, batch);
      this.options.sealer.nudge();
    } else this.options.pool.recycle(batch);
  }

  #refusedBySpool(error: unknown): IntakeResult {
    if (error instanceof SpoolFullError) {
      return { kind: 'refused', reason: 'raw_spool_full', message: error.message, retryAfterSeconds: 5 };
    }
    if (error instanceof SpoolUnavailableError) {
      this.spoolError = error.message;
      return {
        kind: 'refused',
        reason: 'raw_spool_unavailable',
        message: 'the spool cannot be written at the moment',
        retryAfterSeconds: 5,
      };
    }
    throw error;
  }
}
