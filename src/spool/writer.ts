import type { FileHandle } from 'node:fs/promises';
import { rename, rm, truncate, unlink } from 'node:fs/promises';
import { syncPath } from '../durable/index.js';
import type { Faults } from '../faults/index.js';
import type { SpoolMetrics, SpoolOperation } from './metrics.js';
import { placeFrame, type Frame } from './record.js';
import {
  createSegment,
  segmentHeaderBytes,
  segmentOffset,
  segmentPath,
  writeSegment,
  type Segment,
} from './segment.js';
import type { Signal } from '../schema/index.js';

export interface WriterOptions {
  readonly folder: string;
  readonly streamId: string;
  readonly signal: Signal;
  readonly rotateBytes: number;
  readonly segments: Segment[];
  readonly metrics: SpoolMetrics;
  readonly faults: Faults;
}

/**
 * Writes groups of records durably at the head of a stream. Calls must not overlap. A group that fails leaves the
 * stream as it was: the file is cut back, and when the state of its pages is in doubt (a failed fsync reports an
 * error once and may call the same pages clean the next time) the segment is given up at its durable end and the
 * next group starts another one there.
 */
export class SegmentWriter {
  #head: number;
  #active: { segment: Segment; handle: FileHandle } | null = null;

  constructor(private readonly options: WriterOptions) {
    this.#head = options.segments.at(-1)?.end ?? 0;
  }

  get head(): number {
    return this.#head;
  }

  /** Resolves once the frames are durable. `givenUp` is asked after the fsync: if so, the group counts as failed. */
  async write(frames: readonly Frame[], bytes: number, givenUp: () => boolean): Promise<void> {
    const { segment, handle } = await this.#fileFor(bytes);
    const buffers: Uint8Array[] = [];
    let position = this.#head;
    for (const frame of frames) {
      placeFrame(frame, position);
      buffers.push(frame.header);
      if (frame.body.byteLength > 0) buffers.push(frame.body);
      position += frame.bytes;
    }
    try {
      await this.#counted('write', writeAll(handle, buffers, segmentOffset(segment, this.#head)));
    } catch (error) {
      if (!(await this.#cutBack(segment, handle))) await this.#giveUp();
      throw error;
    }
    this.options.faults?.('spool.appended');
    try {
      const done = this.options.metrics.fsyncSeconds.startTimer({ signal: this.options.signal });
      await this.#counted('sync', handle.datasync());
      done();
      if (givenUp()) throw new Error('the disk did not answer in time');
    } catch (error) {
      await this.#cutBack(segment, handle);
      await this.#giveUp();
      throw error;
    }
    this.options.faults?.('spool.synced');
    this.#head = position;
    segment.end = position;
  }

  /** The next record lies at `position` or later. Nothing is written: the next segment records the jump. */
  async skipTo(position: number): Promise<void> {
    if (position <= this.#head) return;
    await this.#giveUp();
    this.#head = position;
  }

  /** Starts a segment at the head, so that all before it can be released. */
  async rotate(): Promise<void> {
    const { folder, streamId, segments } = this.options;
    const previous = segments.at(-1);
    const created = await this.#counted(
      'create',
      createSegment(folder, { streamId, start: this.#head, previousEnd: previous?.end ?? this.#head }),
    );
    await this.#giveUp();
    const segment: Segment = { path: created.path, start: this.#head, end: this.#head };
    if (previous?.path === segment.path) segments.pop();
    segments.push(segment);
    this.#active = { segment, handle: created.handle };
  }

  /**
   * Frees the newest segment, all of which is committed, by starting its successor. Where even a header finds no
   * space, its records are cut off first: a crash between takes the head back, and the watermark takes it forward.
   */
  async replaceNewest(): Promise<void> {
    const newest = this.options.segments.at(-1);
    if (!newest) return;
    try {
      await this.rotate();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      await this.#giveUp();
      await this.#counted('truncate', truncate(newest.path, segmentHeaderBytes));
      newest.end = newest.start;
      await this.rotate();
    }
  }

  /**
   * Puts a record at the head as a segment of its own: it is staged in the file at `path`, whole, and renamed. Between
   * the two, `staged` gives up the record's former file, so that there is one of it at each moment.
   */
  async place(frame: Frame, path: string, staged: () => Promise<void>): Promise<void> {
    const { folder, streamId, segments } = this.options;
    const start = this.#head;
    placeFrame(frame, start);
    const previous = segments.at(-1);
    const header = { streamId, start, previousEnd: previous?.end ?? start };
    await this.#counted('write', writeSegment(path, header, [frame.header, frame.body])).catch(
      async (error: unknown) => {
        await rm(path, { force: true });
        throw error;
      },
    );
    await staged();
    this.options.faults?.('spool.staged');
    await this.#giveUp();
    const segment: Segment = { path: segmentPath(folder, start), start, end: start + frame.bytes };
    await rename(path, segment.path);
    if (previous?.path === segment.path) segments.pop();
    segments.push(segment);
    this.#head = segment.end;
    await this.syncFolder();
  }

  /** Unlinks the oldest segment; it must not be the newest. */
  async dropOldest(): Promise<void> {
    const oldest = this.options.segments[0];
    if (!oldest || this.options.segments.length < 2) return;
    await this.#counted(
      'release',
      unlink(oldest.path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      }),
    );
    this.options.segments.shift();
  }

  async syncFolder(): Promise<void> {
    await this.#counted('release', syncPath(this.options.folder));
  }

  async close(): Promise<void> {
    await this.#giveUp();
  }

  async #fileFor(bytes: number): Promise<{ segment: Segment; handle: FileHandle }> {
    const filled = this.#active ? this.#active.segment.end - this.#active.segment.start : 0;
    if (!this.#active || (filled > 0 && filled + bytes > this.options.rotateBytes)) await this.rotate();
    if (!this.#active) throw new Error('no segment is open');
    return this.#active;
  }

  /** True when the file ends at its durable end again, durably. */
  async #cutBack(segment: Segment, handle: FileHandle): Promise<boolean> {
    try {
      await this.#counted('truncate', handle.truncate(segmentOffset(segment, segment.end)));
      await this.#counted('truncate', handle.datasync());
      return true;
    } catch {
      return false;
    }
  }

  async #giveUp(): Promise<void> {
    const active = this.#active;
    this.#active = null;
    await active?.handle.close().catch(() => undefined);
  }

  async #counted<T>(op: SpoolOperation, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.options.metrics.errors.inc({ signal: this.options.signal, op });
      throw error;
    }
  }
}

/** Like writev, but an error after a short write is not lost: the rest is written again, and then says why. */
async function writeAll(handle: FileHandle, buffers: Uint8Array[], offset: number): Promise<void> {
  let rest = buffers;
  let at = offset;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    if (bytesWritten === 0) throw new Error('the disk took no bytes');
    at += bytesWritten;
    rest = after(rest, bytesWritten);
  }
}

function after(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  const left: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (skip >= buffer.byteLength) skip -= buffer.byteLength;
    else {
      left.push(skip > 0 ? buffer.subarray(skip) : buffer);
      skip = 0;
    }
  }
  return left;
}
