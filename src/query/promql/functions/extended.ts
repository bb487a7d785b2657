import { evaluationError } from '../../series/context.js';
import { combined, divided, scaled, wasReset } from '../../series/histograms/arithmetic.js';
import { isCustom, type Histogram } from '../../series/histograms/histogram.js';
import { none } from '../../series/rate.js';
import type { SampleSeries } from '../../series/samples.js';
import type { RangeFunction, RangeKernel, RangeVector, WindowView } from '../../series/windows.js';
import type { Remarks } from './remarks.js';

export type Beyond = NonNullable<RangeVector['beyond']>;

/** Samples `first` to `last` that a window with what is beyond its ends rests on. */
interface Reach {
  readonly first: number;
  readonly last: number;
}

/** The last sample at or before the start, or the first of all; the last in the window, smoothed: the first at its end or after. */
function reach(
  times: Float64Array,
  low: number,
  high: number,
  { start, end }: WindowView,
  { ms, how }: Beyond,
): Reach | undefined {
  const begin = low > 0 && (times[low - 1] ?? 0) > start - ms ? low - 1 : low;
  let until = high;
  if (how === 'smoothed' && until < times.length && (times[until] ?? 0) <= end + ms) until++;
  const atEnd = high > begin && times[high - 1] === end;
  const last = how === 'smoothed' && atEnd ? high - 1 : until - 1;
  if (last < begin || (times[last] ?? 0) <= start) return undefined;
  if (how === 'smoothed' && (times[begin] ?? 0) > end) return undefined;
  return { first: begin, last };
}

/** The samples of an anchored or smoothed range as it shows itself: with values at both of its bounds. */
export function withBounds(series: SampleSeries, start: number, end: number, beyond: Beyond): SampleSeries {
  const { times, values, histograms } = series;
  if (histograms) throw evaluationError(`${beyond.how} modifier is not supported with histograms`);
  const low = times.findIndex((time) => time > start);
  const beyondEnd = times.findIndex((time) => time > end);
  const high = beyondEnd < 0 ? times.length : beyondEnd;
  const view = { step: 0, start, end, now: end, absent: false };
  const found = reach(times, low < 0 ? times.length : low, high, view, beyond);
  if (!found) return { ...series, times: new Float64Array(), values: new Float64Array() };
  const { left, right } = boundValues(series, found, view, beyond.how, false);
  const inside = [...times.keys()].filter((i) => (times[i] ?? 0) > start && (times[i] ?? 0) < end);
  return {
    ...series,
    times: Float64Array.from([start, ...inside.map((i) => times[i] ?? 0), end]),
    values: Float64Array.from([left, ...inside.map((i) => values[i] ?? NaN), right]),
  };
}

/** changes and resets: the sample before the window is the one to compare the first with. */
export function withAnchor(beyond: Beyond, kernel: RangeKernel): RangeKernel {
  return (series) => {
    const of = kernel(series);
    return (low, high, view) => {
      const found = reach(series.times, low, high, view, beyond);
      return found ? of(found.first, high, view) : none(view);
    };
  };
}

/** What kinds of samples a window has as far as its bounds may look, whether or not they are needed. */
function kindsAround(
  { times, histograms }: SampleSeries,
  low: number,
  high: number,
  { start, end }: WindowView,
  { ms, how }: Beyond,
): 'numbers' | 'histograms' | 'both' {
  if (!histograms) return 'numbers';
  let [first, until] = [low, high];
  while (first > 0 && (times[first - 1] ?? 0) > start - ms) first--;
  if (how === 'smoothed') while (until < times.length && (times[until] ?? 0) <= end + ms) until++;
  let native = 0;
  for (let i = first; i < until; i++) if (histograms[i]) native++;
  if (native === 0) return 'numbers';
  return native === until - first ? 'histograms' : 'both';
}

/** rate, increase and delta between the values at the bounds themselves: nothing is extrapolated. */
export function extendedRate(
  beyond: Beyond,
  counter: boolean,
  perSecond: boolean,
  remarks: Remarks,
): RangeKernel {
  return (series) => {
    const ofHistograms = histogramChange(series, beyond, counter, remarks);
    return (low, high, view) => {
      const kinds = kindsAround(series, low, high, view, beyond);
      if (kinds === 'both') {
        remarks.mixed(series.labels);
        return none(view);
      }
      const found = reach(series.times, low, high, view, beyond);
      if (!found) return none(view);
      const seconds = (view.end - view.start) / 1000;
      if (kinds === 'histograms') {
        const change = ofHistograms(found.first, found.last, view);
        if (typeof change === 'number' || view.absent) return none(view);
        return { ...(perSecond ? divided(change, seconds) : change), gauge: true };
      }
      const change = changeOf(series, found, view, beyond.how, counter);
      return perSecond ? change / seconds : change;
    };
  };
}

function boundValues(
  { times, values }: SampleSeries,
  { first, last }: Reach,
  { start, end }: WindowView,
  how: Beyond['how'],
  counter: boolean,
): { left: number; right: number } {
  const at = (a: number, b: number, time: number) => {
    const [y1, y2] = [values[a] ?? NaN, values[b] ?? NaN];
    const from = counter && y2 < y1 ? 0 : y1;
    return from + ((y2 - from) * (time - (times[a] ?? 0))) / ((times[b] ?? 0) - (times[a] ?? 0));
  };
  const smoothed = how === 'smoothed';
  const left = smoothed && (times[first] ?? 0) < start ? at(first, first + 1, start) : (values[first] ?? NaN);
  const right =
    smoothed && last > first && (times[last] ?? 0) > end ? at(last - 1, last, end) : (values[last] ?? NaN);
  return { left, right };
}

function changeOf(
  series: SampleSeries,
  found: Reach,
  view: WindowView,
  how: Beyond['how'],
  counter: boolean,
): number {
  const { left, right } = boundValues(series, found, view, how, counter);
  if (!counter) return right - left;
  const { times, values } = series;
  const { first, last } = found;
  const { start, end } = view;
  let correction = 0;
  let before = left;
  for (let i = first; i <= last; i++) {
    if ((times[i] ?? 0) <= start || (times[i] ?? 0) >= end) continue;
    const value = values[i] ?? NaN;
    if (value < before) correction += before;
    before = value;
  }
  if (right < before) correction += before;
  return right - left + correction;
}

/** The same of native histograms. */
function histogramChange(
  { histograms = [], times, labels }: SampleSeries,
  beyond: Beyond,
  counter: boolean,
  remarks: Remarks,
): RangeFunction {
  const join = (a: Histogram, b: Histogram, factor: 1 | -1): Histogram | undefined => {
    const result = combined(a, b, factor);
    if (!result) remarks.incompatible(labels);
    else if (result.reconciled) remarks.reconciled(factor === 1 ? 'addition' : 'subtraction');
    return result?.histogram;
  };
  const at = (a: number, b: number, time: number): Histogram | undefined => {
    const [one, two] = [histograms[a], histograms[b]];
    if (!one || !two) return one ?? two;
    const [t1, t2] = [times[a] ?? 0, times[b] ?? 0];
    if (time === t1) return one;
    if (time === t2) return two;
    const share = (time - t1) / (t2 - t1);
    if (counter && wasReset(two, one)) return scaled(two, share);
    const difference = join(two, one, -1);
    return difference && join(scaled(difference, share), one, 1);
  };
  return (first, last, view) => {
    const all = histograms.slice(first, last + 1).filter((one) => one !== undefined);
    const [begin, finish] = [histograms[first], histograms[last]];
    if (!begin || !finish) return none(view);
    if (all.some((one) => isCustom(one) !== isCustom(begin))) {
      remarks.incompatible(labels);
      return none(view);
    }
    if (counter && all.some(({ gauge }) => gauge)) remarks.notCounter(labels);
    const smoothed = beyond.how === 'smoothed';
    const early = smoothed && (times[first] ?? 0) < view.start;
    const left = early ? at(first, first + 1, view.start) : begin;
    const right =
      smoothed && last > first && (times[last] ?? 0) > view.end ? at(last - 1, last, view.end) : finish;
    if (!left || !right) return none(view);
    if (!counter && (!left.gauge || !right.gauge)) remarks.notGauge(labels);
    let change = join(right, left, -1);
    if (!counter) return change ?? none(view);
    // A reset that the interpolation at the start has passed is in its value already.
    const second = histograms[first + 1];
    const passed = early && second !== undefined && wasReset(second, begin);
    let before = passed ? second : left;
    for (let i = first + (passed ? 2 : 1); i < last; i++) {
      const now = histograms[i];
      if (!now) continue;
      if (change && wasReset(now, before)) change = join(change, before, 1);
      before = now;
    }
    const inside = first + (passed ? 2 : 1) <= last;
    if (inside && change && wasReset(right, before)) change = join(change, before, 1);
    return change ?? none(view);
  };
}
