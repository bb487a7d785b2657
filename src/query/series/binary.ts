import { evaluationError, type SeriesContext } from './context.js';
import { matchVectors } from './matching.js';
import { LastNotes } from './last-notes.js';
import {
  arithmetic,
  comparisons,
  keepsName,
  noNative,
  pairFunction,
  setOperators,
  trimOperators,
  type Arithmetic,
  type NativeRules,
  type Operation,
} from './operators.js';
import {
  anyPresent,
  mapValues,
  mergeEqual,
  MixedSeries,
  vector,
  type StepSeries,
  type Value,
} from './series.js';
import { setOperation } from './sets.js';

/**
 * Any binary operation but one on strings. `rules`: what a language's arithmetic gives; `native`: what it does where
 * native histograms are. Throws QueryError.
 */
export async function binary(
  ctx: SeriesContext,
  operation: Operation,
  left: Value,
  right: Value,
  rules: Arithmetic = arithmetic,
  native: NativeRules = noNative,
): Promise<Value> {
  if (left.type === 'scalar' && right.type === 'scalar') {
    if (trimOperators.has(operation.op)) {
      throw evaluationError(`operator ${JSON.stringify(operation.op)} not allowed for Scalar operations`);
    }
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
        : await matchVectors(
            ctx,
            operation,
            left.series,
            right.series,
            pairFunction(operation, rules),
            native,
          ),
    );
  }
  if (left.type === 'vector' && right.type === 'scalar') {
    return vector(await withScalar(ctx, operation, rules, left.series, right.values, false, native));
  }
  if (left.type === 'scalar' && right.type === 'vector') {
    return vector(await withScalar(ctx, operation, rules, right.series, left.values, true, native));
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
  native: NativeRules,
): Promise<StepSeries[]> {
  const test = operation.bool ? undefined : comparisons.get(operation.op);
  const pair = pairFunction(operation, rules);
  if (ctx.yielder.due) await ctx.yielder.pause();
  if (!test && !trimOperators.has(operation.op) && !series.some(({ histograms }) => histograms)) {
    return mapValues(ctx.yielder, series, (value, k) => {
      const other = scalar[k] ?? NaN;
      return (scalarFirst ? pair(other, value) : pair(value, other)) ?? NaN;
    });
  }
  const trims = trimOperators.has(operation.op);
  const notes = new LastNotes(native);
  const out: StepSeries[] = [];
  for (const [at, one] of series.entries()) {
    if (ctx.yielder.due) await ctx.yielder.pause();
    const labels = keepsName(operation) ? one.labels : one.labels.withoutName();
    const result = new MixedSeries(labels, one.values.length);
    for (let k = 0; k < one.values.length; k++) {
      if (!one.present[k]) continue;
      const other = scalar[k] ?? NaN;
      const histogram = one.histograms?.[k];
      const sides = (own: number) => (scalarFirst ? ([other, own] as const) : ([own, other] as const));
      const value = one.values[k] ?? NaN;
      if (histogram || trims) {
        const own = histogram ?? value;
        const { value: found, note } = scalarFirst ? native.pair(other, own) : native.pair(own, other);
        if (note) notes.add(k, at, note);
        if (found !== undefined) result.set(k, found);
      } else if (test) {
        if (test(...sides(value))) result.set(k, value);
      } else {
        const found = pair(...sides(value));
        if (found !== undefined) result.set(k, found);
      }
    }
    if (anyPresent(result.series)) out.push(result.series);
  }
  notes.tell();
  return mergeEqual(out);
}
