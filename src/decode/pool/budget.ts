import { DecodeMemoryError } from '../errors.js';
import type { Memory } from '../memory.js';

const pageBytes = 4096;
const usedAt = 0;

const pagesOf = (bytes: number) => Math.ceil(bytes / pageBytes);

/** The budget as it is handed to a worker thread. */
export interface SharedBudget {
  readonly counter: SharedArrayBuffer;
  readonly limitBytes: number;
}

/**
 * Memory that all decode threads may take together, and the batches that left them until their rows are held or
 * dropped. Counted in shared memory, so that a thread takes before it allocates.
 */
export class DecodeBudget {
  readonly shared: SharedBudget;
  readonly #pages: Int32Array;

  constructor(limitBytes: number) {
    this.shared = { counter: new SharedArrayBuffer(8), limitBytes };
    this.#pages = new Int32Array(this.shared.counter);
  }

  get usedBytes(): number {
    return Atomics.load(this.#pages, usedAt) * pageBytes;
  }

  /** What a thread took and its batch, or its end, left to give back. */
  give(pages: number): void {
    if (pages === 0) return;
    Atomics.sub(this.#pages, usedAt, pages);
    Atomics.notify(this.#pages, usedAt);
  }
}

/**
 * A thread's way to the budget. What the thread takes while nobody else has anything is always there, so that each
 * single request that its own limits allow gets through; else it waits, up to `waitMs` for a group.
 */
export class ThreadMemory implements Memory {
  readonly #pages: Int32Array;
  readonly #limitPages: number;
  /** Taken and not given back; the main thread reads it when the thread has ended. */
  readonly #own: Int32Array;
  #deadline = 0;

  constructor(
    private readonly shared: SharedBudget,
    own: SharedArrayBuffer,
  ) {
    this.#pages = new Int32Array(shared.counter);
    this.#limitPages = pagesOf(shared.limitBytes);
    this.#own = new Int32Array(own);
  }

  /** A group begins, which may wait for memory up to `waitMs` in all. */
  begin(waitMs: number): void {
    this.#deadline = performance.now() + waitMs;
  }

  take(bytes: number): void {
    const pages = pagesOf(bytes);
    for (;;) {
      const used = Atomics.load(this.#pages, usedAt);
      if (used + pages <= this.#limitPages || used === this.#own[0]) {
        if (Atomics.compareExchange(this.#pages, usedAt, used, used + pages) !== used) continue;
        this.#own[0]! += pages;
        return;
      }
      const left = this.#deadline - performance.now();
      if (left <= 0) throw new DecodeMemoryError(used * pageBytes, this.shared.limitBytes);
      Atomics.wait(this.#pages, usedAt, used, left);
    }
  }

  give(bytes: number): void {
    this.#giveBack(pagesOf(bytes));
  }

  /** The group is done: gives back all but `bytes`, which go with its batch. Gives the pages that do. */
  end(bytes: number): number {
    const own = this.#own[0]!;
    const kept = Math.min(pagesOf(bytes), own);
    this.#giveBack(own - kept);
    this.#own[0] = 0;
    return kept;
  }

  #giveBack(pages: number): void {
    if (pages === 0) return;
    this.#own[0]! -= pages;
    Atomics.sub(this.#pages, usedAt, pages);
    Atomics.notify(this.#pages, usedAt);
  }
}
