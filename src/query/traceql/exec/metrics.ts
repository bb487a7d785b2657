import type { SeriesContext } from '../../series/context.js';
import type { Grid } from '../../series/grid.js';
import type { QueryContext } from '../../server/guard.js';
import type { FieldExpr, MetricsExpr, MetricsQuery, MetricsSeries, Pipeline } from '../syntax/ast.js';
import { secondStages, seriesContext, SeriesSet, type MetricSeries } from './metric-series.js';
import { compareMetrics } from './metrics-compare.js';
import { combine } from './metrics-math.js';
import { countsSpans, seriesLabels, type MetricsOptions } from './metrics-options.js';
import { scanMetrics } from './metrics-scan.js';
import { sqlMetrics } from './metrics-sql.js';

export interface MetricsResult {
  readonly series: readonly MetricSeries[];
  readonly grid: Grid;
  /** How many spans were counted or measured: those that the pipelines leave. */
  readonly spans: number;
}

/**
 * TraceQL metrics: spans counted in the interval in which they start, timestamps at the interval's end.
 * Durations count in seconds. What SQL can say exactly is aggregated by DuckDB; the rest is evaluated span
 * by span, or trace by trace where the query looks at the structure. Throws QueryError.
 */
export async function metricsQuery(
  ctx: QueryContext,
  { metrics }: MetricsQuery,
  options: MetricsOptions,
): Promise<MetricsResult> {
  const context = seriesContext(ctx, options.range);
  let spans = 0;
  const evaluate = async (expr: MetricsExpr): Promise<readonly MetricSeries[] | number> => {
    if (expr.kind === 'number') return expr.value;
    if (expr.kind === 'math') {
      const series = combine(context, expr.op, await evaluate(expr.left), await evaluate(expr.right));
      return secondStages(context, series, expr.second);
    }
    const first = await firstStage(ctx, context, expr, options);
    spans += first.spans;
    return secondStages(context, first.series, expr.second);
  };
  const series = await evaluate(metrics);
  if (typeof series === 'number') throw new Error('a number is no metrics query');
  return { series, grid: context.grid, spans };
}

async function firstStage(
  ctx: QueryContext,
  context: SeriesContext,
  { pipeline, first }: MetricsSeries,
  options: MetricsOptions,
): Promise<{ readonly series: MetricSeries[]; readonly spans: number }> {
  const { maxSeries } = ctx.limits;
  const series = new SeriesSet(context, maxSeries, first.kind === 'compare' || countsSpans(first));
  const conditions = filtersOnly(pipeline);
  if (first.kind === 'compare') {
    const spans = await compareMetrics(ctx, pipeline, conditions, first, options, series);
    return { series: series.series, spans };
  }
  const spans =
    (conditions && (await sqlMetrics(ctx, conditions, first, options, series))) ??
    (await scanMetrics(ctx, pipeline, conditions, first, options, series));
  // Nothing that matches is a count of 0; a group without spans is none.
  if (first.operand === null && first.by.length === 0 && series.size === 0) {
    series.add(seriesLabels(first, []));
  }
  return { series: series.series, spans };
}

/** The conditions of a pipeline that is nothing but filters, all of which a span must fulfil; null for anything more. */
function filtersOnly({ elements }: Pipeline): FieldExpr[] | null {
  const conditions: FieldExpr[] = [];
  for (const element of elements) {
    if (element.kind === 'filter') conditions.push(element.condition);
    else if (element.kind !== 'select') return null;
  }
  return conditions;
}
