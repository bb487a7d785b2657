import {
  averaged,
  combined,
  divided,
  reduced,
  sameHistogram,
  scaled,
  summed,
  wasReset,
} from '../../series/histograms/arithmetic.js';
import { noBuckets } from '../../series/histograms/buckets.js';
import { isCustom, type Histogram } from '../../series/histograms/histogram.js';
import { extrapolation, none } from '../../series/rate.js';
import type { SampleSeries } from '../../series/samples.js';
import type { RangeFunction, RangeKernel, WindowView } from '../../series/windows.js';
import type { Remarks } from './remarks.js';

/** A series that has native histograms. */
interface NativeSeries extends SampleSeries {
  readonly histograms: readonly (Histogram | undefined)[];
}

/** What a range function does with the native histograms of a series; made a series. */
export type NativeKernel = (series: NativeSeries, remarks: Remarks) => RangeFunction;

/** The numbers of a series, with how many of them are before each of its samples. */
function numbersOf(series: NativeSeries): { floats: SampleSeries; before: Int32Array } {
  const { histograms, times, values, ...rest } = series;
  const at = [...times.keys()].filter((i) => !histograms[i]);
  const before = new Int32Array(times.length + 1);
  for (let i = 0; i < times.length; i++) before[i + 1] = (before[i] ?? 0) + (histograms[i] ? 0 : 1);
  const floats = {
    ...rest,
    times: Float64Array.from(at, (i) => times[i] ?? 0),
    values: Float64Array.from(at, (i) => values[i] ?? NaN),
  };
  return { floats, before };
}

/** Only numbers count; histograms among them are told of. */
export function ignoringHistograms(kernel: RangeKernel): NativeKernel {
  return (series, remarks) => {
    const { floats, before } = numbersOf(series);
    const inner = kernel(floats);
    return (low, high, view) => {
      const [first, last] = [before[low] ?? 0, before[high] ?? 0];
      if (first === last) return none(view);
      if (last - first < high - low) remarks.ignored(series.labels);
      return inner(first, last, view);
    };
  };
}

/** Numbers by one function, histograms by another; a window with both gives nothing. */
export function eitherKind(kernel: RangeKernel, native: NativeKernel): NativeKernel {
  return (series, remarks) => {
    const { floats, before } = numbersOf(series);
    const [ofFloats, ofHistograms] = [kernel(floats), native(series, remarks)];
    return (low, high, view) => {
      const [first, last] = [before[low] ?? 0, before[high] ?? 0];
      if (first === last) return ofHistograms(low, high, view);
      if (last - first === high - low) return ofFloats(first, last, view);
      remarks.mixed(series.labels);
      return none(view);
    };
  };
}

/** The sample itself, whatever it is. */
export function sampleAt(which: (low: number, high: number) => number): NativeKernel {
  return ({ histograms, values }) =>
    (low, high) => {
      const at = which(low, high);
      return histograms[at] ?? values[at] ?? NaN;
    };
}

/** sum_over_time and avg_over_time of histograms. */
export function sumOrMean(what: 'sum' | 'mean'): NativeKernel {
  return ({ histograms, labels }, remarks) =>
    (low, high, view) => {
      const all = histograms.slice(low, high).filter((one) => one !== undefined);
      const result = what === 'sum' ? summed(all) : averaged(all);
      if (!result) {
        remarks.incompatible(labels);
        return none(view);
      }
      if (result.reconciled) remarks.reconciled('aggregation');
      if (result.collided) remarks.collided();
      return result.histogram;
    };
}

function joinedWith(
  a: Histogram,
  b: Histogram,
  factor: 1 | -1,
  remarks: Remarks,
  labels: SampleSeries['labels'],
  during: 'addition' | 'subtraction',
): Histogram | undefined {
  const result = combined(a, b, factor);
  if (!result) {
    remarks.incompatible(labels);
    return undefined;
  }
  if (result.reconciled) remarks.reconciled(during);
  return result.histogram;
}

/** rate, increase and delta of histograms; see `extrapolated` for numbers. */
export function extrapolatedHistograms(counter: boolean, perSecond: boolean): NativeKernel {
  return (series, remarks) => {
    const { histograms, times, labels } = series;
    if (series.delta) return increments(series, perSecond, remarks);
    const resets = counter ? resetsOf(histograms) : [];
    return (low, high, view) => {
      const last = high - 1;
      if (last <= low) return none(view);
      const change = changeOf(histograms, low, last, resets, counter, remarks, labels);
      if (!change) return none(view);
      const firstCount = histograms[low]?.count ?? 0;
      const share = counter && change.count > 0 && firstCount >= 0 ? firstCount / change.count : Infinity;
      const factor = extrapolation(times, low, last, view, share);
      return { ...scaled(change, perSecond ? factor / seconds(view) : factor), gauge: true };
    };
  };
}

function seconds(view: WindowView): number {
  return (view.end - view.start) / 1000;
}

/** Whether each histogram begins anew after the one before. */
function resetsOf(histograms: readonly (Histogram | undefined)[]): boolean[] {
  return histograms.map((now, i) => {
    const before = histograms[i - 1];
    return now !== undefined && before !== undefined && wasReset(now, before);
  });
}

function changeOf(
  histograms: readonly (Histogram | undefined)[],
  first: number,
  last: number,
  resets: readonly boolean[],
  counter: boolean,
  remarks: Remarks,
  labels: SampleSeries['labels'],
): Histogram | undefined {
  const [from, to] = [histograms[first], histograms[last]];
  if (!from || !to) return undefined;
  const between = histograms.slice(first, last + 1).filter((one) => one !== undefined);
  if (counter ? between.some(({ gauge }) => gauge) : !from.gauge || !to.gauge) {
    if (counter) remarks.notCounter(labels);
    else remarks.notGauge(labels);
  }
  // What was before a reset right behind the first sample is not looked at, whatever its buckets are.
  const startsAnew = resets[first + 1] === true;
  const looked = startsAnew ? between.slice(1) : counter ? between : [from, to];
  if (looked.some((one) => isCustom(one) !== isCustom(to))) {
    remarks.incompatible(labels);
    return undefined;
  }
  const schema = looked.reduce((least, one) => Math.min(least, one.schema), Infinity);
  let change: Histogram | undefined = reduced(to, schema);
  const second = histograms[first + 1];
  // The bounds of custom buckets are those that the second sample has too, though nothing of it is subtracted.
  const base = startsAnew && second ? emptied(second) : from;
  if (!startsAnew || isCustom(to)) change = joinedWith(change, base, -1, remarks, labels, 'subtraction');
  for (let i = first + 2; i <= last && change; i++) {
    const before = histograms[i - 1];
    if (resets[i] && before) change = joinedWith(change, before, 1, remarks, labels, 'addition');
  }
  return change;
}

function emptied(histogram: Histogram): Histogram {
  return { ...histogram, count: 0, sum: 0, zeroCount: 0, positive: noBuckets, negative: noBuckets };
}

/** As of numbers: the running total of increments that are all known. */
function increments(
  { histograms, labels }: NativeSeries,
  perSecond: boolean,
  remarks: Remarks,
): RangeFunction {
  return (low, high, view) => {
    const [before, last] = [histograms[low - 1], histograms[high - 1]];
    if (!last) return none(view);
    const change = before ? joinedWith(last, before, -1, remarks, labels, 'subtraction') : last;
    if (!change) return none(view);
    return { ...(perSecond ? divided(change, seconds(view)) : change), gauge: true };
  };
}

/** irate and idelta: from the last two samples alone, whatever else is in the window. */
export function instantHistograms(kernel: RangeKernel, counter: boolean): NativeKernel {
  return (series, remarks) => {
    const { histograms, times, labels } = series;
    const ofFloats = kernel(series);
    return (low, high, view) => {
      if (high - low < 2) return none(view);
      const [before, last] = [histograms[high - 2], histograms[high - 1]];
      if (!before && !last) return ofFloats(low, high, view);
      if (!before || !last) {
        remarks.mixed(labels);
        return none(view);
      }
      if (counter && (before.gauge || last.gauge)) remarks.notCounter(labels);
      if (!counter && (!before.gauge || !last.gauge)) remarks.notGauge(labels);
      const anew = counter && wasReset(last, before);
      const change = anew ? last : joinedWith(last, before, -1, remarks, labels, 'subtraction');
      if (!change) return none(view);
      const per = counter ? ((times[high - 1] ?? 0) - (times[high - 2] ?? 0)) / 1000 : 1;
      return { ...divided(change, per), gauge: true };
    };
  };
}

/** changes and resets. A number after a histogram, or the other way round, is both. */
export function nativeTransitions(
  numbers: (before: number, value: number) => boolean,
  what: 'changes' | 'resets',
): NativeKernel {
  return ({ histograms, values }) => {
    const until = new Int32Array(values.length);
    for (let i = 1; i < values.length; i++) {
      const [before, now] = [histograms[i - 1], histograms[i]];
      const happens =
        before && now
          ? what === 'changes'
            ? !sameHistogram(before, now)
            : wasReset(now, before)
          : before || now
            ? true
            : numbers(values[i - 1] ?? 0, values[i] ?? 0);
      until[i] = (until[i - 1] ?? 0) + (happens ? 1 : 0);
    }
    return (low, high) => (until[high - 1] ?? 0) - (until[low] ?? 0);
  };
}
