import { checkSize, evaluationError, type SeriesContext } from './context.js';
import { timeAt, type Grid } from './grid.js';
import type { Histogram } from './histograms/histogram.js';
import type { Labels } from './labels.js';
import type { SampleSeries } from './samples.js';
import { anyPresent, MixedSeries, type StepSeries } from './series.js';

/** A range vector: for step k of the grid each series' samples after `at(k) - rangeMs`, up to `at(k)`. */
export interface RangeVector {
  readonly series: readonly SampleSeries[];
  readonly grid: Grid;
  readonly rangeMs: number;
  /** What is beyond the ends counts, so far (milliseconds); `smoothed`: at the end too. */
  readonly beyond?: { readonly ms: number; readonly how: 'anchored' | 'smoothed' };
}

/** What a range function sees at one step: samples `low` to `high - 1` of its series, at least one. */
export interface WindowView {
  step: number;
  /** The window's bounds: samples are after `start`, up to `end` (milliseconds). */
  start: number;
  end: number;
  /** Evaluation time, without offset (milliseconds). */
  now: number;
  /** Set by the function when it gives no value. */
  absent: boolean;
}

export type RangeFunction = (low: number, high: number, view: WindowView) => number | Histogram;
/** Prepares one series (counter resets found once, say) and gives the function for its windows. */
export type RangeKernel = (series: SampleSeries) => RangeFunction;

/** Slides over each series. `drop`: the result is no longer the metric, so its name goes. Throws QueryError. */
export async function overWindows(
  ctx: SeriesContext,
  range: RangeVector,
  kernel: RangeKernel,
  naming: 'drop' | 'keep' = 'drop',
): Promise<StepSeries[]> {
  checkSize(ctx, range.series.length);
  const out: StepSeries[] = [];
  for (const series of range.series) {
    const labels = naming === 'drop' ? series.labels.withoutName() : series.labels;
    const result = await slide(ctx, range, series, kernel(series), labels);
    if (anyPresent(result)) out.push(result);
  }
  if (naming === 'drop' && new Set(out.map((one) => one.labels.key)).size < out.length) {
    throw evaluationError('vector cannot contain metrics with the same labelset');
  }
  return out;
}

async function slide(
  ctx: SeriesContext,
  { grid, rangeMs, beyond }: RangeVector,
  series: SampleSeries,
  apply: RangeFunction,
  labels: Labels,
): Promise<StepSeries> {
  const { times } = series;
  const result = new MixedSeries(labels, grid.count);
  const view: WindowView = { step: 0, start: 0, end: 0, now: 0, absent: false };
  let low = 0;
  let high = 0;
  for (let k = 0; k < grid.count; k++) {
    const pause = ctx.yielder.tick();
    if (pause) await pause;
    view.step = k;
    view.end = grid.start + k * grid.step;
    view.start = view.end - rangeMs;
    view.now = timeAt(ctx.grid, k);
    view.absent = false;
    while (high < times.length && (times[high] ?? 0) <= view.end) high++;
    while (low < high && (times[low] ?? 0) <= view.start) low++;
    if (low === high && beyond?.how !== 'smoothed') continue;
    const value = apply(low, high, view);
    if (!view.absent) result.set(k, value);
  }
  return result.series;
}
