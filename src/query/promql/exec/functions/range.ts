import type { RangeKernel } from '../../../series/windows.js';
import { extremum } from '../../../series/extremum.js';
import { extrapolated, instant, none, transitions } from '../../../series/rate.js';
import { mean, quantile, regression, Sum, variance } from '../../../series/statistics.js';
import { evaluationError } from '../../../series/series.js';

/** Scalar arguments of the call at the given step. */
export type Scalars = (argument: number, step: number) => number;

interface RangeDefinition {
  readonly kernel: (scalars: Scalars) => RangeKernel;
  /** The result is a sample of the metric itself, so it keeps its name. */
  readonly keepsName?: boolean;
}

function plain(kernel: RangeKernel): RangeDefinition {
  return { kernel: () => kernel };
}

const variances: RangeKernel =
  ({ values }) =>
  (low, high) =>
    variance(high - low, (i) => values[low + i] ?? NaN);

/** Functions from range vectors to instant vectors; `quantile_over_time` has its scalar first, the others behind. */
export const rangeFunctions: Readonly<Record<string, RangeDefinition>> = {
  rate: plain(extrapolated(true, true)),
  increase: plain(extrapolated(true, false)),
  delta: plain(extrapolated(false, false)),
  irate: plain(instant(true)),
  idelta: plain(instant(false)),
  resets: plain(transitions((before, value) => value < before)),
  changes: plain(
    transitions((before, value) => value !== before && !(Number.isNaN(value) && Number.isNaN(before))),
  ),
  deriv: plain(({ times, values }) => (low, high, view) => {
    if (high - low < 2) return none(view);
    return regression(times, values, low, high, times[low] ?? 0).slope;
  }),
  predict_linear: {
    kernel:
      (scalars) =>
      ({ times, values }) =>
      (low, high, view) => {
        if (high - low < 2) return none(view);
        const { slope, intercept } = regression(times, values, low, high, view.now);
        return slope * scalars(1, view.step) + intercept;
      },
  },
  count_over_time: plain(() => (low, high) => high - low),
  present_over_time: plain(() => () => 1),
  sum_over_time: plain(({ values }) => (low, high) => {
    const sum = new Sum();
    for (let i = low; i < high; i++) sum.add(values[i] ?? NaN);
    return sum.value;
  }),
  avg_over_time: plain(
    ({ values }) =>
      (low, high) =>
        mean(high - low, (i) => values[low + i] ?? NaN),
  ),
  min_over_time: plain(extremum('min', 'value')),
  max_over_time: plain(extremum('max', 'value')),
  ts_of_min_over_time: plain(extremum('min', 'time')),
  ts_of_max_over_time: plain(extremum('max', 'time')),
  first_over_time: {
    ...plain(
      ({ values }) =>
        (low) =>
          values[low] ?? NaN,
    ),
    keepsName: true,
  },
  last_over_time: {
    ...plain(
      ({ values }) =>
        (_low, high) =>
          values[high - 1] ?? NaN,
    ),
    keepsName: true,
  },
  ts_of_first_over_time: plain(
    ({ times }) =>
      (low) =>
        (times[low] ?? NaN) / 1000,
  ),
  ts_of_last_over_time: plain(
    ({ times }) =>
      (_low, high) =>
        (times[high - 1] ?? NaN) / 1000,
  ),
  stdvar_over_time: plain(variances),
  stddev_over_time: plain((series) => {
    const of = variances(series);
    return (low, high, view) => Math.sqrt(of(low, high, view));
  }),
  quantile_over_time: {
    kernel:
      (scalars) =>
      ({ values }) =>
      (low, high, view) =>
        quantile(scalars(0, view.step), values.slice(low, high)),
  },
  mad_over_time: plain(({ values }) => (low, high) => {
    const window = values.slice(low, high);
    if (window.some(Number.isNaN)) return NaN;
    const median = quantile(0.5, window);
    return quantile(
      0.5,
      window.map((value) => Math.abs(value - median)),
    );
  }),
  double_exponential_smoothing: {
    kernel:
      (scalars) =>
      ({ values }) =>
      (low, high, view) =>
        high - low < 2
          ? none(view)
          : smoothed(values, low, high, scalars(1, view.step), scalars(2, view.step)),
  },
};

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
