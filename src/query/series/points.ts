import type { SeriesContext } from './context.js';
import type { Reduce } from './aggregate.js';
import type { Labels } from './labels.js';
import { emptySeries, type StepSeries } from './series.js';

/** Values of many series, each of which has few, in the order of the series. */
export class Points {
  #steps = new Uint32Array(64);
  #values = new Float64Array(64);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(step: number, value: number): void {
    if (this.#size === this.#steps.length) {
      const [steps, values] = [this.#steps, this.#values];
      this.#steps = new Uint32Array(2 * this.#size);
      this.#values = new Float64Array(2 * this.#size);
      this.#steps.set(steps);
      this.#values.set(values);
    }
    this.#steps[this.#size] = step;
    this.#values[this.#size++] = value;
  }

  /** At each step its values reduced to one. */
  async reduced(ctx: SeriesContext, labels: Labels, reduce: Reduce): Promise<StepSeries> {
    const { count } = ctx.grid;
    // Where the values of each step begin among all, and end.
    const ends = new Uint32Array(count + 1);
    for (let i = 0; i < this.#size; i++) {
      const next = (this.#steps[i] ?? 0) + 1;
      ends[next] = (ends[next] ?? 0) + 1;
    }
    for (let k = 0; k < count; k++) ends[k + 1] = (ends[k + 1] ?? 0) + (ends[k] ?? 0);
    const byStep = new Float64Array(this.#size);
    const free = ends.slice();
    for (let i = 0; i < this.#size; i++) {
      const step = this.#steps[i] ?? 0;
      const at = free[step] ?? 0;
      byStep[at] = this.#values[i] ?? NaN;
      free[step] = at + 1;
    }
    const result = emptySeries(labels, count);
    for (let k = 0; k < count; k++) {
      if (ctx.yielder.due) await ctx.yielder.pause();
      const values = byStep.subarray(ends[k], ends[k + 1]);
      if (values.length === 0) continue;
      result.values[k] = reduce(values, k);
      result.present[k] = 1;
    }
    return result;
  }
}
