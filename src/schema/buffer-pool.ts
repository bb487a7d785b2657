import { freeBuffers } from './free.js';

const least = 16 * 1024;
const most = 32 * 1024 * 1024;

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

  /** Beyond `maxIdleBytes` buffers are left to the collector. */
  constructor(private readonly maxIdleBytes: number) {}

  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** The smallest idle buffer that `bytes` fit into, of less than twice their size; or null. */
  take(bytes: number): SharedArrayBuffer | null {
    const fitting = bufferBytes(bytes);
    for (let size = fitting; size < 2 * fitting; size = bufferBytes(size + 1)) {
      const buffer = this.#idle.get(size)?.pop();
      if (!buffer) continue;
      this.#idleBytes -= size;
      this.#unusedBytes = Math.min(this.#unusedBytes, this.#idleBytes);
      return buffer;
    }
    return null;
  }

  /** Takes memory back that nobody reads any more; once only, since it may be in use again right after. */
  give(memory: ArrayBufferLike): void {
    if (memory instanceof ArrayBuffer) return freeBuffers([memory]);
    const size = memory.byteLength;
    if (this.#idleBytes + size > this.maxIdleBytes) {
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
    const sizes = [...this.#idle.keys()].sort((a, b) => b - a);
    for (const size of sizes) {
      while (size <= this.#unusedBytes && this.#idle.get(size)?.pop()) {
        this.#unusedBytes -= size;
        this.#idleBytes -= size;
        this.#droppedBytes += size;
      }
    }
    this.#unusedBytes = this.#idleBytes;
    return this.#droppedBytes;
  }

  /** What was left to the collector is no more. */
  collected(): void {
    this.#droppedBytes = 0;
  }
}
