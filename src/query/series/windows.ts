import type { Labels } from './labels.js';
import type { SampleSeries } from '../promql/load/store.js';
import type { MatrixSelector, Subquery } from '../promql/syntax/ast.js';
import { defaultSubqueryStep, positiveMs, shifted, subqueryGrid, type Grid } from '../promql/plan/plan.js';
import { checkSize, timeAt, withGrid, type EvalContext } from '../promql/exec/context.js';
import { evaluateVector } from '../promql/exec/evaluate.js';
import { anyPresent, emptySeries, evaluationError, type StepSeries } from './series.js';

/** A range vector: for step k of the grid each series' samples after `at(k) - rangeMs`, up to `at(k)`. */
export interface RangeVector {
  readonly series: readonly SampleSeries[];
  readonly grid: Grid;
  readonly rangeMs: number;
}

export async function rangeVector(ctx: EvalContext, expr: MatrixSelector | Subquery): Promise<RangeVector> {
  const rangeMs = positiveMs(expr.range, ctx.times);
  if (expr.kind === 'matrix') {
    const grid = shifted(expr.selector, ctx.grid, ctx.times);
    return { series: ctx.loaded.get(expr.selector) ?? [], grid, rangeMs };
  }
  const grid = shifted(expr, ctx.grid, ctx.times);
  const step = expr.step ? positiveMs(expr.step, ctx.times) : defaultSubqueryStep;
  const inner = withGrid(ctx, subqueryGrid(grid, rangeMs, step));
  checkSize(inner, 1);
  if (inner.grid.count === 0) return { series: [], grid, rangeMs };
  const series = (await evaluateVector(inner, expr.expr)).map((one) => asSamples(one, inner));
  return { series, grid, rangeMs };
}

function asSamples(series: StepSeries, ctx: EvalContext): SampleSeries {
  const steps = [...series.present.keys()].filter((k) => series.present[k]);
  return {
    labels: series.labels,
    times: Float64Array.from(steps, (k) => timeAt(ctx, k)),
    values: Float64Array.from(steps, (k) => series.values[k] ?? NaN),
    staleTimes: null,
  };
}

/** What a range function sees at one step: samples `low` to `high - 1` of its series, at least one. */
export interface WindowView {
  step: number;
  /** The window's bounds: samples are after `start`, up to `end` (milliseconds). */
  start: number;
  end: number;
  /** Evaluation time, without offset (milliseconds). */
  now: number;
  /** Set by the function when it gives no value. */
  absent: boolean;
}

export type RangeFunction = (low: number, high: number, view: WindowView) => number;
/** Prepares one series (counter resets found once, say) and gives the function for its windows. */
export type RangeKernel = (series: SampleSeries) => RangeFunction;

export async function overWindows(
  ctx: EvalContext,
  range: RangeVector,
  kernel: RangeKernel,
  naming: 'drop' | 'keep' = 'drop',
): Promise<StepSeries[]> {
  checkSize(ctx, range.series.length);
  const out: StepSeries[] = [];
  for (const series of range.series) {
    const labels = naming === 'drop' ? series.labels.withoutName() : series.labels;
    const result = await slide(ctx, range, series, kernel(series), labels);
    if (anyPresent(result)) out.push(result);
  }
  if (naming === 'drop' && new Set(out.map((one) => one.labels.key)).size < out.length) {
    throw evaluationError('vector cannot contain metrics with the same labelset');
  }
  return out;
}

async function slide(
  ctx: EvalContext,
  { grid, rangeMs }: RangeVector,
  series: SampleSeries,
  apply: RangeFunction,
  labels: Labels,
): Promise<StepSeries> {
  const { times } = series;
  const result = emptySeries(labels, grid.count);
  const view: WindowView = { step: 0, start: 0, end: 0, now: 0, absent: false };
  let low = 0;
  let high = 0;
  for (let k = 0; k < grid.count; k++) {
    if (ctx.pacer.due) await ctx.pacer.pause();
    view.step = k;
    view.end = grid.start + k * grid.step;
    view.start = view.end - rangeMs;
    view.now = timeAt(ctx, k);
    view.absent = false;
    while (high < times.length && (times[high] ?? 0) <= view.end) high++;
    while (low < high && (times[low] ?? 0) <= view.start) low++;
    if (low === high) continue;
    const value = apply(low, high, view);
    if (view.absent) continue;
    result.values[k] = value;
    result.present[k] = 1;
  }
  return result;
}
