import { timeAt, type Grid } from '../../series/grid.js';
import type { StepSeries } from '../../series/series.js';
import type { RangeVector } from '../../series/windows.js';

/** How many samples selectors gave at each step of a query, as Prometheus counts them: a subquery's results, not what it read. */
export class SampleCounts {
  constructor(readonly perStep: Float64Array) {}

  get total(): number {
    return this.perStep.reduce((sum, count) => sum + count, 0);
  }

  /** Of an instant vector. */
  present(series: StepSeries): void {
    for (const [k, present] of series.present.entries()) this.#add(k, present ? 1 : 0);
  }

  windows({ series, grid, rangeMs }: RangeVector): void {
    for (const { times } of series) {
      let [first, next] = [0, 0];
      for (let k = 0; k < grid.count; k++) {
        const at = timeAt(grid, k);
        while (next < times.length && (times[next] ?? 0) <= at) next++;
        while (first < next && (times[first] ?? 0) <= at - rangeMs) first++;
        this.#add(k, next - first);
      }
    }
  }

  /** What was evaluated once for all steps counts at each. */
  constant(once: SampleCounts): void {
    for (const k of this.perStep.keys()) this.#add(k, once.total);
  }

  #add(k: number, count: number): void {
    this.perStep[k] = (this.perStep[k] ?? 0) + count;
  }
}

export function countsOf(grid: Pick<Grid, 'count'>): SampleCounts {
  return new SampleCounts(new Float64Array(grid.count));
}
