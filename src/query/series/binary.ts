import { setOperators, type Binary } from '../promql/syntax/ast.js';
import type { EvalContext } from '../promql/exec/context.js';
import { evaluate } from '../promql/exec/evaluate.js';
import { matchVectors } from './matching.js';
import { arithmetic, compare } from './operators.js';
import { setOperation } from './sets.js';
import {
  anyPresent,
  emptySeries,
  mapValues,
  mergeEqual,
  vector,
  type StepSeries,
  type Value,
} from './series.js';

/** Gives the result of one pair of samples, or undefined when a comparison filters it out. */
export type PairFunction = (left: number, right: number) => number | undefined;

export async function binary(ctx: EvalContext, expr: Binary): Promise<Value> {
  const left = await evaluate(ctx, expr.left);
  const right = await evaluate(ctx, expr.right);
  if (left.type === 'scalar' && right.type === 'scalar') {
    const apply = arithmetic[expr.op];
    const test = compare[expr.op];
    const values = left.values.map((a, k) => {
      const b = right.values[k] ?? NaN;
      return apply ? apply(a, b) : test?.(a, b) ? 1 : 0;
    });
    return { type: 'scalar', values };
  }
  if (left.type === 'vector' && right.type === 'vector') {
    if (setOperators.has(expr.op)) return vector(await setOperation(ctx, expr, left.series, right.series));
    return vector(await matchVectors(ctx, expr, left.series, right.series, pairFunction(expr)));
  }
  if (left.type === 'vector' && right.type === 'scalar') {
    return vector(await withScalar(ctx, expr, left.series, right.values, false));
  }
  if (left.type === 'scalar' && right.type === 'vector') {
    return vector(await withScalar(ctx, expr, right.series, left.values, true));
  }
  throw new Error('binary operation on a string');
}

function pairFunction({ op, bool }: Binary): PairFunction {
  const apply = arithmetic[op];
  if (apply) return apply;
  const test = compare[op] ?? (() => false);
  return bool ? (a, b) => (test(a, b) ? 1 : 0) : (a, b) => (test(a, b) ? a : undefined);
}

/** A comparison without `bool` keeps the samples, and the names, that pass it. */
async function withScalar(
  ctx: EvalContext,
  expr: Binary,
  series: readonly StepSeries[],
  scalar: Float64Array,
  scalarFirst: boolean,
): Promise<StepSeries[]> {
  const test = expr.bool ? undefined : compare[expr.op];
  if (ctx.pacer.due) await ctx.pacer.pause();
  if (!test) {
    const pair = pairFunction(expr);
    return mapValues(ctx.pacer, series, (value, k) => {
      const other = scalar[k] ?? NaN;
      return (scalarFirst ? pair(other, value) : pair(value, other)) ?? NaN;
    });
  }
  const out: StepSeries[] = [];
  for (const one of series) {
    if (ctx.pacer.due) await ctx.pacer.pause();
    const result = emptySeries(one.labels, one.values.length);
    for (let k = 0; k < one.values.length; k++) {
      const value = one.values[k] ?? NaN;
      const other = scalar[k] ?? NaN;
      if (!one.present[k] || !(scalarFirst ? test(other, value) : test(value, other))) continue;
      result.values[k] = value;
      result.present[k] = 1;
    }
    if (anyPresent(result)) out.push(result);
  }
  return mergeEqual(out);
}
