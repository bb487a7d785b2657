/** Who takes memory for decoding, before it is allocated, and gives it back. */
export interface Memory {
  /** Throws DecodeMemoryError when there is no room for `bytes` in the time allowed. */
  take(bytes: number): void;
  give(bytes: number): void;
}

/** No bound. */
export const freeMemory: Memory = { take() {}, give() {} };

/** The share of one buffer that grows: while it is copied to a larger one, both count. */
export class Held {
  #bytes = 0;

  constructor(private readonly memory: Memory) {}

  /** Before a buffer of `bytes` takes the place of the one before. */
  grow(bytes: number): void {
    this.memory.take(bytes);
    this.memory.give(this.#bytes);
    this.#bytes = bytes;
  }

  release(): void {
    if (this.#bytes > 0) this.memory.give(this.#bytes);
    this.#bytes = 0;
  }
}
