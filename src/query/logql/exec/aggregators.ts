import { quantile } from '../../series/statistics.js';
import type { RangeOp } from '../syntax/ast.js';

/** Where a window lies, on the time axis of the samples (nanoseconds). */
interface Window {
  readonly from: number;
  readonly to: number;
}

/**
 * How samples of a window become one value, by way of partial results of parts of the window. The partial
 * results come from SQL (one column each for `sql`) or from `add`, sample by sample.
 */
export interface Aggregator<P> {
  /** Over `v` (the value), `t` (DOUBLE, nanoseconds), `line` and `rowid`. */
  readonly sql: readonly string[];
  readonly fromSql: (columns: readonly unknown[]) => P;
  readonly first: (value: number, time: number) => P;
  readonly add: (partial: P, value: number, time: number) => P;
  /** `a` is of an earlier part than `b`. Neither is changed. */
  readonly merge: (a: P, b: P) => P;
  readonly result: (partial: P, window: Window) => number;
  /** Samples that a partial result keeps; absent when its size does not depend on them. */
  readonly size?: (partial: P) => number;
}

function simple(
  sql: string,
  first: (value: number) => number,
  merge: (a: number, b: number) => number,
  result: (partial: number, window: Window) => number = (partial) => partial,
): Aggregator<number> {
  return {
    sql: [`(${sql})::DOUBLE`],
    fromSql: ([value]) => value as number,
    first,
    add: (partial, value) => merge(partial, first(value)),
    merge,
    result,
  };
}

const seconds = (window: Window) => (window.to - window.from) / 1e9;
const plus = (a: number, b: number) => a + b;
const same = (value: number) => value;
const one = () => 1;
const perSecond = (partial: number, window: Window) => partial / seconds(window);

const average: Aggregator<readonly [count: number, sum: number]> = {
  sql: ['count(v)::DOUBLE', 'sum(v)'],
  fromSql: ([count, sum]) => [count as number, sum as number],
  first: (value) => [1, value],
  add: ([count, sum], value) => [count + 1, sum + value],
  merge: (a, b) => [a[0] + b[0], a[1] + b[1]],
  result: ([count, sum]) => sum / count,
};

type Moments = readonly [count: number, mean: number, squares: number];

/** Parallel variance (Chan et al.), which does not lose digits as a sum of squares would. */
function mergeMoments(a: Moments, b: Moments): Moments {
  const count = a[0] + b[0];
  const delta = b[1] - a[1];
  return [count, a[1] + (delta * b[0]) / count, a[2] + b[2] + (delta * delta * a[0] * b[0]) / count];
}

function moments(result: (variance: number) => number): Aggregator<Moments> {
  return {
    sql: ['count(v)::DOUBLE', 'avg(v)', 'var_pop(v) * count(v)'],
    fromSql: ([count, mean, squares]) => [count as number, mean as number, squares as number],
    first: (value) => [1, value, 0],
    add: (partial, value) => mergeMoments(partial, [1, value, 0]),
    merge: mergeMoments,
    result: ([count, , squares]) => result(squares / count),
  };
}

type Timed = readonly [time: number, value: number];

const first: Aggregator<Timed> = {
  sql: ['min(t)', 'first(v ORDER BY t, rowid)'],
  fromSql: ([time, value]) => [time as number, value as number],
  first: (value, time) => [time, value],
  add: (partial, value, time) => (time < partial[0] ? [time, value] : partial),
  merge: (a, b) => (b[0] < a[0] ? b : a),
  result: ([, value]) => value,
};

const last: Aggregator<Timed> = {
  ...first,
  sql: ['max(t)', 'last(v ORDER BY t, rowid)'],
  add: (partial, value, time) => (time >= partial[0] ? [time, value] : partial),
  merge: (a, b) => (b[0] >= a[0] ? b : a),
};

function quantileOf(q: number): Aggregator<readonly number[]> {
  return {
    sql: ['list(v)'],
    fromSql: ([values]) => values as number[],
    first: (value) => [value],
    add: (partial, value) => {
      (partial as number[]).push(value);
      return partial;
    },
    merge: (a, b) => [...a, ...b],
    result: (values) => quantile(q, Float64Array.from(values)),
    size: (values) => values.length,
  };
}

interface Samples {
  readonly times: readonly number[];
  readonly values: readonly number[];
}

const counterRate: Aggregator<Samples> = {
  sql: ['list(t ORDER BY t, rowid)', 'list(v ORDER BY t, rowid)'],
  fromSql: ([times, values]) => ({ times: times as number[], values: values as number[] }),
  first: (value, time) => ({ times: [time], values: [value] }),
  add: (partial, value, time) => {
    (partial.times as number[]).push(time);
    (partial.values as number[]).push(value);
    return partial;
  },
  merge: (a, b) => ({ times: [...a.times, ...b.times], values: [...a.values, ...b.values] }),
  result: extrapolatedRate,
  size: ({ values }) => values.length,
};

/**
 * Loki's rate of a counter: resets are made up for. Of Prometheus' extrapolation next to nothing is left, as Loki counts
 * the milliseconds of the range as nanoseconds there (extrapolatedRate in pkg/logql/range_vector.go).
 */
function extrapolatedRate(samples: Samples, window: Window): number {
  const order = samples.times.map((_, i) => i);
  order.sort((a, b) => (samples.times[a] as number) - (samples.times[b] as number));
  const points = order.map((i) => [samples.times[i] as number, samples.values[i] as number] as const);
  const [start, end] = [points[0], points.at(-1)];
  if (!start || !end || points.length < 2 || end[0] === start[0]) return 0;
  let increase = 0;
  points.forEach(([, value], i) => {
    const before = points[i - 1]?.[1];
    if (before !== undefined) increase += value < before ? value : value - before;
  });
  const sampled = end[0] - start[0];
  const between = sampled / (points.length - 1);
  let toStart = (window.to - window.from) / 1e6;
  // A counter can't have been below zero.
  if (increase > 0 && start[1] >= 0) toStart = Math.min(toStart, sampled * (start[1] / increase));
  if (toStart >= between * 1.1) toStart = between / 2;
  return ((increase * (sampled + toStart)) / sampled / (window.to - window.from)) * 1e9;
}

/** The aggregator of a range aggregation; `unwrapped`: the samples are values of a label, not records. */
export function aggregatorOf(op: RangeOp, unwrapped: boolean, parameter = 0): Aggregator<unknown> {
  return choose(op, unwrapped, parameter) as Aggregator<unknown>;
}

function choose(op: RangeOp, unwrapped: boolean, parameter: number) {
  switch (op) {
    case 'count_over_time':
    case 'absent_over_time':
      return simple('count(*)', one, plus);
    case 'rate':
      return unwrapped ? simple('sum(v)', same, plus, perSecond) : simple('count(*)', one, plus, perSecond);
    case 'bytes_over_time':
      return simple("sum(strlen(coalesce(line, '')))", same, plus);
    case 'bytes_rate':
      return simple("sum(strlen(coalesce(line, '')))", same, plus, perSecond);
    case 'sum_over_time':
      return simple('sum(v)', same, plus);
    case 'min_over_time':
      return simple('min(v)', same, Math.min);
    case 'max_over_time':
      return simple('max(v)', same, Math.max);
    case 'avg_over_time':
      return average;
    case 'stddev_over_time':
      return moments(Math.sqrt);
    case 'stdvar_over_time':
      return moments((variance) => variance);
    case 'first_over_time':
      return first;
    case 'last_over_time':
      return last;
    case 'quantile_over_time':
      return quantileOf(parameter);
    case 'rate_counter':
      return counterRate;
  }
}
