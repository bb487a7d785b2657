import { open, type FileHandle } from 'node:fs/promises';
import type { Faults } from '../faults/index.js';
import type { Payload, Signal } from '../schema/index.js';
import type { Logger } from '../telemetry/index.js';
import type { DamageKeeper } from './damage.js';
import { GroupCommit } from './groups.js';
import type { SpoolMetrics } from './metrics.js';
import { encodeFrame } from './record.js';
import { scanSegment } from './scan.js';
import type { Segment } from './segment.js';
import type { SetAside, SetAsideWhy } from './set-aside.js';
import {
  SpoolFullError,
  SpoolUnavailableError,
  type SpoolEntry,
  type SpoolRange,
  type SpoolStream,
} from './types.js';
import type { SegmentWriter } from './writer.js';

export interface StreamOptions {
  readonly id: string;
  readonly signal: Signal;
  readonly seed: number;
  readonly capacityBytes: number;
  readonly rotateBytes: number;
  readonly groupCommitMs: number;
  readonly stallMs: number;
  /** Shared with the writer, which alone changes it; oldest first. */
  readonly segments: readonly Segment[];
  readonly writer: SegmentWriter;
  readonly damage: DamageKeeper;
  readonly setAside: SetAside;
  readonly metrics: SpoolMetrics;
  readonly log: Logger;
  readonly faults: Faults;
}

export class SegmentedStream implements SpoolStream {
  readonly id: string;
  readonly signal: Signal;
  readonly capacityBytes: number;
  readonly #groups: GroupCommit;
  #released = 0;
  #releasing: Promise<void> = Promise.resolve();
  #closing = false;
  #failing = false;

  constructor(private readonly options: StreamOptions) {
    this.id = options.id;
    this.signal = options.signal;
    this.capacityBytes = options.capacityBytes;
    this.#groups = new GroupCommit({
      writer: options.writer,
      waitMs: options.groupCommitMs,
      stallMs: options.stallMs,
      describe: (cause) => `the ${this.signal} spool cannot be written: ${cause}`,
      onGroup: (records, bytes) => this.#written(records, bytes),
      onFailed: (error) => this.#failed(error),
      onStalled: () => options.metrics.errors.inc({ signal: this.signal, op: 'stall' }),
    });
  }

  get head(): number {
    return this.options.writer.head;
  }

  get tail(): number {
    return this.options.segments[0]?.start ?? this.head;
  }

  get usedBytes(): number {
    return this.options.segments.reduce((sum, segment) => sum + segment.end - segment.start, 0);
  }

  async append(payloads: readonly Payload[]): Promise<readonly SpoolRange[]> {
    if (this.#closing) throw new SpoolUnavailableError(`the ${this.signal} spool is closed`);
    if (payloads.length === 0) return [];
    const frames = payloads.map((payload) => encodeFrame(payload, this.options.seed));
    const bytes = frames.reduce((sum, frame) => sum + frame.bytes, 0);
    const used = this.usedBytes + this.#groups.pendingBytes;
    if (used + bytes > this.capacityBytes) throw new SpoolFullError(this.signal, used, this.capacityBytes);
    return this.#groups.append(frames, bytes);
  }

  async *read(from: number): AsyncGenerator<SpoolEntry, void, undefined> {
    const head = this.head;
    let position = from;
    while (position < head) {
      const segment = this.options.segments.find((candidate) => candidate.end > position);
      if (!segment || segment.start >= head) return;
      const to = Math.min(segment.end, head);
      const handle = await this.#openForRead(segment);
      // Released meanwhile: all of it is committed.
      if (handle) {
        try {
          yield* this.#records(segment, handle, Math.max(position, segment.start), to);
        } finally {
          await handle.close();
        }
      }
      position = to;
    }
  }

  release(position: number): Promise<void> {
    this.#released = Math.max(this.#released, Math.min(position, this.head));
    this.#releasing = this.#releasing
      .then(() => this.#free())
      .catch((error: unknown) => {
        this.options.log.warn(
          { stream: this.id, err: error },
          'spool segments stay for now: freeing them failed',
        );
      });
    return this.#releasing;
  }

  async advanceTo(position: number): Promise<void> {
    await this.#groups.exclusive(async () => {
      if (position <= this.head) return;
      this.options.log.warn(
        { stream: this.id, head: this.head, position },
        'the lake is ahead of this spool, which goes on from there: records may have been lost with an older spool',
      );
      await this.options.writer.skipTo(position);
    });
  }

  async setAside(entry: SpoolEntry, why: SetAsideWhy): Promise<void> {
    const { setAside, metrics } = this.options;
    try {
      await setAside.add(this.signal, this.id, entry, why);
    } catch (error) {
      metrics.errors.inc({ signal: this.signal, op: 'set_aside' });
      const cause = error instanceof Error ? error.message : String(error);
      throw new SpoolUnavailableError(`a record cannot be set aside: ${cause}`, { cause: error });
    }
    if (why.deaths === undefined) metrics.poison.inc({ signal: this.signal });
  }

  async takeBack(name: string): Promise<SpoolRange> {
    const { setAside, seed, writer, metrics, faults } = this.options;
    if (this.#closing) throw new SpoolUnavailableError(`the ${this.signal} spool is closed`);
    return this.#groups.exclusive(async () => {
      const found = await setAside.read(name);
      if (!found) throw new SpoolUnavailableError(`${name} is not among what is set aside`);
      const frame = encodeFrame(found.payload, seed);
      const used = this.usedBytes + this.#groups.pendingBytes;
      if (used + frame.bytes > this.capacityBytes)
        throw new SpoolFullError(this.signal, used, this.capacityBytes);
      const start = writer.head;
      try {
        await writer.place(frame, setAside.stagedPath(name), () => setAside.staged(name));
      } catch (error) {
        metrics.errors.inc({ signal: this.signal, op: 'take_back' });
        // Renamed, but not surely durable: a lost rename leaves it set aside.
        if (writer.head === start) {
          const cause = error instanceof Error ? error.message : String(error);
          throw new SpoolUnavailableError(`${name} cannot be put back: ${cause}`, { cause: error });
        }
      }
      faults?.('spool.returned');
      await setAside.returned(name);
      return { start, end: writer.head };
    });
  }

  /** Refuses new appends, waits for those under way, closes the files. */
  async close(): Promise<void> {
    this.#closing = true;
    const idle = await this.#groups.idle();
    // Closing a file whose disk does not answer would wait for it too; the process end closes it.
    if (idle) await this.options.writer.close();
    else this.options.log.error({ stream: this.id }, 'the spool is left open: the disk does not answer');
  }

  async *#records(
    segment: Segment,
    handle: FileHandle,
    from: number,
    to: number,
  ): AsyncGenerator<SpoolEntry, void, undefined> {
    const { seed, damage } = this.options;
    for await (const item of scanSegment({ handle, start: segment.start, from, to, seed })) {
      if (item.kind === 'record') yield item.entry;
      else if (item.end > this.#released) await damage.damaged(segment, handle, item);
    }
  }

  async #openForRead(segment: Segment): Promise<FileHandle | null> {
    try {
      return await open(segment.path, 'r');
    } catch (error) {
      const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (gone && !this.options.segments.includes(segment)) return null;
      throw error;
    }
  }

  async #free(): Promise<void> {
    const { segments, writer } = this.options;
    await this.#replaceNewest();
    let freed = false;
    for (;;) {
      const [oldest, next] = segments;
      if (!oldest || !next || oldest.end > this.#released || next.start > this.#released) break;
      await writer.dropOldest();
      freed = true;
    }
    if (freed) await writer.syncFolder();
  }

  /** The newest segment keeps the head and so never goes without a successor. */
  async #replaceNewest(): Promise<void> {
    const { segments, writer, rotateBytes } = this.options;
    const due = () => {
      const newest = segments.at(-1);
      if (!newest || newest.end === newest.start || this.#released < this.head) return false;
      // On a disk that refuses writes even a small segment is space worth having back.
      if (this.#failing || newest.end < this.head) return true;
      return newest.end - newest.start >= rotateBytes / 4 && this.#groups.pendingBytes === 0;
    };
    if (due()) await this.#groups.exclusive(async () => (due() ? writer.replaceNewest() : undefined));
  }

  #written(records: number, bytes: number): void {
    const { metrics, log } = this.options;
    metrics.groupRecords.observe({ signal: this.signal }, records);
    metrics.appendedBytes.inc({ signal: this.signal }, bytes);
    if (this.#failing) {
      this.#failing = false;
      log.info({ stream: this.id }, 'the spool takes appends again');
    }
  }

  #failed(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.options.log.error(
      { stream: this.id, err: error },
      'the spool cannot be written; appends are refused',
    );
  }
}
