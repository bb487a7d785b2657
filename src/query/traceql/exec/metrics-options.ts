import type { TimeRange } from '../model/time.js';
import type { Value } from '../model/value.js';
import type { MetricsAggregate } from '../syntax/ast.js';

/** Half open to the nanosecond, as all ranges: the intervals of Tempo, closed on the right, are a nanosecond later. */
export interface MetricsRange extends TimeRange {
  /** Nanoseconds; the whole range for an instant query. */
  readonly step: bigint;
  readonly intervals: number;
  /** Nanoseconds: the timestamp of the first interval's sample. */
  readonly firstPoint: bigint;
}

export interface MetricsOptions {
  readonly range: MetricsRange;
  readonly instant: boolean;
  readonly exemplars: number;
}

/** A label of a series; unlike Prometheus' it keeps the type of its value. */
export type Label = readonly [name: string, value: Value];

export function countsSpans(aggregate: MetricsAggregate): boolean {
  return ['rate', 'count_over_time', 'histogram_over_time'].includes(aggregate.fn);
}

/** A series that is not grouped is named after its function. */
export function seriesLabels(
  aggregate: MetricsAggregate,
  by: readonly Label[],
  extra: readonly Label[] = [],
): Label[] {
  if (by.length > 0 || extra.length > 0) return [...by, ...extra];
  return [['__name__', { type: 'string', value: aggregate.fn }]];
}
