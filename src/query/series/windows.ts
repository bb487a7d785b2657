import { checkSize, evaluationError, type SeriesContext } from './context.js';
import { timeAt, type Grid } from './grid.js';
import type { Histogram } from './histograms/histogram.js';
import type { SampleSeries } from './samples.js';
import { anyPresent, MixedSeries, SeriesRoom, type StepSeries } from './series.js';

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

export interface RangeFunction {
  (low: number, high: number, view: WindowView): number | Histogram;
  /** The same for many steps at once, where all of it is numbers; it sets what is present. */
  readonly steps?: (windows: Windows, into: StepSeries) => void;
}

/** The windows of the steps `from` to `until - 1` over one series, whose samples in each are `low[k - from]` to `high[k - from] - 1`. */
export interface Windows {
  readonly from: number;
  readonly until: number;
  readonly low: Int32Array;
  readonly high: Int32Array;
  /** Of the series. */
  readonly times: Float64Array;
  /** Of the range vector. */
  readonly grid: Grid;
  readonly rangeMs: number;
}

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
  const bounds = new Bounds(range);
  const room = new SeriesRoom(range.grid.count);
  for (const series of range.series) {
    const labels = naming === 'drop' ? series.labels.withoutName() : series.labels;
    const apply = kernel(series);
    const result =
      apply.steps && !range.beyond
        ? await slideAll(ctx, bounds, room.series(labels), series, apply.steps)
        : await slide(ctx, range, series, apply, new MixedSeries(labels, range.grid.count, room));
    if (anyPresent(result)) out.push(result);
  }
  if (naming === 'drop' && new Set(out.map((one) => one.labels.key)).size < out.length) {
    throw evaluationError('vector cannot contain metrics with the same labelset');
  }
  return out;
}

/** Steps between which other work may run. */
const stepsAtOnce = 16_384;

/** Which samples are in the windows. Series mostly share their times, so that it is found once. */
class Bounds {
  readonly #low: Int32Array;
  readonly #high: Int32Array;
  #times: Float64Array | null = null;
  #windows: Windows | null = null;

  constructor(private readonly range: RangeVector) {
    const steps = Math.min(range.grid.count, stepsAtOnce);
    [this.#low, this.#high] = [new Int32Array(steps), new Int32Array(steps)];
  }

  /** Of the steps behind `from`: from the first on, one part after the other. What it gave before is no longer true then. */
  of(times: Float64Array, from: number): Windows {
    const { grid, rangeMs } = this.range;
    const before = times === this.#times ? this.#windows : null;
    if (before?.from === from) return before;
    const until = Math.min(from + stepsAtOnce, grid.count);
    const [lows, highs] = [this.#low, this.#high];
    const goesOn = before?.until === from;
    let low = goesOn ? (lows[lows.length - 1] ?? 0) : 0;
    let high = goesOn ? (highs[highs.length - 1] ?? 0) : 0;
    for (let k = from; k < until; k++) {
      const end = grid.start + k * grid.step;
      const start = end - rangeMs;
      while (high < times.length && (times[high] ?? 0) <= end) high++;
      while (low < high && (times[low] ?? 0) <= start) low++;
      lows[k - from] = low;
      highs[k - from] = high;
    }
    this.#times = times;
    return (this.#windows = { from, until, low: lows, high: highs, times, grid, rangeMs });
  }
}

async function slideAll(
  ctx: SeriesContext,
  bounds: Bounds,
  result: StepSeries,
  { times }: SampleSeries,
  steps: NonNullable<RangeFunction['steps']>,
): Promise<StepSeries> {
  for (let from = 0; from < result.values.length; from += stepsAtOnce) {
    if (ctx.yielder.due) await ctx.yielder.pause();
    steps(bounds.of(times, from), result);
  }
  return result;
}

async function slide(
  ctx: SeriesContext,
  { grid, rangeMs, beyond }: RangeVector,
  series: SampleSeries,
  apply: RangeFunction,
  result: MixedSeries,
): Promise<StepSeries> {
  const { times } = series;
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
    if (low === high && !beyond) continue;
    const value = apply(low, high, view);
    if (!view.absent) result.set(k, value);
  }
  return result.series;
}
