import { absent } from '../../series/absent.js';
import { evaluationError } from '../../series/context.js';
import { extremum } from '../../series/extremum.js';
import { metricName } from '../../series/labels.js';
import { extrapolated, instant, none, transitions } from '../../series/rate.js';
import type { SampleSeries } from '../../series/samples.js';
import { anyPresent, vector } from '../../series/series.js';
import { compensatedVariance, mean, quantile, regression, Sum } from '../../series/statistics.js';
import { overWindows, type RangeFunction, type RangeKernel } from '../../series/windows.js';
import { floatText } from '../../text/numbers.js';
import { define, type Entry, type PromFunction } from './function.js';
import {
  eitherKind,
  extrapolatedHistograms,
  ignoringHistograms,
  instantHistograms,
  nativeTransitions,
  sampleAt,
  sumOrMean,
  type NativeKernel,
} from './native-range.js';
import { extendedRate, withAnchor, type Beyond } from './extended.js';
import { integral } from './integral.js';
import { Remarks } from './remarks.js';

/** The value of a scalar argument at a step. */
type Scalars = (argument: number, step: number) => number;

interface RangeOptions {
  /** Which argument is the range vector; the others are scalars. */
  readonly at?: number;
  readonly args?: PromFunction['args'];
  /** The result is a sample of the metric itself, so it keeps its name. */
  readonly keepsName?: boolean;
  readonly timeDependent?: boolean;
  /** What it does with native histograms; without this it looks at numbers alone. */
  readonly native?: NativeKernel | 'as numbers';
  /** What it does with an anchored or smoothed range. */
  readonly extended?: (beyond: Beyond, remarks: Remarks) => RangeKernel;
  /** Which argument remarks are about; the range vector without it. */
  readonly remarksAt?: number;
  /** Throws for scalars that are refused at a step where the range vector has samples. */
  readonly check?: (scalars: Scalars) => (step: number) => void;
  /** It is meant for counters. */
  readonly ofCounters?: boolean;
}

/** A function from a range vector to an instant vector. */
function ranged(
  name: string,
  kernel: (scalars: Scalars, remarks: Remarks) => RangeKernel,
  options: RangeOptions = {},
): Entry {
  const { at = 0, args: types = ['matrix'], keepsName = false, timeDependent = false } = options;
  return define(
    name,
    types,
    async (ctx, args) => {
      const range = await args.range(at);
      const scalars = new Map<number, Float64Array>();
      for (let i = 0; i < args.count; i++) if (i !== at) scalars.set(i, await args.scalar(i));
      const remarks = new Remarks(ctx.notes, args.position(options.remarksAt ?? at));
      const given: Scalars = (argument, step) => scalars.get(argument)?.[step] ?? NaN;
      const of = kernel(given, remarks);
      const check = options.check?.(given);
      if (range.beyond && options.extended) {
        const kernel = options.extended(range.beyond, remarks);
        const watched = options.ofCounters ? toldOfGauges(kernel, remarks) : kernel;
        return vector(await overWindows(ctx, range, watched));
      }
      const { native = ignoringHistograms(of) } = options;
      const both: RangeKernel = (series) =>
        series.histograms && native !== 'as numbers'
          ? native({ ...series, histograms: series.histograms }, remarks)
          : of(series);
      const checked = check ? withCheck(both, check) : both;
      const watched = options.ofCounters ? toldOfGauges(checked, remarks) : checked;
      return vector(await overWindows(ctx, range, watched, keepsName ? 'keep' : 'drop'));
    },
    { timeDependent },
  );
}

function withCheck(kernel: RangeKernel, check: (step: number) => void): RangeKernel {
  return (series) => {
    const of = kernel(series);
    return (low, high, view) => {
      if (high > low) check(view.step);
      return of(low, high, view);
    };
  };
}

const counterName = /_(total|sum|count|bucket)$/;

/** Tells of metrics that give a number and, by their names, may be no counters. */
function toldOfGauges(kernel: RangeKernel, remarks: Remarks): RangeKernel {
  return (series) => {
    const of = kernel(series);
    const name = series.labels.get(metricName);
    if (name === '' || counterName.test(name)) return of;
    const told: RangeFunction = (low, high, view) => {
      const value = of(low, high, view);
      if (!view.absent && typeof value === 'number') remarks.maybeNoCounter(series.labels);
      return value;
    };
    const { steps } = of;
    if (!steps) return told;
    const toldSteps: typeof steps = (windows, into) => {
      steps(windows, into);
      if (anyPresent(into)) remarks.maybeNoCounter(series.labels);
    };
    return Object.assign(told, { steps: toldSteps });
  };
}

function plain(name: string, kernel: RangeKernel, options?: RangeOptions): Entry {
  return ranged(name, () => kernel, options);
}

function rates(name: string, counter: boolean, perSecond: boolean): Entry {
  const kernel = extrapolated(counter, perSecond);
  const native = eitherKind(kernel, extrapolatedHistograms(counter, perSecond));
  const extended = (beyond: Beyond, remarks: Remarks) => extendedRate(beyond, counter, perSecond, remarks);
  return plain(name, kernel, { native, extended, ofCounters: counter });
}

function instants(name: string, counter: boolean): Entry {
  const kernel = instant(counter);
  return plain(name, kernel, { native: instantHistograms(kernel, counter) });
}

function counted(name: 'changes' | 'resets', happens: (before: number, value: number) => boolean): Entry {
  const native = nativeTransitions(happens, name);
  const extended = (beyond: Beyond, remarks: Remarks): RangeKernel =>
    withAnchor(beyond, (series) =>
      series.histograms
        ? native({ ...series, histograms: series.histograms }, remarks)
        : transitions(happens)(series),
    );
  return plain(name, transitions(happens), { native, extended });
}

const sums: RangeKernel =
  ({ values }) =>
  (low, high) => {
    const sum = new Sum();
    for (let i = low; i < high; i++) sum.add(values[i] ?? NaN);
    return sum.value;
  };

const means: RangeKernel =
  ({ values }) =>
  (low, high) =>
    mean(high - low, (i) => values[low + i] ?? NaN);

const variances =
  ({ values }: SampleSeries) =>
  (low: number, high: number) =>
    compensatedVariance(high - low, (i) => values[low + i] ?? NaN);

/** Functions from range vectors to instant vectors. */
export const rangeFunctions: readonly Entry[] = [
  define('absent_over_time', ['matrix'], async (ctx, args) => {
    const present = await overWindows(ctx, await args.range(0), () => () => 1, 'keep');
    return vector(absent(ctx, args.matchers(0), present));
  }),
  rates('rate', true, true),
  rates('increase', true, false),
  rates('delta', false, false),
  instants('irate', true),
  instants('idelta', false),
  counted('resets', (before, value) => value < before),
  counted('changes', (before, value) => value !== before && !(Number.isNaN(value) && Number.isNaN(before))),
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
  plain('count_over_time', () => (low, high) => high - low, { native: 'as numbers' }),
  plain('present_over_time', () => () => 1, { native: 'as numbers' }),
  plain('sum_over_time', sums, { native: eitherKind(sums, sumOrMean('sum')) }),
  plain('avg_over_time', means, { native: eitherKind(means, sumOrMean('mean')) }),
  integral,
  plain('min_over_time', extremum('min', 'value')),
  plain('max_over_time', extremum('max', 'value')),
  plain('ts_of_min_over_time', extremum('min', 'time')),
  plain('ts_of_max_over_time', extremum('max', 'time')),
  plain(
    'first_over_time',
    ({ values }) =>
      (low) =>
        values[low] ?? NaN,
    { keepsName: true, native: sampleAt((low) => low) },
  ),
  plain(
    'last_over_time',
    ({ values }) =>
      (_low, high) =>
        values[high - 1] ?? NaN,
    { keepsName: true, native: sampleAt((_low, high) => high - 1) },
  ),
  plain(
    'ts_of_first_over_time',
    ({ times }) =>
      (low) =>
        (times[low] ?? NaN) / 1000,
    { native: 'as numbers' },
  ),
  plain(
    'ts_of_last_over_time',
    ({ times }) =>
      (_low, high) =>
        (times[high - 1] ?? NaN) / 1000,
    { native: 'as numbers' },
  ),
  plain('stdvar_over_time', variances),
  plain('stddev_over_time', (series) => {
    const of = variances(series);
    return (low, high) => Math.sqrt(of(low, high));
  }),
  ranged(
    'quantile_over_time',
    (scalars, remarks) =>
      ({ values }) =>
      (low, high, view) => {
        const q = scalars(0, view.step);
        if (!(q >= 0 && q <= 1)) remarks.quantile(q);
        return quantile(q, values.slice(low, high));
      },
    { at: 1, args: ['scalar', 'matrix'], remarksAt: 0 },
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
    {
      args: ['matrix', 'scalar', 'scalar'],
      // The factors are looked at wherever there is a sample of any kind.
      check: (scalars) => (step) => checkFactors(scalars(1, step), scalars(2, step)),
    },
  ),
];

/** As Go's %f. */
function sixDigits(value: number): string {
  return Number.isFinite(value) ? value.toFixed(6) : floatText(value);
}

function checkFactors(factor: number, trendFactor: number): void {
  if (factor <= 0 || factor >= 1)
    throw evaluationError(`invalid smoothing factor. Expected: 0 < sf < 1, got: ${sixDigits(factor)}`);
  if (trendFactor <= 0 || trendFactor >= 1) {
    throw evaluationError(`invalid trend factor. Expected: 0 < tf < 1, got: ${sixDigits(trendFactor)}`);
  }
}

function smoothed(
  values: Float64Array,
  low: number,
  high: number,
  factor: number,
  trendFactor: number,
): number {
  let level = values[low] ?? NaN;
  let trend = (values[low + 1] ?? NaN) - level;
  for (let i = low + 1; i < high; i++) {
    const next = factor * (values[i] ?? NaN) + (1 - factor) * (level + trend);
    trend = trendFactor * (next - level) + (1 - trendFactor) * trend;
    level = next;
  }
  return level;
}
