import type { MetricsAggregate } from './ast.js';
import type { MetricsRange } from './params.js';
import type { Label } from './series.js';

export interface MetricsOptions {
  readonly range: MetricsRange;
  readonly instant: boolean;
  readonly exemplars: number;
}

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
