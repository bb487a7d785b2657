import type { Aggregator, Window } from './aggregator.js';

interface Samples {
  readonly times: readonly number[];
  readonly values: readonly number[];
}

/** `rate_counter` */
export const counterRate: Aggregator<Samples> = {
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
