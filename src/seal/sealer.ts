import { setTimeout as sleep } from 'node:timers/promises';
import type { ColumnBatch, Payload } from '../schema/index.js';
import { batchBytes, batchRows } from '../schema/index.js';
import { isOwnFatal } from '../duckdb/index.js';
import { CommitError, type Lake, type StreamProgress } from '../lake/types.js';
import type { Faults } from '../faults/index.js';
import type { Attempts } from '../spool/attempts.js';
import type { SpoolEntry } from '../spool/types.js';
import { traced, type Telemetry } from '../telemetry/index.js';
import { FreshnessProjection } from './admission.js';
import type { StreamBacklog } from './backlog.js';
import { Careful, type Piece } from './careful.js';
import { sealMetrics, type SealMetrics } from './metrics.js';

/** Decodes payloads read back from the spool; `decode/`'s pool. */
type Decode = (
  signal: StreamBacklog['stream']['signal'],
  payloads: readonly Payload[],
  maxBytes: number,
) => Promise<{ batches: readonly ColumnBatch[]; results: readonly { ok: boolean; message?: string }[] }>;

export interface SealerOptions {
  readonly lake: Lake;
  readonly backlogs: readonly StreamBacklog[];
  readonly decode: Decode;
  /** Takes back the memory of a batch that nobody reads any more; `decode/`'s pool. */
  readonly recycle: (batch: ColumnBatch) => void;
  readonly intervalMs: number;
  readonly maxBytes: number;
  readonly telemetry: Telemetry;
  readonly attempts: Attempts;
  readonly faults?: Faults;
}

/** A stretch of one stream, decoded, that goes into a commit. */
interface Portion {
  readonly backlog: StreamBacklog;
  readonly start: number;
  readonly end: number;
  readonly batches: readonly ColumnBatch[];
  /** Those of them read back from the spool for this commit, so that nobody else holds them. */
  readonly readBack: readonly ColumnBatch[];
}

const replayChunkBytes = 8 * 1024 * 1024;
const maxBackoffMs = 10_000;

/**
 * Moves the spool's streams into the lake: each commit carries rows and the new watermarks in one DuckLake
 * transaction. One commit runs at a time. A commit with an unknown outcome is settled by reading the
 * watermarks back before anything is sent again.
 */
export class Sealer {
  readonly projection: FreshnessProjection;
  readonly metrics: SealMetrics;
  /** Why the lake can't be written at the moment, or null. */
  unavailable: string | null = null;
  /** Why this process must take nothing more: another one commits under its node id. */
  fenced: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #running: Promise<void> | null = null;
  #failures = 0;
  #notBefore = 0;
  #commitSince: number | null = null;
  readonly #careful: Careful;

  constructor(private readonly options: SealerOptions) {
    this.projection = new FreshnessProjection(options.intervalMs / 1000);
    this.metrics = sealMetrics(options.telemetry.registry, this);
    this.#careful = new Careful(options);
  }

  get backlogs(): readonly StreamBacklog[] {
    return this.options.backlogs;
  }

  get backlogBytes(): number {
    return this.options.backlogs.reduce((sum, backlog) => sum + backlog.bytes, 0);
  }

  get heldBytes(): number {
    return this.options.backlogs.reduce((sum, backlog) => sum + backlog.heldBytes, 0);
  }

  /** How long the commit that runs has been running; 0 when none does. */
  get commitSeconds(): number {
    return this.#commitSince === null ? 0 : (performance.now() - this.#commitSince) / 1000;
  }

  get projectedSeconds(): number {
    return this.projection.project(this.backlogBytes);
  }

  start(): void {
    if (this.#timer) return;
    this.#timer = setInterval(() => void this.#tick(), this.options.intervalMs);
  }

  /** Commits before the interval is over, once enough bytes wait. */
  nudge(): void {
    if (this.heldBytes >= this.options.maxBytes) void this.#tick();
  }

  /** Seals until nothing acknowledged before the call is left, or `signal` aborts. True when all is committed. */
  async sealAll(signal: AbortSignal): Promise<boolean> {
    const targets = this.options.backlogs.map((backlog) => ({ backlog, head: backlog.stream.head }));
    const left = () => targets.some(({ backlog, head }) => backlog.committed < head);
    while (left() && !signal.aborted) {
      await this.#tick();
      if (left() && this.unavailable !== null) await sleep(100, undefined, { signal }).catch(() => undefined);
    }
    return !left();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  #tick(): Promise<void> {
    this.#running ??= this.#sealOnce().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #sealOnce(): Promise<void> {
    if (performance.now() < this.#notBefore) return;
    try {
      let more = true;
      while (more && !this.#stopped) {
        const begun = performance.now();
        await this.#careful.prepare();
        const piece = this.#careful.next();
        const portions = piece ? [await this.#pieceOf(piece)] : await this.#gather();
        if (portions.length === 0) return;
        this.#commitSince = performance.now();
        await this.#commit(portions).finally(() => (this.#commitSince = null));
        await this.#careful.end();
        const bytes = portions.reduce((sum, portion) => sum + portion.end - portion.start, 0);
        // Small pieces say nothing of how fast commits are.
        if (!piece) this.projection.observe(bytes, (performance.now() - begun) / 1000);
        more = piece !== null || this.heldBytes >= this.options.maxBytes || this.#hasGap();
      }
    } catch (error) {
      this.#careful.failed(error);
      await this.#careful.end();
      this.#failed(error);
    }
  }

  async #pieceOf({ backlog, start, end, setAside }: Piece): Promise<Portion> {
    if (setAside) return { backlog, start, end, batches: [], readBack: [] };
    await this.#careful.begin([{ stream: backlog.stream.id, start, end }]);
    return this.#reread(backlog, start, end);
  }

  /** True when a stream's next record is not held in memory, that is, must be read back. */
  #hasGap(): boolean {
    return this.options.backlogs.some((backlog) => {
      return backlog.bytes > 0 && backlog.firstHeldAfter(backlog.committed) !== backlog.committed;
    });
  }

  async #gather(): Promise<Portion[]> {
    const portions: Portion[] = [];
    let room = this.options.maxBytes;
    for (const backlog of this.options.backlogs) {
      if (backlog.bytes <= 0 || room <= 0) continue;
      const portion = await this.#portion(backlog, room);
      for (const batch of portion.batches) room -= batchBytes(batch);
      if (portion.end > portion.start) portions.push(portion);
    }
    return portions;
  }

  /** What comes next in a stream, held or read back in turn, of about `maxBytes` decoded. */
  async #portion(backlog: StreamBacklog, maxBytes: number): Promise<Portion> {
    const start = backlog.committed;
    const batches: ColumnBatch[] = [];
    const readBack: ColumnBatch[] = [];
    const limit = this.#careful.limit(backlog);
    let end = start;
    let bytes = 0;
    while (bytes < maxBytes) {
      const from = end;
      for (const entry of backlog.contiguousFrom(end, maxBytes - bytes)) {
        if (entry.end > limit) break;
        batches.push(entry.batch);
        bytes += entry.bytes;
        end = entry.end;
      }
      if (bytes >= maxBytes || end >= Math.min(backlog.stream.head, limit)) break;
      const gap = await this.#readBack(backlog, end, maxBytes - bytes);
      if (gap !== null) {
        batches.push(...gap.batches);
        readBack.push(...gap.batches);
        for (const batch of gap.batches) bytes += batchBytes(batch);
        end = gap.end;
      }
      if (end === from) break;
    }
    return { backlog, start, end, batches, readBack };
  }

  /** Reads a gap that begins at `start` back from the spool, about `maxRowBytes` of rows; null when nothing lies there. */
  async #readBack(
    backlog: StreamBacklog,
    start: number,
    maxRowBytes: number,
  ): Promise<{ end: number; batches: readonly ColumnBatch[] } | null> {
    const held = backlog.firstHeldAfter(start) ?? backlog.stream.head;
    const stop = Math.min(held, this.#careful.limit(backlog));
    const entries: SpoolEntry[] = [];
    let end = start;
    let bytes = 0;
    for await (const entry of backlog.stream.read(start)) {
      if (entry.start >= stop) break;
      entries.push(entry);
      end = entry.end;
      bytes += entry.end - entry.start;
      if (bytes >= Math.min(maxRowBytes, replayChunkBytes)) break;
    }
    if (entries.length === 0) {
      // Only damaged records were left before `stop`; they are set aside, so the watermark moves past them.
      return stop > start ? { end: stop, batches: [] } : null;
    }
    await this.#careful.add({ stream: backlog.stream.id, start, end });
    const { batches, count } = await this.#decodeEntries(backlog, entries, maxRowBytes);
    this.metrics.replayedPayloads.inc({ signal: backlog.stream.signal }, count);
    return { end: entries[count - 1]?.end ?? end, batches };
  }

  async #decodeEntries(
    backlog: StreamBacklog,
    entries: readonly SpoolEntry[],
    maxRowBytes: number,
  ): Promise<{ batches: readonly ColumnBatch[]; count: number }> {
    const { batches, results } = await this.options.decode(
      backlog.stream.signal,
      entries.map((entry) => entry.payload),
      maxRowBytes,
    );
    for (const [i, result] of results.entries()) {
      const entry = entries[i];
      if (!result.ok && entry) await this.#setAside(backlog, entry, result.message ?? 'could not be decoded');
    }
    return { batches, count: results.length };
  }

  async #setAside(backlog: StreamBacklog, entry: SpoolEntry, reason: string): Promise<void> {
    this.options.telemetry.log.error(
      { stream: backlog.stream.id, position: entry.start, reason },
      'a spooled payload is poison and is set aside',
    );
    await backlog.stream.setAside(entry, { reason });
  }

  async #commit(portions: readonly Portion[]): Promise<void> {
    try {
      await this.#tryCommit(portions);
    } finally {
      for (const batch of portions.flatMap((portion) => portion.readBack)) this.options.recycle(batch);
    }
  }

  async #tryCommit(portions: readonly Portion[]): Promise<void> {
    const progress = portions.map((p): StreamProgress => {
      return { stream: p.backlog.stream.id, from: p.start, position: p.end };
    });
    const batches = portions.flatMap((portion) => portion.batches.filter((batch) => batchRows(batch) > 0));
    await this.#careful.begin(
      batches.length === 0
        ? []
        : portions.map((p) => ({ stream: p.backlog.stream.id, start: p.start, end: p.end })),
    );
    try {
      await traced(
        this.options.telemetry.tracer,
        { name: 'seal commit', attributes: { 'canardstack.batches': batches.length }, ingest: true },
        () => this.options.lake.commit(batches, progress),
      );
    } catch (error) {
      if (!(error instanceof CommitError)) throw error;
      if (error.kind === 'unavailable' || error.kind === 'fenced') throw error;
      if (error.kind === 'data') return await this.#commitApart(portions, error);
      await this.#settleByWatermark(error).catch((failure: unknown) => {
        // Why the watermarks can't be read matters less than what made it necessary.
        throw isOwnFatal(error) ? error : failure;
      });
      return;
    }
    await this.#settled(portions.map((portion) => ({ backlog: portion.backlog, end: portion.end })));
  }

  async #settled(done: readonly { backlog: StreamBacklog; end: number }[]): Promise<void> {
    const now = Date.now();
    for (const { backlog, end } of done) {
      const before = backlog.bytes;
      for (const entry of backlog.settle(end)) {
        this.metrics.visibleSeconds.observe(
          { signal: backlog.stream.signal },
          (now - entry.ackedAtMs) / 1000,
        );
        this.options.recycle(entry.batch);
      }
      this.metrics.sealedBytes.inc({ signal: backlog.stream.signal }, before - backlog.bytes);
    }
    this.metrics.commits.inc({ outcome: 'ok' });
    this.#failures = 0;
    this.#notBefore = 0;
    this.fenced = null;
    if (this.unavailable !== null) {
      this.options.telemetry.log.info('the lake takes commits again');
      this.unavailable = null;
    }
    // Freeing disk is not part of the promise: a failure here only keeps bytes that replay would skip.
    for (const { backlog } of done) await backlog.stream.release(backlog.committed);
  }

  /** The commit may or may not have happened, or the lake is ahead of us: only its watermarks tell. */
  async #settleByWatermark(error: CommitError): Promise<void> {
    this.metrics.commits.inc({ outcome: error.kind });
    this.options.telemetry.log.warn({ err: error.message }, 'settling a commit by the watermarks');
    const watermarks = await this.options.lake.watermarks();
    const done = this.options.backlogs
      .map((backlog) => ({ backlog, end: watermarks.get(backlog.stream.id) ?? 0 }))
      .filter(({ backlog, end }) => end > backlog.committed);
    if (done.length > 0) await this.#settled(done);
    else throw error;
  }

  /** Finds the rows that can never be committed by halving, down to one payload, which is set aside. */
  async #commitApart(portions: readonly Portion[], error: CommitError): Promise<void> {
    this.metrics.commits.inc({ outcome: 'data' });
    if (portions.length > 1) {
      for (const portion of portions) await this.#commit([portion]);
      return;
    }
    const portion = portions[0];
    if (!portion) return;
    const entries: { start: number; end: number }[] = [];
    for await (const entry of portion.backlog.stream.read(portion.start)) {
      if (entry.start >= portion.end) break;
      entries.push({ start: entry.start, end: entry.end });
    }
    const first = entries[0];
    if (entries.length <= 1 || !first) {
      if (first) {
        for await (const entry of portion.backlog.stream.read(first.start)) {
          await portion.backlog.stream.setAside(entry, { reason: error.message });
          break;
        }
      }
      await this.#commit([{ ...portion, batches: [], readBack: [] }]);
      return;
    }
    const middle = entries[Math.floor(entries.length / 2)] as { start: number };
    await this.#commitAgain(portion.backlog, portion.start, middle.start);
    await this.#commitAgain(portion.backlog, middle.start, portion.end);
  }

  /** Reads a stretch back and commits it, in several steps when its rows are many. */
  async #commitAgain(backlog: StreamBacklog, start: number, end: number): Promise<void> {
    while (start < end) {
      const portion = await this.#reread(backlog, start, end);
      await this.#commit([portion]);
      start = portion.end;
    }
  }

  async #reread(backlog: StreamBacklog, start: number, end: number): Promise<Portion> {
    const entries: SpoolEntry[] = [];
    for await (const entry of backlog.stream.read(start)) {
      if (entry.start >= end) break;
      entries.push(entry);
    }
    const { batches, count } = await this.#decodeEntries(backlog, entries, this.options.maxBytes);
    const reached = count < entries.length ? (entries[count - 1]?.end ?? end) : end;
    return { backlog, start, end: reached, batches, readBack: batches };
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#failures++;
    const backoff = Math.min(maxBackoffMs, 100 * 2 ** Math.min(this.#failures, 10));
    this.#notBefore = performance.now() + backoff * (0.5 + Math.random() / 2);
    this.unavailable = message;
    if (error instanceof CommitError && error.kind === 'fenced') this.fenced = message;
    this.metrics.commits.inc({ outcome: error instanceof CommitError ? error.kind : 'error' });
    this.options.telemetry.log.error(
      { err: message, failures: this.#failures },
      'sealing failed, will retry',
    );
  }
}
