import { setImmediate } from 'node:timers/promises';

/**
 * Lets other work run in the middle of long loops. For iterations that take a while:
 * `if (yielder.due) await yielder.pause()`. For short ones (rows): `const pause = yielder.tick(); if (pause) await pause;`
 */
export class Yielder {
  #resumed = performance.now();
  #ticks = 0;

  constructor(
    private readonly signal: AbortSignal,
    /** Longest time to keep the event loop, in milliseconds. */
    private readonly sliceMs = 15,
  ) {}

  get due(): boolean {
    return performance.now() - this.#resumed > this.sliceMs;
  }

  /** A promise to await when it is time; most calls cost an increment. */
  tick(): Promise<void> | undefined {
    return (++this.#ticks & 63) === 0 && this.due ? this.pause() : undefined;
  }

  /** Throws when the query was cancelled or ran out of time. */
  async pause(): Promise<void> {
    await setImmediate();
    this.signal.throwIfAborted();
    this.#resumed = performance.now();
  }
}
