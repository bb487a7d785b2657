import type { SeriesContext } from './context.js';
import { matchVectors } from './matching.js';
import {
  arithmetic,
  comparisons,
  pairFunction,
  setOperators,
  type Arithmetic,
  type Operation,
} from './operators.js';
import {
  anyPresent,
  emptySeries,
  mapValues,
  mergeEqual,
  vector,
  type StepSeries,
  type Value,
} from './series.js';
import { setOperation } from './sets.js';

/** Any binary operation but one on strings. `rules`: what a language's arithmetic gives. Throws QueryError. */
export async function binary(
  ctx: SeriesContext,
  operation: Operation,
  left: Value,
  right: Value,
  rules: Arithmetic = arithmetic,
): Promise<Value> {
  if (left.type === 'scalar' && right.type === 'scalar') {
    const apply = rules.get(operation.op);
    const test = comparisons.get(operation.op);
    const values = left.values.map((a, k) => {
      const b = right.values[k] ?? NaN;
      return apply ? apply(a, b) : test?.(a, b) ? 1 : 0;
    });
    return { type: 'scalar', values };
  }
  if (left.type === 'vector' && right.type === 'vector') {
    return vector(
      setOperators.has(operation.op)
        ? await setOperation(ctx, operation, left.series, right.series)
        : await matchVectors(ctx, operation, left.series, right.series, pairFunction(operation, rules)),
    );
  }
  if (left.type === 'vector' && right.type === 'scalar') {
    return vector(await withScalar(ctx, operation, rules, left.series, right.values, false));
  }
  if (left.type === 'scalar' && right.type === 'vector') {
    return vector(await withScalar(ctx, operation, rules, right.series, left.values, true));
  }
  throw new Error('binary operation on a string');
}

/** A comparison without `bool` keeps the samples, and the names, that pass it. */
async function withScalar(
  ctx: SeriesContext,
  operation: Operation,
  rules: Arithmetic,
  series: readonly StepSeries[],
  scalar: Float64Array,
  scalarFirst: boolean,
): Promise<StepSeries[]> {
  const test = operation.bool ? undefined : comparisons.get(operation.op);
  if (ctx.yielder.due) await ctx.yielder.pause();
  if (!test) {
    const pair = pairFunction(operation, rules);
    return mapValues(ctx.yielder, series, (value, k) => {
      const other = scalar[k] ?? NaN;
      return (scalarFirst ? pair(other, value) : pair(value, other)) ?? NaN;
    });
  }
  const out: StepSeries[] = [];
  for (const one of series) {
    if (ctx.yielder.due) await ctx.yielder.pause();
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
