import { setImmediate } from 'node:timers/promises';

/** Lets other work run in the middle of long loops: `if (pacer.due) await pacer.pause()`. */
export class Pacer {
  #resumed = performance.now();

  constructor(
    private readonly signal: AbortSignal,
    /** Longest time to keep the event loop, in milliseconds. */
    private readonly sliceMs = 15,
  ) {}

  get due(): boolean {
    return performance.now() - this.#resumed > this.sliceMs;
  }

  /** Throws when the query was cancelled or ran out of time. */
  async pause(): Promise<void> {
    await setImmediate();
    this.signal.throwIfAborted();
    this.#resumed = performance.now();
  }
}
