import type { Faults } from '../../faults/index.js';
import {
  batchBytes,
  defaultDecodeLimits,
  BufferPool,
  type ColumnBatch,
  type DecodeLimits,
  type Payload,
  type PayloadResult,
  type Signal,
} from '../../schema/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import { DecodeMemoryError, DecodeQueueFullError, DecodeWorkerError } from '../errors.js';
import type { Decoder, ReplayedPayloads } from '../types.js';
import { DecodeBudget } from './budget.js';
import { collect } from './collect.js';
import { DecodeMetrics } from './metrics.js';
import type { DecodeReply } from './protocol.js';
import { DecodeThread } from './thread.js';

export interface DecodePoolOptions {
  readonly threads: number;
  /** Received bytes that may wait or be in work, for ingest and for `decode` each. */
  readonly queueBytes: number;
  /** For payloads that bring none; by default the settings' own defaults. */
  readonly limits?: DecodeLimits;
  /** Memory that decoding may take over all threads, in addition to what they keep. */
  readonly memoryBytes?: number;
  readonly telemetry: Telemetry;
  readonly faults?: Faults;
  /** Of buffers that are held for commits or kept for later batches. */
  readonly bufferBytes?: number;
  /** A worker that takes longer for one group is replaced. */
  readonly taskTimeoutMs?: number;
  /** Decompressed bytes after which `decode` has a worker begin another batch. */
  readonly replayBudgetBytes?: number;
}

/** Something to decode as soon as a worker is idle. */
export interface Job {
  readonly signal: Signal;
  readonly payloads: readonly Payload[];
  readonly budget: number;
  done(reply: DecodeReply): void;
  failed(error: Error): void;
}

/** Asked for a job whenever a worker is idle. */
export interface JobSource {
  next(): Job | null;
}

/** How long a group may wait for memory that others take; in this time a client's patience does not end. */
const waitMs = 2000;
const trimMs = 10_000;
/** Of memory that was dropped, which V8 does not count: under a load that changes some is each time. */
const worthCollecting = 32 * 1024 * 1024;

/** Decode worker threads, shared by ingest (GroupingDecoder) and replay (`decode`). */
export class DecodePool implements Decoder {
  readonly #idle: DecodeThread[];
  /** Memory of bodies and batches. */
  readonly buffers: BufferPool;
  readonly budget: DecodeBudget;
  readonly #trimTimer: NodeJS.Timeout;
  readonly #recycled = new WeakSet<ColumnBatch>();
  /** Bytes of batch for each received byte, lately. */
  readonly #growth = new Map<Signal, number>();
  readonly #threads: readonly DecodeThread[];
  readonly #metrics: DecodeMetrics;
  readonly #sources: JobSource[] = [];
  readonly #direct: Job[] = [];
  #directBytes = 0;
  #ingestBytes = 0;
  #closed = false;

  private constructor(private readonly options: DecodePoolOptions) {
    const { telemetry, taskTimeoutMs = 30_000, limits = defaultDecodeLimits } = options;
    this.budget = new DecodeBudget(options.memoryBytes ?? 512 * 1024 * 1024);
    this.#metrics = new DecodeMetrics(telemetry.registry, {
      queuedBytes: () => this.queuedBytes,
      memoryBytes: () => this.budget.usedBytes,
    });
    this.buffers = new BufferPool(options.bufferBytes ?? 64 * 1024 * 1024);
    this.#trimTimer = setInterval(() => this.#trim(), trimMs).unref();
    const onRestart = (reason: string) => {
      this.#metrics.restarted();
      telemetry.log.error({ reason }, 'a decode worker is replaced');
    };
    this.#threads = Array.from(
      { length: Math.max(1, options.threads) },
      () => new DecodeThread({ taskTimeoutMs, limits, budget: this.budget, onRestart }),
    );
    this.#idle = [...this.#threads];
  }

  /** Resolves when every worker is up; rejects when one cannot start. */
  static async start(options: DecodePoolOptions): Promise<DecodePool> {
    const pool = new DecodePool(options);
    try {
      await Promise.all(pool.#threads.map((thread) => thread.start()));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  /** Received bytes that wait for decoding or are being decoded. */
  get queuedBytes(): number {
    return this.#ingestBytes + this.#directBytes;
  }

  /**
   * Decodes payloads that are durable already, from the first on, until their rows take more than `maxBytes`. When a worker fails, each payload is tried alone, and only the
   * one that fails it again is given up as malformed.
   */
  async decode(signal: Signal, payloads: readonly Payload[], maxBytes = Infinity): Promise<ReplayedPayloads> {
    const bytes = totalBytes(payloads);
    if (this.#directBytes > 0 && this.#directBytes + bytes > this.options.queueBytes) {
      throw new DecodeQueueFullError(signal, this.#directBytes, this.options.queueBytes);
    }
    this.#directBytes += bytes;
    try {
      this.options.faults?.('decode.started');
      return await this.#decodeAll(signal, payloads, maxBytes);
    } finally {
      this.#directBytes -= bytes;
    }
  }

  async #decodeAll(
    signal: Signal,
    payloads: readonly Payload[],
    maxBytes: number,
  ): Promise<ReplayedPayloads> {
    const results: PayloadResult[] = [];
    const batches: ColumnBatch[] = [];
    let oneByOne = false;
    let bytes = 0;
    while (results.length < payloads.length && bytes < maxBytes) {
      const rest = payloads.slice(results.length, oneByOne ? results.length + 1 : undefined);
      try {
        const reply = await this.#runDirect(signal, rest);
        // What is over the bound is dropped with its results, so rows and results stay in step.
        batches.push(reply.batch);
        bytes += batchBytes(reply.batch);
        this.budget.give(reply.pages);
        results.push(...reply.results);
      } catch (error) {
        if (error instanceof DecodeMemoryError && results.length > 0) break;
        if (this.#closed || !(error instanceof DecodeWorkerError)) throw error;
        if (oneByOne || rest.length === 1) {
          results.push({ ok: false, code: 'malformed', message: error.message });
        }
        oneByOne = true;
      }
    }
    return { results, batches };
  }

  #runDirect(signal: Signal, payloads: readonly Payload[]): Promise<DecodeReply> {
    return new Promise((done, failed) => {
      const budget = this.options.replayBudgetBytes ?? 16 * 1024 * 1024;
      this.#direct.push({ signal, payloads, budget, done, failed });
      this.poke();
    });
  }

  /** Jobs of `source` are taken in turn with others'; call `poke` when it has a new one. */
  addSource(source: JobSource): void {
    this.#sources.push(source);
  }

  /** Counts a payload towards the ingest queue; throws DecodeQueueFullError when it has no room. */
  admit(signal: Signal, payload: Payload): void {
    if (this.#closed) throw new DecodeWorkerError('the decoder is closed');
    const bytes = payload.body.byteLength;
    if (this.#ingestBytes > 0 && this.#ingestBytes + bytes > this.options.queueBytes) {
      throw new DecodeQueueFullError(signal, this.#ingestBytes, this.options.queueBytes);
    }
    this.#ingestBytes += bytes;
  }

  /** The opposite of `admit`. */
  release(bytes: number): void {
    this.#ingestBytes -= bytes;
  }

  /** Gives jobs to idle workers. */
  poke(): void {
    while (this.#idle.length > 0) {
      const job = this.#direct.shift() ?? this.#nextFromSources();
      if (!job) return;
      const thread = this.#idle.pop();
      if (thread) void this.#run(thread, job);
    }
  }

  #nextFromSources(): Job | null {
    for (let i = 0; i < this.#sources.length; i++) {
      const source = this.#sources.shift();
      if (!source) break;
      this.#sources.push(source);
      const job = source.next();
      if (job) return job;
    }
    return null;
  }

  async #run(thread: DecodeThread, job: Job): Promise<void> {
    const begun = performance.now();
    let reply: DecodeReply | null = null;
    let failure: Error | null = null;
    try {
      const { signal, payloads, budget } = job;
      const buffer = this.buffers.take(this.#expected(signal, payloads));
      reply = await thread.run({ signal, payloads, budget, buffer, waitMs });
      this.#learn(signal, payloads, reply, buffer);
      this.#metrics.decoded(signal, reply.results, (performance.now() - begun) / 1000);
    } catch (error) {
      failure = error instanceof Error ? error : new DecodeWorkerError(String(error));
    }
    this.#idle.push(thread);
    if (reply) job.done(reply);
    else if (failure) job.failed(failure);
    if (!this.#closed) this.poke();
  }

  recycle(batch: ColumnBatch): void {
    if (this.#recycled.has(batch)) return;
    this.#recycled.add(batch);
    this.buffers.give(batch.arena.buffer);
  }

  #trim(): void {
    if (this.buffers.trim() < worthCollecting) return;
    this.buffers.collected();
    collect();
    for (const thread of this.#threads) thread.collect();
  }

  #expected(signal: Signal, payloads: readonly Payload[]): number {
    return totalBytes(payloads) * (this.#growth.get(signal) ?? 4);
  }

  #learn(
    signal: Signal,
    payloads: readonly Payload[],
    { batch }: DecodeReply,
    buffer: SharedArrayBuffer | null,
  ): void {
    const used = batchBytes(batch);
    if (buffer !== null && batch.arena.buffer.byteLength !== buffer.byteLength) this.buffers.give(buffer);
    const received = totalBytes(payloads);
    if (received > 0) this.#growth.set(signal, Math.max((used / received) * 1.05, 1));
  }

  /** Stops the workers; what is under way or waiting is rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#trimTimer);
    const error = new DecodeWorkerError('the decoder is closed');
    for (const job of this.#direct.splice(0)) job.failed(error);
    for (const source of this.#sources.splice(0)) {
      for (let job = source.next(); job; job = source.next()) job.failed(error);
    }
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

function totalBytes(payloads: readonly Payload[]): number {
  return payloads.reduce((sum, payload) => sum + payload.body.byteLength, 0);
}
