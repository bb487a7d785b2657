import { setTimeout as sleep } from 'node:timers/promises';
import { batchRows, type ColumnBatch } from '../schema/index.js';
import { isOwnFatal } from '../duckdb/index.js';
import { CommitError, type Lake, type StreamProgress } from '../lake/types.js';
import type { Faults } from '../faults/index.js';
import type { Attempts } from '../spool/attempts.js';
import { traced, type Telemetry } from '../telemetry/index.js';
import { FreshnessProjection } from './admission.js';
import type { StreamBacklog } from './backlog.js';
import { Careful, type Piece } from './careful.js';
import { commitApart } from './commit-apart.js';
import { sealMetrics, type SealMetrics } from './metrics.js';
import { Portions, type Decode, type Portion } from './portions.js';

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

const maxBackoffMs = 10_000;

/**
 * Moves the spool's streams into the lake: each commit carries rows and the new watermarks in one DuckLake
 * transaction. One commit runs at a time. A commit with an unknown outcome is settled by reading the
 * watermarks back before anything is sent again.
 */
export class Sealer {
  readonly #projection: FreshnessProjection;
  readonly metrics: SealMetrics;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #running: Promise<void> | null = null;
  #failures = 0;
  #notBefore = 0;
  #commitSince: number | null = null;
  #unavailable: string | null = null;
  #fenced: string | null = null;
  readonly #careful: Careful;
  readonly #portions: Portions;

  constructor(private readonly options: SealerOptions) {
    this.#projection = new FreshnessProjection(options.intervalMs / 1000);
    this.metrics = sealMetrics(options.telemetry.registry, this);
    this.#careful = new Careful(options);
    this.#portions = new Portions(options, this.#careful, this.metrics);
  }

  /** Why the lake can't be written at the moment, or null. */
  get unavailable(): string | null {
    return this.#unavailable;
  }

  /** Why this process must take nothing more: another one commits under its node id. */
  get fenced(): string | null {
    return this.#fenced;
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
    return this.#projection.project(this.backlogBytes);
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
        const portions = piece ? [await this.#pieceOf(piece)] : await this.#portions.gather();
        if (portions.length === 0) return;
        this.#commitSince = performance.now();
        await this.#commit(portions).finally(() => (this.#commitSince = null));
        await this.#careful.end();
        const bytes = portions.reduce((sum, portion) => sum + portion.end - portion.start, 0);
        // Small pieces say nothing of how fast commits are.
        if (!piece) this.#projection.observe(bytes, (performance.now() - begun) / 1000);
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
    return this.#portions.reread(backlog, start, end);
  }

  /** True when a stream's next record is not held in memory, that is, must be read back. */
  #hasGap(): boolean {
    return this.options.backlogs.some((backlog) => {
      return backlog.bytes > 0 && backlog.firstHeldAfter(backlog.committed) !== backlog.committed;
    });
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
      if (error.kind === 'data') return await this.#apart(portions, error.message);
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
    this.#fenced = null;
    if (this.unavailable !== null) {
      this.options.telemetry.log.info('the lake takes commits again');
      this.#unavailable = null;
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

  /** Some rows can never be committed: each portion goes by itself, and one alone in pieces. */
  async #apart(portions: readonly Portion[], reason: string): Promise<void> {
    this.metrics.commits.inc({ outcome: 'data' });
    const [portion, ...more] = portions;
    if (portion && more.length === 0) {
      return commitApart(portion, reason, this.#portions, (piece) => this.#commit([piece]));
    }
    for (const each of portions) await this.#commit([each]);
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#failures++;
    const backoff = Math.min(maxBackoffMs, 100 * 2 ** Math.min(this.#failures, 10));
    this.#notBefore = performance.now() + backoff * (0.5 + Math.random() / 2);
    this.#unavailable = message;
    if (error instanceof CommitError && error.kind === 'fenced') this.#fenced = message;
    this.metrics.commits.inc({ outcome: error instanceof CommitError ? error.kind : 'error' });
    this.options.telemetry.log.error(
      { err: message, failures: this.#failures },
      'sealing failed, will retry',
    );
  }
}
