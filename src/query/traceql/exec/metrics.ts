import type { QueryContext } from '../../server/guard.js';
import type { FieldExpr, Pipeline, Query } from '../syntax/ast.js';
import { SeriesSet } from './metric-series.js';
import { compareMetrics } from './metrics-compare.js';
import { countsSpans, seriesLabels, type MetricsOptions } from './metrics-options.js';
import { scanMetrics } from './metrics-scan.js';
import { sqlMetrics } from './metrics-sql.js';

/**
 * TraceQL metrics: spans counted in the interval in which they start, timestamps at the interval's end.
 * Durations count in seconds. What SQL can say exactly is aggregated by DuckDB; the rest is evaluated span
 * by span, or trace by trace where the query looks at the structure. Throws QueryError.
 */
export async function metricsQuery(
  ctx: QueryContext,
  query: Query,
  options: MetricsOptions,
): Promise<Pick<SeriesSet, 'series' | 'grid'>> {
  const { metrics, pipeline } = query;
  if (!metrics) throw new Error('not a metrics query');
  const { first } = metrics;
  const series = new SeriesSet(ctx, options.range, first.kind === 'compare' || countsSpans(first));
  const single = singleFilter(pipeline);
  if (first.kind === 'compare') await compareMetrics(ctx, single, first, options.range, series);
  else if (!single || !(await sqlMetrics(ctx, single, first, options, series))) {
    await scanMetrics(ctx, pipeline, single, first, options, series);
  }
  // Nothing that matches is a count of 0; a group without spans is none.
  if (first.kind === 'aggregate' && first.operand === null && first.by.length === 0 && series.size === 0) {
    series.add(seriesLabels(first, []));
  }
  await series.apply(metrics.second);
  return series;
}

/** Consecutive filters are one filter; null for anything more. */
function singleFilter({ elements }: Pipeline): FieldExpr | null {
  const conditions: FieldExpr[] = [];
  for (const element of elements) {
    if (element.kind === 'filter') conditions.push(element.condition);
    else if (element.kind !== 'select') return null;
  }
  const always: FieldExpr = { kind: 'static', value: { type: 'bool', value: true }, at: 0 };
  return conditions.reduce((left, right) => ({ kind: 'binary', op: '&&', left, right, at: 0 }), always);
}
