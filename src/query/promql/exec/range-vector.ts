import { checkSize } from '../../series/context.js';
import { timeAt, type Grid } from '../../series/grid.js';
import type { SampleSeries } from '../../series/samples.js';
import type { StepSeries, Value } from '../../series/series.js';
import type { RangeVector } from '../../series/windows.js';
import { defaultSubqueryStep, positiveMs, shifted, subqueryGrid } from '../plan/times.js';
import type { Expr, MatrixSelector, Subquery } from '../syntax/ast.js';
import { withGrid, type EvalContext } from './context.js';

/** The samples that a range selector or subquery looks at; `evaluate` computes what a subquery is made of. */
export async function rangeVector(
  ctx: EvalContext,
  expr: MatrixSelector | Subquery,
  evaluate: (ctx: EvalContext, expr: Expr) => Promise<Value>,
): Promise<RangeVector> {
  const vector = await samplesOf(ctx, expr, evaluate);
  ctx.counts?.windows(vector);
  return vector;
}

async function samplesOf(
  ctx: EvalContext,
  expr: MatrixSelector | Subquery,
  evaluate: (ctx: EvalContext, expr: Expr) => Promise<Value>,
): Promise<RangeVector> {
  const rangeMs = positiveMs(expr.range, ctx.times);
  if (expr.kind === 'matrix') {
    const grid = shifted(expr.selector, ctx.grid, ctx.times);
    const { extension: how } = expr.selector;
    const beyond = how ? { beyond: { ms: ctx.times.lookback, how } } : {};
    return { series: ctx.loaded.get(expr.selector) ?? [], grid, rangeMs, ...beyond };
  }
  const grid = shifted(expr, ctx.grid, ctx.times);
  const step = expr.step ? positiveMs(expr.step, ctx.times) : defaultSubqueryStep;
  const inner = withGrid(ctx, subqueryGrid(grid, rangeMs, step));
  checkSize(inner, 1);
  if (inner.grid.count === 0) return { series: [], grid, rangeMs };
  const value = await evaluate(inner, expr.expr);
  if (value.type !== 'vector') throw new Error('an instant vector was expected');
  return { series: value.series.map((one) => asSamples(one, inner.grid)), grid, rangeMs };
}

function asSamples(series: StepSeries, grid: Grid): SampleSeries {
  const steps = [...series.present.keys()].filter((k) => series.present[k]);
  const { histograms } = series;
  return {
    labels: series.labels,
    times: Float64Array.from(steps, (k) => timeAt(grid, k)),
    values: Float64Array.from(steps, (k) => series.values[k] ?? NaN),
    ...(histograms && { histograms: steps.map((k) => histograms[k]) }),
    staleTimes: null,
  };
}
