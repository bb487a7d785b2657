import { timeAt, type Grid } from '../../series/grid.js';
import type { Buckets } from '../../series/histograms/buckets.js';
import type { Histogram } from '../../series/histograms/histogram.js';
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
    const { present, histograms } = series;
    for (const [k, is] of present.entries()) this.#add(k, is ? sizeOf(histograms?.[k]) : 0);
  }

  windows({ series, grid, rangeMs }: RangeVector): void {
    for (const { times, histograms } of series) {
      let [first, next, size] = [0, 0, 0];
      for (let k = 0; k < grid.count; k++) {
        const at = timeAt(grid, k);
        for (; next < times.length && (times[next] ?? 0) <= at; next++) size += sizeOf(histograms?.[next]);
        for (; first < next && (times[first] ?? 0) <= at - rangeMs; first++)
          size -= sizeOf(histograms?.[first]);
        this.#add(k, size);
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

/** A native histogram counts as many samples as it takes bytes of theirs, 16, in Prometheus' memory (promql/value.go). */
export function sizeOf(histogram: Histogram | undefined): number {
  if (!histogram) return 1;
  const { positive, negative, bounds } = histogram;
  return Math.floor((176 + 8 * (layoutLength(positive) + layoutLength(negative) + bounds.length)) / 16);
}

/** Buckets and their spans: OTLP's gaps of up to two empty buckets stay within a span. */
function layoutLength({ indexes }: Buckets): number {
  let length = indexes.length === 0 ? 0 : 1;
  for (const [i, index] of indexes.entries()) {
    const gap = i === 0 ? 0 : index - (indexes[i - 1] ?? 0) - 1;
    length += gap > 2 ? 2 : gap + 1;
  }
  return length;
}

export function countsOf(grid: Pick<Grid, 'count'>): SampleCounts {
  return new SampleCounts(new Float64Array(grid.count));
}
