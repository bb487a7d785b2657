import type { SampleSeries } from './samples.js';
import type { StepSeries } from './series.js';
import type { RangeFunction, RangeKernel, Windows, WindowView } from './windows.js';

/** Indexes of samples smaller than the one before: counter resets. */
function resetIndexes({ values }: SampleSeries): number[] {
  const out: number[] = [];
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) < (values[i - 1] ?? 0)) out.push(i);
  return out;
}

/**
 * rate, increase and delta: the difference over the samples in the window, extrapolated to the window's
 * bounds. To a bound further away than 1.1 average sample distances it goes only by half a distance, and a
 * counter never goes below zero.
 */
export function extrapolated(counter: boolean, perSecond: boolean): RangeKernel {
  return (series): RangeFunction => {
    const { times, values } = series;
    if (series.delta) return increments(values, perSecond);
    const resets = counter ? resetIndexes(series) : [];
    let firstReset = 0;
    const changeOf = (low: number, last: number): number => {
      let change = (values[last] ?? 0) - (values[low] ?? 0);
      while (firstReset < resets.length && (resets[firstReset] ?? 0) <= low) firstReset++;
      for (let r = firstReset; r < resets.length && (resets[r] ?? 0) <= last; r++) {
        change += values[(resets[r] ?? 0) - 1] ?? 0;
      }
      return change;
    };
    const one = (low: number, high: number, view: WindowView): number => {
      const last = high - 1;
      if (last <= low) return none(view);
      const change = changeOf(low, last);
      const firstValue = values[low] ?? 0;
      const share = counter && change > 0 && firstValue >= 0 ? firstValue / change : Infinity;
      const factor = extrapolation(times, low, last, view, share);
      // In this order, so that the last digits are those of Prometheus.
      return change * (perSecond ? factor / ((view.end - view.start) / 1000) : factor);
    };
    const steps = (windows: Windows, { values: out, present }: StepSeries) => {
      const { from, until, low, high, grid, rangeMs } = windows;
      const known = extrapolationsOf(windows);
      if (known === null) {
        const view: WindowView = { step: 0, start: 0, end: 0, now: 0, absent: false };
        for (let k = from; k < until; k++) {
          const [first, past] = [low[k - from] ?? 0, high[k - from] ?? 0];
          if (past - first < 2) continue;
          view.end = grid.start + k * grid.step;
          view.start = view.end - rangeMs;
          out[k] = one(first, past, view);
          present[k] = 1;
        }
        return;
      }
      const { sampled, toStart, toEnd, seconds, factors } = known;
      for (let k = 0; k < until - from; k++) {
        const [first, last] = [low[k] ?? 0, (high[k] ?? 0) - 1];
        if (last <= first) continue;
        const change = changeOf(first, last);
        const firstValue = values[first] ?? 0;
        let factor = factors[k] ?? NaN;
        if (counter && change > 0 && firstValue >= 0) {
          const [span, before] = [sampled[k] ?? NaN, toStart[k] ?? NaN];
          const toZero = span * (firstValue / change);
          if (!(toZero >= before)) factor = (span + Math.min(before, toZero) + (toEnd[k] ?? NaN)) / span;
        }
        out[from + k] = change * (perSecond ? factor / (seconds[k] ?? NaN) : factor);
        present[from + k] = 1;
      }
    };
    return Object.assign(one, { steps });
  };
}

/**
 * How much more than between the first and the last sample of the window happens in all of it. `zeroShare`: how far
 * before the first sample, in parts of the samples' span, the counter was 0.
 */
export function extrapolation(
  times: Float64Array,
  first: number,
  last: number,
  view: WindowView,
  zeroShare: number,
): number {
  const sampled = ((times[last] ?? 0) - (times[first] ?? 0)) / 1000;
  const distance = sampled / (last - first);
  const toStart = Math.min(reached(((times[first] ?? 0) - view.start) / 1000, distance), sampled * zeroShare);
  const toEnd = reached((view.end - (times[last] ?? 0)) / 1000, distance);
  return (sampled + toStart + toEnd) / sampled;
}

/** How far a sample stands for what is between it and its window's bound, where samples are as far from each other. */
function reached(toBound: number, distance: number): number {
  return toBound >= distance * 1.1 ? distance / 2 : toBound;
}

const none64 = new Float64Array(0);

/** What times alone tell of `extrapolation`, of many windows. */
class Extrapolations {
  sampled = none64;
  toStart = none64;
  toEnd = none64;
  /** The windows' lengths. */
  seconds = none64;
  /** Where nothing was 0 before. */
  factors = none64;
  #of: Windows | null = null;
  #filled = false;

  /** False for windows that are asked for once so far, as they may be of one series alone. */
  tells(windows: Windows): boolean {
    if (this.#of !== windows) {
      this.#of = windows;
      this.#filled = false;
      return false;
    }
    if (!this.#filled) this.#fill(windows);
    return (this.#filled = true);
  }

  #fill(windows: Windows): void {
    const { from, until, low, high, grid, rangeMs, times } = windows;
    if (this.sampled.length < low.length) {
      const made = () => new Float64Array(low.length);
      [this.sampled, this.toStart, this.toEnd] = [made(), made(), made()];
      [this.seconds, this.factors] = [made(), made()];
    }
    for (let k = 0; k < until - from; k++) {
      const [first, last] = [low[k] ?? 0, (high[k] ?? 0) - 1];
      if (last <= first) continue;
      const end = grid.start + (from + k) * grid.step;
      const start = end - rangeMs;
      const sampled = ((times[last] ?? 0) - (times[first] ?? 0)) / 1000;
      const distance = sampled / (last - first);
      const toStart = reached(((times[first] ?? 0) - start) / 1000, distance);
      const toEnd = reached((end - (times[last] ?? 0)) / 1000, distance);
      this.sampled[k] = sampled;
      this.toStart[k] = toStart;
      this.toEnd[k] = toEnd;
      this.seconds[k] = (end - start) / 1000;
      this.factors[k] = (sampled + toStart + toEnd) / sampled;
    }
  }
}

/** By the array of bounds, which windows of one range vector share. */
const extrapolations = new WeakMap<Int32Array, Extrapolations>();

function extrapolationsOf(windows: Windows): Extrapolations | null {
  let own = extrapolations.get(windows.low);
  if (own === undefined) extrapolations.set(windows.low, (own = new Extrapolations()));
  return own.tells(windows) ? own : null;
}

/**
 * Of delta temporality each increment is known with its time, also the first: their sum is exact, and there is nothing
 * to extrapolate.
 */
function increments(values: Float64Array, perSecond: boolean): RangeFunction {
  return (low, high, view) => {
    const change = (values[high - 1] ?? 0) - (low > 0 ? (values[low - 1] ?? 0) : 0);
    return perSecond ? change / ((view.end - view.start) / 1000) : change;
  };
}

/** irate and idelta: from the last two samples alone. */
export function instant(counter: boolean): RangeKernel {
  return ({ times, values }) =>
    (low, high, view) => {
      if (high - low < 2) return none(view);
      const seconds = ((times[high - 1] ?? 0) - (times[high - 2] ?? 0)) / 1000;
      if (seconds === 0) return none(view);
      const last = values[high - 1] ?? 0;
      const before = values[high - 2] ?? 0;
      if (!counter) return last - before;
      return (last < before ? last : last - before) / seconds;
    };
}

/** How often something happens between neighbouring samples, by prefix counts. */
export function transitions(happens: (before: number, value: number) => boolean): RangeKernel {
  return ({ values }) => {
    const until = new Int32Array(values.length);
    for (let i = 1; i < values.length; i++) {
      until[i] = (until[i - 1] ?? 0) + (happens(values[i - 1] ?? 0, values[i] ?? 0) ? 1 : 0);
    }
    return (low, high) => (until[high - 1] ?? 0) - (until[low] ?? 0);
  };
}

/** No value at this step. */
export function none(view: WindowView): number {
  view.absent = true;
  return NaN;
}
