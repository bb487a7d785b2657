import { timeAt, type Grid } from '../../series/grid.js';
import type { Buckets } from '../../series/histograms/buckets.js';
import type { Histogram } from '../../series/histograms/histogram.js';
import type { StepSeries } from '../../series/series.js';
import type { RangeVector } from '../../series/windows.js';

/**
 * How many samples selectors gave at each step of a query, and how many of them were not read for an earlier one, as Prometheus
 * counts them (util/stats/query_stats.go): of a subquery those that its steps took, not its results.
 */
export class SampleCounts {
  /** The sum of the series of each selector. */
  series = 0;

  constructor(
    readonly perStep: Float64Array,
    readonly readPerStep: Float64Array,
  ) {}

  get total(): number {
    return sum(this.perStep);
  }

  get read(): number {
    return sum(this.readPerStep);
  }

  /** Of an instant vector. */
  present(series: StepSeries): void {
    const { present, histograms } = series;
    for (const [k, is] of present.entries()) {
      const size = is ? sizeOf(histograms?.[k]) : 0;
      this.#add(k, size, size);
    }
  }

  windows({ series, grid, rangeMs }: RangeVector): void {
    for (const { times, histograms } of series) {
      let [first, next, size] = [0, 0, 0];
      for (let k = 0; k < grid.count; k++) {
        const at = timeAt(grid, k);
        let read = 0;
        for (; next < times.length && (times[next] ?? 0) <= at; next++) {
          const own = sizeOf(histograms?.[next]);
          size += own;
          if ((times[next] ?? 0) > at - rangeMs) read += own;
        }
        for (; first < next && (times[first] ?? 0) <= at - rangeMs; first++)
          size -= sizeOf(histograms?.[first]);
        this.#add(k, size, read);
      }
    }
  }

  /** What a subquery of this range took on its own grid; `outer`: the steps that look at it. */
  subquery(inner: SampleCounts, own: Grid, outer: Grid, rangeMs: number): void {
    let [first, next, size] = [0, 0, 0];
    for (let k = 0; k < outer.count; k++) {
      const at = timeAt(outer, k);
      let read = 0;
      for (; next < own.count && timeAt(own, next) <= at; next++) {
        size += inner.perStep[next] ?? 0;
        if (timeAt(own, next) > at - rangeMs) read += inner.readPerStep[next] ?? 0;
      }
      for (; first < next && timeAt(own, first) <= at - rangeMs; first++) size -= inner.perStep[first] ?? 0;
      this.#add(k, size, read);
    }
    this.series += inner.series;
  }

  /** What was evaluated once for all steps counts at each, and was read for the first. */
  constant(once: SampleCounts): void {
    for (const k of this.perStep.keys()) this.#add(k, once.total, k === 0 ? once.read : 0);
    this.series += once.series;
  }

  #add(k: number, count: number, read: number): void {
    this.perStep[k] = (this.perStep[k] ?? 0) + count;
    this.readPerStep[k] = (this.readPerStep[k] ?? 0) + read;
  }
}

function sum(counts: Float64Array): number {
  return counts.reduce((all, count) => all + count, 0);
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
  return new SampleCounts(new Float64Array(grid.count), new Float64Array(grid.count));
}
