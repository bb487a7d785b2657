/**
 * Where a finished batch's buffers live. A small batch gets one ArrayBuffer for all of them, since moving a
 * buffer to another thread costs as much as copying some kilobytes; a large one gets a buffer a column.
 */
export class Arena {
  readonly buffers: ArrayBuffer[] = [];
  #shared: ArrayBuffer | null = null;
  #used = 0;

  /** `total`: upper bound of what will be taken, in bytes, alignment not counted. */
  constructor(total: number, takes: number) {
    const size = total + takes * 8;
    if (size <= 256 * 1024) this.#shared = allocate(size);
    if (this.#shared) this.buffers.push(this.#shared);
  }

  uint32(length: number): Uint32Array<ArrayBuffer> {
    const offset = this.#take(length * 4);
    return new Uint32Array(this.#target(length * 4), offset, length);
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const offset = this.#take(length);
    return new Uint8Array(this.#target(length), offset, length);
  }

  #take(bytes: number): number {
    if (!this.#shared) return 0;
    const offset = this.#used;
    this.#used = (offset + bytes + 7) & ~7;
    return offset;
  }

  #target(bytes: number): ArrayBuffer {
    if (this.#shared) return this.#shared;
    const buffer = allocate(bytes);
    if (bytes > 0) this.buffers.push(buffer);
    return buffer;
  }
}

/** Memory that is not zeroed first: every byte that is read is written before. */
function allocate(bytes: number): ArrayBuffer {
  return bytes === 0 ? new ArrayBuffer(0) : Buffer.allocUnsafeSlow(bytes).buffer;
}
