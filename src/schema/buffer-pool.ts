import { freeBuffers } from './free.js';

const least = 16 * 1024;
const most = 32 * 1024 * 1024;
/** A larger buffer may be held for long by a few rows. */
const mostTimes = 8;

/** The size of the buffers that `bytes` fit into: four of them from one power of two to the next, as all of a buffer is resident. */
function bufferBytes(bytes: number): number {
  const step = 2 ** (Math.floor(Math.log2(Math.max(least, bytes))) - 2);
  return Math.max(least, Math.ceil(bytes / step) * step);
}

/** A buffer that `bytes` fit into, or ordinary memory when that is too large for buffers. */
export function memoryFor(bytes: number): ArrayBufferLike {
  return bytes > most ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bufferBytes(bytes));
}

/**
 * Buffers of shared memory that nobody uses at the moment. Bodies and batches lie in buffers: threads share them
 * without a copy, V8 doesn't count them towards the limits that start a collection, and memory once touched
 * needs no mapping again.
 */
export class BufferPool {
  readonly #idle = new Map<number, SharedArrayBuffer[]>();
  #idleBytes = 0;
  /** What stayed idle since the last `trim`. */
  #unusedBytes = 0;
  #droppedBytes = 0;

  #held: () => number = () => 0;

  /** Beyond `mostBytes`, what `countHeld` tells included, buffers that come back are left to the collector. */
  constructor(private readonly mostBytes: number) {}

  /** `held`: bytes of buffers that are in use for long. */
  countHeld(held: () => number): void {
    this.#held = held;
  }

  get idleBytes(): number {
    return this.#idleBytes;
  }

  /**
   * The smallest idle buffer that `bytes` fit into, of less than twice their size, or of `mostTimes` where another one would be more than
   * all may be; or null.
   */
  take(bytes: number): SharedArrayBuffer | null {
    if (bytes > most) return null;
    const fitting = bufferBytes(bytes);
    const beyond = this.#idleBytes + this.#held() + fitting - this.mostBytes;
    const end = Math.min(most + 1, (beyond > 0 ? mostTimes : 2) * fitting);
    for (let size = fitting; size < end; size = bufferBytes(size + 1)) {
      const buffer = this.#idle.get(size)?.pop();
      if (!buffer) continue;
      this.#idleBytes -= size;
      this.#unusedBytes = Math.min(this.#unusedBytes, this.#idleBytes);
      return buffer;
    }
    if (beyond > 0) this.#drop(Math.min(beyond, this.#idleBytes));
    return null;
  }

  /** Takes memory back that nobody reads any more; once only, since it may be in use again right after. */
  give(memory: ArrayBufferLike): void {
    if (memory instanceof ArrayBuffer) return freeBuffers([memory]);
    const size = memory.byteLength;
    if (this.#idleBytes + size + this.#held() > this.mostBytes) {
      this.#droppedBytes += size;
      return;
    }
    const list = this.#idle.get(size);
    if (list) list.push(memory);
    else this.#idle.set(size, [memory]);
    this.#idleBytes += size;
  }

  /** Memory for `length` bytes, not zeroed. */
  bytes(length: number): Uint8Array {
    return new Uint8Array(this.take(length) ?? memoryFor(length), 0, length);
  }

  /**
   * Leaves to the collector as many bytes as stayed idle since the last call, of the largest buffers first. Gives the
   * bytes left to it since `collected`, also by `give`.
   */
  trim(): number {
    this.#drop(this.#unusedBytes);
    this.#unusedBytes = this.#idleBytes;
    return this.#droppedBytes;
  }

  /** At most `bytes`, of the largest first. */
  #drop(bytes: number): void {
    let left = bytes;
    const sizes = [...this.#idle.keys()].sort((a, b) => b - a);
    for (const size of sizes) {
      while (size <= left && this.#idle.get(size)?.pop()) {
        left -= size;
        this.#idleBytes -= size;
        this.#droppedBytes += size;
      }
    }
    this.#unusedBytes = Math.min(this.#unusedBytes, this.#idleBytes);
  }

  /** What was left to the collector is no more. */
  collected(): void {
    this.#droppedBytes = 0;
  }
}
