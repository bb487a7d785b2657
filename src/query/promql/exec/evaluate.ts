import { binary } from '../../series/binary.js';
import {
  anyPresent,
  floatsOnly,
  mapHistograms,
  mapValues,
  mergeEqual,
  vector,
  type Value,
} from '../../series/series.js';
import { arithmetic } from '../../series/operators.js';
import type { Histogram } from '../../series/histograms/histogram.js';
import { scaled } from '../../series/histograms/arithmetic.js';
import { computesOnce } from '../plan/invariant.js';
import type { Aggregation, Expr } from '../syntax/ast.js';
import { aggregation } from './aggregation.js';
import { call } from './call.js';
import { withGrid, type EvalContext } from './context.js';
import { countsOf } from './sample-counts.js';
import { nativePair } from './native-pair.js';
import { select } from './select.js';

/** Evaluates an expression (no bare range vector) over all steps of the grid. Throws QueryError. */
export async function evaluate(ctx: EvalContext, expr: Expr): Promise<Value> {
  if (ctx.yielder.due) await ctx.yielder.pause();
  if (ctx.grid.count > 1 && computesOnce(expr)) {
    const grid = { ...ctx.grid, count: 1 };
    const counts = ctx.counts && countsOf(grid);
    const value = await node(withGrid(ctx, grid, counts), expr);
    if (counts) ctx.counts?.constant(counts);
    return repeated(value, ctx.grid.count);
  }
  return node(ctx, expr);
}

async function node(ctx: EvalContext, expr: Expr): Promise<Value> {
  switch (expr.kind) {
    case 'number':
      return { type: 'scalar', values: new Float64Array(ctx.grid.count).fill(expr.value) };
    case 'string':
      return { type: 'string', text: expr.value };
    case 'paren':
      return evaluate(ctx, expr.expr);
    case 'selector':
      return vector(await select(ctx, expr));
    case 'unary':
      return unary(ctx, expr.op, await evaluate(ctx, expr.expr));
    case 'call':
      return call(ctx, expr, evaluate);
    case 'aggregation':
      return aggregated(ctx, expr);
    case 'binary': {
      const left = await evaluate(ctx, expr.left);
      const right = await evaluate(ctx, expr.right);
      return binary(ctx, expr, left, right, arithmetic, nativePair(ctx.notes, expr));
    }
    case 'matrix':
    case 'subquery':
      throw new Error('a range vector has no value of its own');
  }
}

async function aggregated(ctx: EvalContext, expr: Aggregation): Promise<Value> {
  const operand = await evaluate(ctx, expr.expr);
  if (operand.type !== 'vector') throw new Error('an instant vector was expected');
  const param = expr.param ? await evaluate(ctx, expr.param) : undefined;
  return vector(await aggregation(ctx, expr, operand.series, param));
}

async function unary(ctx: EvalContext, op: '+' | '-', value: Value): Promise<Value> {
  if (op === '+' || value.type === 'string') return value;
  if (value.type === 'scalar') return { type: 'scalar', values: value.values.map((v) => -v) };
  const numbers = await mapValues(ctx.yielder, value.series.map(floatsOnly), (v) => -v);
  if (!value.series.some(({ histograms }) => histograms)) return vector(numbers);
  const native = value.series.map((one) => mapHistograms(one, (histogram) => scaled(histogram, -1)));
  return vector(mergeEqual([...numbers, ...native].filter(anyPresent)));
}

/** One step's result for all steps. */
function repeated(value: Value, steps: number): Value {
  if (value.type === 'string') return value;
  if (value.type === 'scalar') {
    return { type: 'scalar', values: new Float64Array(steps).fill(value.values[0] ?? NaN) };
  }
  return vector(
    value.series.map(({ labels, values, present, histograms }) => ({
      labels,
      values: new Float64Array(steps).fill(values[0] ?? NaN),
      present: new Uint8Array(steps).fill(present[0] ?? 0),
      ...(histograms && { histograms: new Array<Histogram | undefined>(steps).fill(histograms[0]) }),
    })),
  );
}
