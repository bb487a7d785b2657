import { batchBytes, type ColumnBatch } from '../schema/index.js';
import type { SpoolStream } from '../spool/types.js';

/** Decoded rows of one stretch of a stream, waiting for the next commit. */
export interface HeldBatch {
  readonly start: number;
  readonly end: number;
  readonly batch: ColumnBatch;
  readonly bytes: number;
  /** Of the buffer that they lie in, which is larger. */
  readonly bufferBytes: number;
  readonly ackedAtMs: number;
}

/**
 * What one spool stream still owes the lake: everything from `committed` to the stream's head. Batches that
 * fit the memory budget are held decoded; the rest is a gap that the sealer reads back from the spool.
 */
export class StreamBacklog {
  #held: HeldBatch[] = [];
  #heldBytes = 0;
  #bufferBytes = 0;
  committed: number;

  constructor(
    readonly stream: SpoolStream,
    committed: number,
  ) {
    this.committed = committed;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Of the buffers that they lie in. */
  get bufferBytes(): number {
    return this.#bufferBytes;
  }

  get bytes(): number {
    return this.stream.head - this.committed;
  }

  /** Wall clock of the oldest held acknowledgement, or null when nothing is held. */
  get oldestAckMs(): number | null {
    return this.#held[0]?.ackedAtMs ?? null;
  }

  /** Keeps decoded rows for the next commit; a stretch that was read back and committed meanwhile is dropped. */
  hold(start: number, end: number, batch: ColumnBatch): void {
    if (start < this.committed) return;
    const bufferBytes = batch.arena.buffer.byteLength;
    const entry = { start, end, batch, bytes: batchBytes(batch), bufferBytes, ackedAtMs: Date.now() };
    let at = this.#held.length;
    while (at > 0 && (this.#held[at - 1] as HeldBatch).start > start) at--;
    this.#held.splice(at, 0, entry);
    this.#heldBytes += entry.bytes;
    this.#bufferBytes += bufferBytes;
  }

  /** The held batches contiguous from `position`, up to about `maxBytes`, and where the first one lies. */
  contiguousFrom(position: number, maxBytes: number): HeldBatch[] {
    const taken: HeldBatch[] = [];
    let bytes = 0;
    let next = position;
    for (const entry of this.#held) {
      if (entry.start !== next || (taken.length > 0 && bytes + entry.bytes > maxBytes)) break;
      taken.push(entry);
      bytes += entry.bytes;
      next = entry.end;
    }
    return taken;
  }

  /** Start of the first held batch at or after `position`: the end of a gap. */
  firstHeldAfter(position: number): number | null {
    return this.#held.find((entry) => entry.start >= position)?.start ?? null;
  }

  /** The lake holds everything before `position`. */
  settle(position: number): HeldBatch[] {
    if (position > this.committed) this.committed = position;
    const done = this.#held.filter((entry) => entry.start < this.committed);
    if (done.length > 0) {
      this.#held = this.#held.slice(done.length);
      for (const { bytes, bufferBytes } of done) {
        this.#heldBytes -= bytes;
        this.#bufferBytes -= bufferBytes;
      }
    }
    return done;
  }
}
