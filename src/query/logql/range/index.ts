import { QueryError } from '../../../lake/query-error.js';
import { quantile } from '../../series/statistics.js';
import type { Aggregator, Window } from './aggregator.js';
import { counterRate } from './counter-rate.js';

/** A range aggregation: what it may be asked for, and how it is computed. */
export interface RangeAggregation {
  /** It counts records, reads values of an unwrapped label, or does either. */
  readonly over: 'records' | 'values' | 'either';
  /** Without unwrap it is a sum of ones, or of the bytes of lines. */
  readonly sumOf?: 'records' | 'bytes';
  /** `by` or `without` may stand behind it. */
  readonly grouped?: true;
  /** A number in front of the selector, such as the quantile. */
  readonly parameter?: true;
  /** The aggregation across series that gives the same when it is applied to the samples already. */
  readonly within?: 'sum' | 'min' | 'max';
  /** Samples of one instant count in the order of their arrival. */
  readonly ordered?: true;
  aggregator(unwrapped: boolean, parameter: number): Aggregator<unknown>;
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

/** An entry for `aggregator`, which does not depend on how it is asked for. */
function always<P>(aggregator: Aggregator<P>, rest: Omit<RangeAggregation, 'aggregator'>): RangeAggregation {
  return { ...rest, aggregator: () => aggregator as Aggregator<unknown> };
}

const count = simple('count(*)', one, plus);
const lineBytes = "sum(strlen(coalesce(line, '')))";
const rates = {
  records: simple('count(*)', one, plus, perSecond),
  values: simple('sum(v)', same, plus, perSecond),
};

/** Every range aggregation by its name. */
const rangeAggregations = new Map<string, RangeAggregation>([
  ['count_over_time', always(count, { over: 'records', sumOf: 'records', within: 'sum' })],
  ['absent_over_time', always(count, { over: 'either' })],
  [
    'rate',
    {
      over: 'either',
      sumOf: 'records',
      within: 'sum',
      aggregator: (unwrapped) => (unwrapped ? rates.values : rates.records) as Aggregator<unknown>,
    },
  ],
  [
    'bytes_over_time',
    always(simple(lineBytes, same, plus), { over: 'records', sumOf: 'bytes', within: 'sum' }),
  ],
  [
    'bytes_rate',
    always(simple(lineBytes, same, plus, perSecond), { over: 'records', sumOf: 'bytes', within: 'sum' }),
  ],
  ['sum_over_time', always(simple('sum(v)', same, plus), { over: 'values', within: 'sum' })],
  [
    'min_over_time',
    always(simple('min(v)', same, Math.min), { over: 'values', grouped: true, within: 'min' }),
  ],
  [
    'max_over_time',
    always(simple('max(v)', same, Math.max), { over: 'values', grouped: true, within: 'max' }),
  ],
  ['avg_over_time', always(average, { over: 'values', grouped: true })],
  ['stddev_over_time', always(moments(Math.sqrt), { over: 'values', grouped: true })],
  ['stdvar_over_time', always(moments(same), { over: 'values', grouped: true })],
  ['first_over_time', always(first, { over: 'values', grouped: true, ordered: true })],
  ['last_over_time', always(last, { over: 'values', grouped: true, ordered: true })],
  [
    'quantile_over_time',
    {
      over: 'values',
      grouped: true,
      parameter: true,
      aggregator: (_, parameter) => quantileOf(parameter) as Aggregator<unknown>,
    },
  ],
  ['rate_counter', always(counterRate, { over: 'values', ordered: true })],
]);

/** The range aggregation of this name; throws when the grammar knows one that this registry does not. */
export function rangeAggregation(name: string): RangeAggregation {
  const found = rangeAggregations.get(name);
  if (!found) throw new QueryError('unsupported', `the aggregation ${name} is not supported`);
  return found;
}
