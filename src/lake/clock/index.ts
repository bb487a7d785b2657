import { hostname } from 'node:os';
import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine, LakeError } from '../../duckdb/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import type { Writer } from '../writer.js';
import type { InstanceHost } from '../host.js';
import type { ClockReading, Contradiction, ContradictionKind, LakeTime } from '../types.js';
import { currentSnapshot, fresh, lastIngestMs } from './evidence.js';
import { clockMetrics, type ClockMetrics } from './metrics.js';
import { readClock, writeClock, type ClockRecord, type ClockRecords } from './record.js';

/** Where times come from; tests of jumps bring their own. */
export interface Clocks {
  readonly wall: () => number;
  readonly monotonic: () => number;
}

const systemClocks: Clocks = { wall: () => Date.now(), monotonic: () => performance.now() };

export interface LakeClockOptions {
  readonly host: InstanceHost;
  readonly writer: Pick<Writer, 'exclusive'>;
  readonly telemetry: Telemetry;
  readonly nodeId: string;
  readonly toleranceMs: number;
  /** True when other nodes may use the same catalog. */
  readonly shared: boolean;
  readonly readOnly: boolean;
  readonly clocks?: Clocks | undefined;
}

const writeEveryMs = 5 * 60_000;
/** At a start the lake's time may be older by so much than records that came before the stop. */
const recordLagMs = 2 * writeEveryMs;
/** A node counts as running while it was heard of within this, by the time that nodes have run. */
const heardOfMs = 15 * 60_000;
const writeTimeoutMs = 30_000;

interface Base {
  lakeMs: number;
  provenMs: number;
  word: number;
  /** By the monotonic clock. */
  readonly atMs: number;
}

/**
 * The lake's time: what the catalog last knew, plus what has passed by the monotonic clock. It follows the wall clock at a
 * start within the tolerance, when fresh telemetry agrees with the wall clock, and on a person's word; else a wall clock that
 * differs contradicts it, and nothing may be destroyed by time until that ends.
 */
export class LakeClock implements LakeTime {
  readonly #clocks: Clocks;
  readonly #metrics: ClockMetrics;
  #base: Base | null = null;
  #lastWrite = -Infinity;
  #changed = false;
  #contradiction: Contradiction | null = null;
  #seenKind: ContradictionKind | null = null;
  /** The snapshot at which a contradiction was first seen. */
  #since = 0;
  /** And from when on records speak against the wall clock, by their own times. */
  #contraryFromMs = 0;
  #looked = false;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: LakeClockOptions) {
    this.#clocks = options.clocks ?? systemClocks;
    this.#metrics = clockMetrics(options.telemetry.registry);
  }

  get reading(): ClockReading | null {
    const base = this.#base;
    if (base === null) return null;
    const elapsed = Math.max(0, this.#clocks.monotonic() - base.atMs);
    const [wallMs, lakeMs] = [this.#clocks.wall(), base.lakeMs + elapsed];
    return {
      wallMs,
      lakeMs,
      provenMs: base.provenMs + elapsed,
      safeMs: Math.min(wallMs, lakeMs),
      contradiction: this.#judge(wallMs - lakeMs) ?? this.#contradiction,
    };
  }

  look(options: { readonly write?: boolean } = {}): Promise<ClockReading> {
    return this.#serialised(async () => {
      const reading = await this.#look();
      if (options.write === true && !this.options.readOnly) await this.#writeIfDue();
      return reading;
    });
  }

  accept(): Promise<ClockReading> {
    return this.#serialised(async () => {
      if (this.options.readOnly) throw new LakeError('unavailable', 'the lake is open for reading only');
      const before = await this.#look();
      const { monotonic, wall } = this.#clocks;
      const word = (this.#base?.word ?? 0) + 1;
      this.#base = { lakeMs: wall(), provenMs: before.provenMs, word, atMs: monotonic() };
      this.#contradiction = null;
      this.#seenKind = null;
      this.options.telemetry.log.warn(
        { wall: iso(wall()), before: iso(before.lakeMs) },
        "a person's word: the wall clock is right, and the lake's time follows it",
      );
      await this.#write((await this.#records()).nodes);
      return this.#look();
    });
  }

  async #look(): Promise<ClockReading> {
    const { host } = this.options;
    const connection = await host.acquire();
    try {
      const records = await readClock(connection);
      await this.#takeOver(connection, records);
      const first = this.#now();
      const others = this.#others(records, first);
      let contradiction = this.#judge(first.wallMs - first.lakeMs);
      if (contradiction !== null && (await this.#followed(connection, contradiction, first, others))) {
        contradiction = null;
      }
      this.#looked = true;
      const now = this.#now();
      this.#settle(contradiction ?? this.#disagreeing(others, now), now);
      return { ...now, contradiction: this.#contradiction };
    } catch (error) {
      host.notice(error);
      throw error;
    } finally {
      host.release(connection);
    }
  }

  /** Brings what this process believes together with what the catalog says. */
  async #takeOver(connection: DuckDBConnection, { record }: ClockRecords): Promise<void> {
    const { wall, monotonic } = this.#clocks;
    const { toleranceMs } = this.options;
    const atMs = monotonic();
    if (this.#base === null) {
      const newest = record === null ? await lastIngestMs(connection) : record.lakeMs;
      const wallMs = wall();
      // An empty lake has nothing to lose; a short stop is no contradiction.
      const close = newest === null || Math.abs(wallMs - newest) <= toleranceMs;
      const lakeMs = newest === null || close ? Math.max(wallMs, newest ?? wallMs) : newest;
      this.#base = { lakeMs, provenMs: record?.provenMs ?? 0, word: record?.word ?? 0, atMs };
      this.#lastWrite = record?.provenMs ?? -Infinity;
      return;
    }
    const own = this.#now();
    const { word } = this.#base;
    if (record === null) return;
    if (record.word > word) {
      const provenMs = Math.max(own.provenMs, record.provenMs);
      this.#base = { lakeMs: record.lakeMs, provenMs, word: record.word, atMs };
    } else if (record.word === word) {
      this.#base = {
        lakeMs: Math.max(own.lakeMs, record.lakeMs),
        provenMs: Math.max(own.provenMs, record.provenMs),
        word,
        atMs,
      };
    }
  }

  /** True when fresh telemetry speaks for the wall clock; then the lake's time follows it. */
  async #followed(
    connection: DuckDBConnection,
    contradiction: Contradiction,
    now: ClockReading,
    others: readonly NodeOffset[],
  ): Promise<boolean> {
    const { log } = this.options.telemetry;
    if (this.#seenKind !== contradiction.kind) {
      this.#seenKind = contradiction.kind;
      this.#since = await currentSnapshot(connection);
      this.#contraryFromMs = now.lakeMs + (this.#looked ? 0 : recordLagMs);
      return false;
    }
    // Another node's clock agrees with the lake: this one's is wrong, whatever its own clients say.
    if (others.some(({ offsetMs }) => Math.abs(offsetMs) <= this.options.toleranceMs)) return false;
    const query = {
      wallMs: now.wallMs,
      lakeMs: now.lakeMs,
      contraryFromMs: this.#contraryFromMs,
      sinceSnapshot: this.#since,
    };
    const evidence = await fresh(connection, query);
    if (!evidence.agrees) return false;
    const { word = 0 } = this.#base ?? {};
    const forward = now.wallMs > now.lakeMs;
    this.#base = {
      lakeMs: now.wallMs,
      provenMs: now.provenMs,
      // Going back must replace what other nodes and the catalog say; nothing is deleted earlier by that.
      word: forward ? word : word + 1,
      atMs: this.#clocks.monotonic(),
    };
    this.#changed = true;
    log.info(
      { from: iso(now.lakeMs), to: iso(now.wallMs), ...evidence },
      "fresh telemetry agrees with the wall clock: the lake's time follows it",
    );
    return true;
  }

  #others({ nodes }: ClockRecords, { provenMs }: ClockReading): NodeOffset[] {
    if (!this.options.shared) return [];
    return [...nodes]
      .filter(([id, node]) => id !== this.options.nodeId && node.provenMs > provenMs - heardOfMs)
      .map(([, { host, offsetMs }]) => ({ host, offsetMs }));
  }

  #judge(offsetMs: number): Contradiction | null {
    if (Math.abs(offsetMs) <= this.options.toleranceMs) return null;
    const kind = offsetMs > 0 ? 'ahead' : 'behind';
    const by = seconds(offsetMs);
    const reason =
      kind === 'ahead'
        ? `the wall clock is ${by} s ahead of what the lake knows (its last ingest and what has passed since)`
        : `the wall clock is ${by} s behind what the lake knows`;
    return { kind, seconds: by, reason, cure };
  }

  #disagreeing(others: readonly NodeOffset[], now: ClockReading): Contradiction | null {
    const own = now.wallMs - now.lakeMs;
    const other = others.find(({ offsetMs }) => Math.abs(offsetMs - own) > this.options.toleranceMs);
    if (other === undefined) return null;
    const by = seconds(other.offsetMs - own);
    const reason = `the clock of the node on ${other.host} differs from this one's by ${by} s`;
    return { kind: 'nodes', seconds: by, reason, cure };
  }

  #settle(found: Contradiction | null, now: ClockReading): void {
    const { log } = this.options.telemetry;
    const before = this.#contradiction?.kind ?? null;
    this.#contradiction = found;
    if (found === null || found.kind === 'nodes') this.#seenKind = null;
    this.#metrics.show(now.wallMs - now.lakeMs, found?.kind ?? null);
    if ((found?.kind ?? null) === before) return;
    this.#changed = true;
    const times = { wall: iso(now.wallMs), lake: iso(now.lakeMs) };
    if (found === null) log.info(times, 'the wall clock agrees with the lake again');
    else {
      log.error(
        { ...times, kind: found.kind, reason: found.reason, cure: found.cure },
        'the clock contradicts the lake: nothing is deleted by age until this ends',
      );
    }
  }

  #now(): ClockReading {
    const { reading } = this;
    if (reading === null) throw new LakeError('unavailable', "the lake's time is not known yet");
    return reading;
  }

  async #records(): Promise<ClockRecords> {
    const connection = await this.options.host.acquire();
    try {
      return await readClock(connection);
    } finally {
      this.options.host.release(connection);
    }
  }

  async #writeIfDue(): Promise<void> {
    const { provenMs } = this.#now();
    if (!this.#changed && provenMs - this.#lastWrite < writeEveryMs) return;
    // What is not written now is written at the next look; until then the catalog is behind, which is safe.
    await this.#records()
      .then(({ nodes }) => this.#write(nodes))
      .catch((error: unknown) =>
        this.options.telemetry.log.warn({ err: firstLine(error) }, "the lake's time could not be noted"),
      );
  }

  async #write(known: ClockRecords['nodes']): Promise<void> {
    const { wallMs, lakeMs, provenMs } = this.#now();
    const record: ClockRecord = { lakeMs, provenMs, word: this.#base?.word ?? 0 };
    const node = { provenMs, offsetMs: wallMs - lakeMs, host: hostname() };
    await this.options.writer.exclusive(writeTimeoutMs, (connection) =>
      writeClock(connection, record, this.options.nodeId, node, known),
    );
    this.#lastWrite = provenMs;
    this.#changed = false;
  }

  #serialised<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

interface NodeOffset {
  readonly host: string;
  readonly offsetMs: number;
}

const cure =
  'set the clock right; if it is right, fresh telemetry settles it, or say so: canardstack catalog clock --accept';

function seconds(ms: number): number {
  return Math.round(Math.abs(ms) / 1000);
}

function iso(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}
