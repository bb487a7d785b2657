import { renderSeries } from '../series/render.js';
import type { QueryContext } from '../server/guard.js';
import type { Pipeline, FieldExpr, Query } from './ast.js';
import { compareMetrics } from './metrics-compare.js';
import { scanMetrics } from './metrics-scan.js';
import { sqlMetrics } from './metrics-sql.js';
import { countsSpans, seriesLabels, type MetricsOptions } from './metrics-options.js';
import { SeriesSet } from './series.js';

/**
 * TraceQL metrics: spans counted in the interval in which they start, timestamps at the interval's end.
 * Durations count in seconds. What SQL can say exactly is aggregated by DuckDB; the rest is evaluated span
 * by span, or trace by trace where the query looks at the structure.
 */
export async function metricsQuery(
  ctx: QueryContext,
  query: Query,
  options: MetricsOptions,
): Promise<AsyncIterable<string>> {
  const { metrics, pipeline } = query;
  if (!metrics) throw new Error('not a metrics query');
  const { first } = metrics;
  const counting = first.kind === 'compare' || countsSpans(first);
  const series = new SeriesSet(options.range, ctx.limits, counting ? 0 : NaN);
  const single = singleFilter(pipeline);
  if (first.kind === 'compare') await compareMetrics(ctx, single, first, options.range, series);
  else if (!single || !(await sqlMetrics(ctx, single, first, options, series))) {
    await scanMetrics(ctx, pipeline, single, first, options, series);
  }
  // Nothing that matches is a count of 0; a group without spans is none.
  if (first.kind === 'aggregate' && first.operand === null && first.by.length === 0 && series.size === 0) {
    series.add(seriesLabels(first, []));
  }
  series.apply(metrics.second);
  return metricsAnswer(series, options);
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

/** The body of the answer, in pieces. */
async function* metricsAnswer(
  series: SeriesSet,
  { instant, exemplars }: MetricsOptions,
): AsyncGenerator<string> {
  yield '{"series":';
  yield* renderSeries(series.results(), series.form(instant, exemplars));
  yield ',"metrics":{}}';
}
