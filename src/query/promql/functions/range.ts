import { absent } from '../../series/absent.js';
import { warnQuantiles } from '../../series/aggregate.js';
import { evaluationError } from '../../series/context.js';
import { extremum } from '../../series/extremum.js';
import { extrapolated, instant, none, transitions } from '../../series/rate.js';
import { vector } from '../../series/series.js';
import { mean, quantile, regression, Sum, variance } from '../../series/statistics.js';
import { overWindows, type RangeKernel } from '../../series/windows.js';
import { define, type Entry, type PromFunction } from './function.js';

/** The value of a scalar argument at a step. */
type Scalars = (argument: number, step: number) => number;

interface RangeOptions {
  /** Which argument is the range vector; the others are scalars. */
  readonly at?: number;
  readonly args?: PromFunction['args'];
  /** The result is a sample of the metric itself, so it keeps its name. */
  readonly keepsName?: boolean;
  readonly timeDependent?: boolean;
}

/** A function from a range vector to an instant vector. */
function ranged(name: string, kernel: (scalars: Scalars) => RangeKernel, options: RangeOptions = {}): Entry {
  const { at = 0, args: types = ['matrix'], keepsName = false, timeDependent = false } = options;
  return define(
    name,
    types,
    async (ctx, args) => {
      const range = await args.range(at);
      const scalars = new Map<number, Float64Array>();
      for (let i = 0; i < args.count; i++) if (i !== at) scalars.set(i, await args.scalar(i));
      if (name === 'quantile_over_time') warnQuantiles(ctx, scalars.get(0) ?? new Float64Array());
      const of = kernel((argument, step) => scalars.get(argument)?.[step] ?? NaN);
      return vector(await overWindows(ctx, range, of, keepsName ? 'keep' : 'drop'));
    },
    { timeDependent },
  );
}

function plain(name: string, kernel: RangeKernel, options?: RangeOptions): Entry {
  return ranged(name, () => kernel, options);
}

const variances: RangeKernel =
  ({ values }) =>
  (low, high) =>
    variance(high - low, (i) => values[low + i] ?? NaN);

/** Functions from range vectors to instant vectors. */
export const rangeFunctions: readonly Entry[] = [
  define('absent_over_time', ['matrix'], async (ctx, args) => {
    const present = await overWindows(ctx, await args.range(0), () => () => 1, 'keep');
    return vector(absent(ctx, args.matchers(0), present));
  }),
  plain('rate', extrapolated(true, true)),
  plain('increase', extrapolated(true, false)),
  plain('delta', extrapolated(false, false)),
  plain('irate', instant(true)),
  plain('idelta', instant(false)),
  plain(
    'resets',
    transitions((before, value) => value < before),
  ),
  plain(
    'changes',
    transitions((before, value) => value !== before && !(Number.isNaN(value) && Number.isNaN(before))),
  ),
  plain('deriv', ({ times, values }) => (low, high, view) => {
    if (high - low < 2) return none(view);
    return regression(times, values, low, high, times[low] ?? 0).slope;
  }),
  ranged(
    'predict_linear',
    (scalars) =>
      ({ times, values }) =>
      (low, high, view) => {
        if (high - low < 2) return none(view);
        const { slope, intercept } = regression(times, values, low, high, view.now);
        return slope * scalars(1, view.step) + intercept;
      },
    { args: ['matrix', 'scalar'], timeDependent: true },
  ),
  plain('count_over_time', () => (low, high) => high - low),
  plain('present_over_time', () => () => 1),
  plain('sum_over_time', ({ values }) => (low, high) => {
    const sum = new Sum();
    for (let i = low; i < high; i++) sum.add(values[i] ?? NaN);
    return sum.value;
  }),
  plain(
    'avg_over_time',
    ({ values }) =>
      (low, high) =>
        mean(high - low, (i) => values[low + i] ?? NaN),
  ),
  plain('min_over_time', extremum('min', 'value')),
  plain('max_over_time', extremum('max', 'value')),
  plain('ts_of_min_over_time', extremum('min', 'time')),
  plain('ts_of_max_over_time', extremum('max', 'time')),
  plain(
    'first_over_time',
    ({ values }) =>
      (low) =>
        values[low] ?? NaN,
    { keepsName: true },
  ),
  plain(
    'last_over_time',
    ({ values }) =>
      (_low, high) =>
        values[high - 1] ?? NaN,
    { keepsName: true },
  ),
  plain(
    'ts_of_first_over_time',
    ({ times }) =>
      (low) =>
        (times[low] ?? NaN) / 1000,
  ),
  plain(
    'ts_of_last_over_time',
    ({ times }) =>
      (_low, high) =>
        (times[high - 1] ?? NaN) / 1000,
  ),
  plain('stdvar_over_time', variances),
  plain('stddev_over_time', (series) => {
    const of = variances(series);
    return (low, high, view) => Math.sqrt(of(low, high, view));
  }),
  ranged(
    'quantile_over_time',
    (scalars) =>
      ({ values }) =>
      (low, high, view) =>
        quantile(scalars(0, view.step), values.slice(low, high)),
    { at: 1, args: ['scalar', 'matrix'] },
  ),
  plain('mad_over_time', ({ values }) => (low, high) => {
    const window = values.slice(low, high);
    if (window.some(Number.isNaN)) return NaN;
    const median = quantile(0.5, window);
    return quantile(
      0.5,
      window.map((value) => Math.abs(value - median)),
    );
  }),
  ranged(
    'double_exponential_smoothing',
    (scalars) =>
      ({ values }) =>
      (low, high, view) =>
        high - low < 2
          ? none(view)
          : smoothed(values, low, high, scalars(1, view.step), scalars(2, view.step)),
    { args: ['matrix', 'scalar', 'scalar'] },
  ),
];

function smoothed(
  values: Float64Array,
  low: number,
  high: number,
  factor: number,
  trendFactor: number,
): number {
  if (!(factor > 0 && factor < 1))
    throw evaluationError(`invalid smoothing factor: 0 < sf < 1, got ${factor}`);
  if (!(trendFactor > 0 && trendFactor < 1)) {
    throw evaluationError(`invalid trend factor: 0 < tf < 1, got ${trendFactor}`);
  }
  let level = values[low] ?? NaN;
  let trend = (values[low + 1] ?? NaN) - level;
  for (let i = low + 1; i < high; i++) {
    const next = factor * (values[i] ?? NaN) + (1 - factor) * (level + trend);
    trend = trendFactor * (next - level) + (1 - trendFactor) * trend;
    level = next;
  }
  return level;
}
