import { memoryFor } from '../../schema/index.js';

/** Where a finished batch's buffers live: one piece of memory for all of them. */
export class BatchMemory {
  readonly memory: ArrayBufferLike;
  #used = 0;

  /** `total`: upper bound of what will be taken, in bytes, alignment not counted. `buffer` is used if it is large enough. */
  constructor(total: number, takes: number, buffer: ArrayBufferLike | null) {
    const size = total + takes * 8;
    this.memory = buffer !== null && buffer.byteLength >= size ? buffer : memoryFor(size);
  }

  /** Not zeroed: every byte that is read is written before. */
  uint32(length: number): Uint32Array {
    return new Uint32Array(this.memory, this.#take(length * 4), length);
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(this.memory, this.#take(length), length);
  }

  #take(bytes: number): number {
    const offset = this.#used;
    this.#used = (offset + bytes + 7) & ~7;
    return offset;
  }
}
