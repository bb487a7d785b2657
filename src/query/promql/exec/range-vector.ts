import { checkSize } from '../../series/context.js';
import { timeAt, type Grid } from '../../series/grid.js';
import type { SampleSeries } from '../../series/samples.js';
import type { StepSeries, Value } from '../../series/series.js';
import type { RangeVector } from '../../series/windows.js';
import { defaultSubqueryStep, positiveMs, shifted, subqueryGrid } from '../plan/times.js';
import type { Expr, MatrixSelector, Subquery } from '../syntax/ast.js';
import { withGrid, type EvalContext } from './context.js';
import { countsOf } from './sample-counts.js';

/** The samples that a range selector or subquery looks at; `evaluate` computes what a subquery is made of. */
export async function rangeVector(
  ctx: EvalContext,
  expr: MatrixSelector | Subquery,
  evaluate: (ctx: EvalContext, expr: Expr) => Promise<Value>,
): Promise<RangeVector> {
  const rangeMs = positiveMs(expr.range, ctx.times);
  return expr.kind === 'matrix' ? selected(ctx, expr, rangeMs) : subquery(ctx, expr, rangeMs, evaluate);
}

function selected(ctx: EvalContext, { selector }: MatrixSelector, rangeMs: number): RangeVector {
  const grid = shifted(selector, ctx.grid, ctx.times);
  const { extension: how } = selector;
  const beyond = how ? { beyond: { ms: ctx.times.lookback, how } } : {};
  const vector: RangeVector = { series: ctx.loaded.get(selector) ?? [], grid, rangeMs, ...beyond };
  if (ctx.counts) ctx.counts.series += vector.series.length;
  ctx.counts?.windows(vector);
  return vector;
}

async function subquery(
  ctx: EvalContext,
  expr: Subquery,
  rangeMs: number,
  evaluate: (ctx: EvalContext, expr: Expr) => Promise<Value>,
): Promise<RangeVector> {
  const grid = shifted(expr, ctx.grid, ctx.times);
  const step = expr.step ? positiveMs(expr.step, ctx.times) : defaultSubqueryStep;
  const own = subqueryGrid(grid, rangeMs, step);
  checkSize({ ...ctx, grid: own }, 1);
  const counts = ctx.counts && countsOf(own);
  const inner = withGrid(ctx, own, counts);
  if (own.count === 0) return { series: [], grid, rangeMs };
  const value = await evaluate(inner, expr.expr);
  if (value.type !== 'vector') throw new Error('an instant vector was expected');
  if (counts) ctx.counts?.subquery(counts, own, grid, rangeMs);
  return { series: value.series.map((one) => asSamples(one, own)), grid, rangeMs };
}

function asSamples(series: StepSeries, grid: Grid): SampleSeries {
  const steps = [...series.present.keys()].filter((k) => series.present[k]);
  const { histograms } = series;
  return {
    labels: series.labels,
    times: Float64Array.from(steps, (k) => timeAt(grid, k)),
    values: Float64Array.from(steps, (k) => series.values[k] ?? NaN),
    // Samples may be passed over or repeated, so what is known of counters beginning anew no longer holds.
    ...(histograms && {
      histograms: steps.map((k) => histograms[k] && { ...histograms[k], reset: undefined }),
    }),
    staleTimes: null,
  };
}
