import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../timeout/index.js';
import type { Frame } from './record.js';
import { SpoolUnavailableError, type SpoolRange } from './types.js';
import type { SegmentWriter } from './writer.js';

/** Largest group written at once, so that one fsync doesn't keep the next appends waiting for long. */
const maxGroupBytes = 16 * 1024 * 1024;

export interface GroupOptions {
  readonly writer: SegmentWriter;
  /** Extra wait before a group is closed, milliseconds. */
  readonly waitMs: number;
  /** When one group takes longer, it and all that wait are refused; milliseconds. */
  readonly stallMs: number;
  /** Message of SpoolUnavailableError for a cause. */
  readonly describe: (cause: string) => string;
  readonly onGroup: (records: number, bytes: number) => void;
  readonly onFailed: (error: unknown) => void;
  readonly onStalled: () => void;
}

interface Waiting {
  readonly frames: readonly Frame[];
  readonly bytes: number;
  readonly resolve: (ranges: readonly SpoolRange[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Group commit: appends that arrive while a group is being made durable form the next one, in order. Also the
 * one place where work on the segment files takes turns.
 */
export class GroupCommit {
  #queue: Waiting[] = [];
  #scheduled = false;
  #stalled = false;
  #turn: Promise<unknown> = Promise.resolve();
  #pendingBytes = 0;

  constructor(private readonly options: GroupOptions) {}

  /** Bytes of appends that are neither durable nor refused. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  append(frames: readonly Frame[], bytes: number): Promise<readonly SpoolRange[]> {
    if (this.#stalled) return Promise.reject(this.#unavailable('the disk does not answer'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ frames, bytes, resolve, reject });
      this.#pendingBytes += bytes;
      this.#schedule();
    });
  }

  /** Runs `work` while no group is being written. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(work);
    this.#turn = run.catch(() => undefined);
    return run;
  }

  /** Waits until nothing is queued or written any more; false when the disk does not answer in time. */
  async idle(): Promise<boolean> {
    const settled = (async () => {
      while (this.#scheduled || this.#queue.length > 0) await this.#turn;
      await this.#turn;
      return true;
    })();
    return within(this.options.stallMs * 2, settled, () => false);
  }

  /** One group a turn, so that other work is not kept out by a steady stream of appends. */
  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    void this.exclusive(async () => {
      if (this.options.waitMs > 0) await sleep(this.options.waitMs);
      await this.#writeGroup();
      this.#scheduled = false;
      this.#schedule();
    });
  }

  async #writeGroup(): Promise<void> {
    const group = this.#take();
    if (group.length === 0) return;
    const frames = group.flatMap((waiting) => waiting.frames);
    const bytes = group.reduce((sum, waiting) => sum + waiting.bytes, 0);
    const { writer } = this.options;
    const stall = setTimeout(() => {
      this.#stalled = true;
      const error = this.#unavailable('the disk does not answer');
      this.options.onStalled();
      this.options.onFailed(error);
      this.#refuse(group, error);
      this.#refuse(this.#queue.splice(0), error);
    }, this.options.stallMs);
    try {
      const from = writer.head;
      await writer.write(frames, bytes, () => this.#stalled);
      this.#pendingBytes -= bytes;
      this.options.onGroup(frames.length, bytes);
      let position = from;
      for (const waiting of group) {
        const ranges = waiting.frames.map((frame): SpoolRange => {
          const start = position;
          position += frame.bytes;
          return { start, end: position };
        });
        waiting.resolve(ranges);
      }
    } catch (error) {
      if (!this.#stalled) {
        this.options.onFailed(error);
        this.#refuse(group, this.#unavailable(error instanceof Error ? error.message : String(error), error));
      }
    } finally {
      clearTimeout(stall);
      this.#stalled = false;
    }
  }

  #take(): Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#queue) {
      if (count > 0 && bytes + waiting.bytes > maxGroupBytes) break;
      bytes += waiting.bytes;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  #refuse(group: readonly Waiting[], error: Error): void {
    for (const waiting of group) {
      this.#pendingBytes -= waiting.bytes;
      waiting.reject(error);
    }
  }

  #unavailable(cause: string, error?: unknown): SpoolUnavailableError {
    return new SpoolUnavailableError(this.options.describe(cause), { cause: error });
  }
}
