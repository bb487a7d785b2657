import type { Expr } from '../syntax/ast.js';
import { computesOnce } from '../plan/invariant.js';
import { aggregate } from '../../series/aggregate.js';
import { binary } from '../../series/binary.js';
import { withGrid, type EvalContext } from './context.js';
import { call } from './functions/call.js';
import { select } from './select.js';
import { mapValues, vector, type StepSeries, type Value } from '../../series/series.js';

/** Evaluates an expression (no bare range vector) over all steps of the grid. */
export async function evaluate(ctx: EvalContext, expr: Expr): Promise<Value> {
  if (ctx.pacer.due) await ctx.pacer.pause();
  if (ctx.grid.count > 1 && computesOnce(expr)) {
    const once = withGrid(ctx, { ...ctx.grid, count: 1 });
    return repeated(await node(once, expr), ctx.grid.count);
  }
  return node(ctx, expr);
}

export async function evaluateVector(ctx: EvalContext, expr: Expr): Promise<readonly StepSeries[]> {
  const value = await evaluate(ctx, expr);
  if (value.type !== 'vector') throw new Error('an instant vector was expected');
  return value.series;
}

export async function evaluateScalar(ctx: EvalContext, expr: Expr): Promise<Float64Array> {
  const value = await evaluate(ctx, expr);
  if (value.type !== 'scalar') throw new Error('a scalar was expected');
  return value.values;
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
      return call(ctx, expr);
    case 'aggregation':
      return vector(await aggregate(ctx, expr));
    case 'binary':
      return binary(ctx, expr);
    case 'matrix':
    case 'subquery':
      throw new Error('a range vector has no value of its own');
  }
}

async function unary(ctx: EvalContext, op: '+' | '-', value: Value): Promise<Value> {
  if (op === '+' || value.type === 'string') return value;
  if (value.type === 'scalar') return { type: 'scalar', values: value.values.map((v) => -v) };
  return vector(await mapValues(ctx.pacer, value.series, (v) => -v));
}

/** One step's result for all steps. */
function repeated(value: Value, steps: number): Value {
  if (value.type === 'string') return value;
  if (value.type === 'scalar') {
    return { type: 'scalar', values: new Float64Array(steps).fill(value.values[0] ?? NaN) };
  }
  return vector(
    value.series.map(({ labels, values, present }) => ({
      labels,
      values: new Float64Array(steps).fill(values[0] ?? NaN),
      present: new Uint8Array(steps).fill(present[0] ?? 0),
    })),
  );
}
