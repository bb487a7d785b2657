import type { QueryContext } from '../../server/guard.js';
import type { KeyHints } from '../model/attributes.js';

/** What the executors need of one query. */
export interface ExecContext extends QueryContext {
  readonly hints: KeyHints;
  /** Figures for the `stats` object of the answer. */
  readonly stats: ExecStats;
}

export interface ExecStats {
  /** Records that came out of SQL, before the pipeline. */
  records: number;
  /** Records or samples in the answer. */
  returned: number;
  /** SQL statements run. */
  statements: number;
}

export function newStats(): ExecStats {
  return { records: 0, returned: 0, statements: 0 };
}

const yieldEveryMs = 20;

/** Lets other work run in long loops; throws once the query is aborted. */
export class Breather {
  #last = performance.now();
  #calls = 0;

  constructor(private readonly signal: AbortSignal) {}

  /** Await the result when there is one; most calls cost an increment. */
  tick(): Promise<void> | undefined {
    if ((++this.#calls & 63) !== 0 || performance.now() - this.#last < yieldEveryMs) return undefined;
    return this.#pause();
  }

  async #pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.signal.throwIfAborted();
    this.#last = performance.now();
  }
}
