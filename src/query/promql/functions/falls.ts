import { timeAt } from '../../series/grid.js';
import type { Fall } from './classic-buckets.js';
import type { FunctionContext } from './function.js';

/** Where counts of classic buckets fell and were mended, while a function is evaluated. */
export class Falls {
  readonly #steps = new Map<number, bigint>();
  #fall: Fall | undefined;
  #before: ReadonlySet<number> = new Set();

  /** Buckets that were mended for one quantile are in order for those behind it. */
  nextQuantile(): void {
    this.#before = new Set(this.#steps.keys());
  }

  add(step: number, { lowest, highest, most }: Fall): void {
    if (this.#before.has(step)) return;
    this.#steps.set(step, (this.#steps.get(step) ?? 0n) + 1n);
    const known = this.#fall ?? { lowest, highest, most };
    this.#fall = {
      lowest: Math.min(known.lowest, lowest),
      highest: Math.max(known.highest, highest),
      most: Math.max(known.most, most),
    };
  }

  tell(ctx: Pick<FunctionContext, 'grid' | 'notes'>, at: number): void {
    if (!this.#fall) return;
    const steps = [...this.#steps.keys()].sort((a, b) => a - b);
    const [first = 0, last = 0] = [steps[0], steps.at(-1)];
    // Prometheus 0.316 puts what it has told together with itself at each step that follows, in 64 bits.
    let count = this.#steps.get(first) ?? 0n;
    for (let step = first + 1; step < ctx.grid.count; step++) {
      count = BigInt.asIntN(64, 2n * (count + (this.#steps.get(step) ?? 0n)));
    }
    const [from, to] = [timeAt(ctx.grid, first), timeAt(ctx.grid, last)];
    ctx.notes.repaired({ ...this.#fall, at, from, to, count });
  }
}
