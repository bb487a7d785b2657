import { QueryError } from '../../../lake/query-error.js';
import type { Ranked } from './range-query.js';
import { reductions, type Grouping } from '../../series/aggregate.js';
import { binary } from '../../series/binary.js';
import { checkSeries, checkSize } from '../../series/context.js';
import { replacedLabels } from '../../series/label-replace.js';
import { Labels } from '../../series/labels.js';
import { setOperators, type Arithmetic, arithmetic } from '../../series/operators.js';
import { emptySeries, vector, type StepSeries, type Value } from '../../series/series.js';
import { rangeAggregation } from '../range/index.js';
import type { Steps } from '../plan/steps.js';
import type { BinaryExpr, MetricExpr, VectorExpr } from '../syntax/ast.js';
import { atSteps, type ExecContext, type MetricContext } from './context.js';
import { evaluateAcross, evaluateRange, evaluateSingles } from './range-aggregation.js';
import { aggregation } from './vector-aggregation.js';

const maxDepth = 200;

/** Loki gives NaN for a division by zero, where Prometheus gives an infinity. */
const lokiArithmetic: Arithmetic = new Map([
  ...arithmetic,
  ['/', (a: number, b: number) => (b === 0 ? NaN : a / b)],
  ['%', (a: number, b: number) => (b === 0 ? NaN : a % b)],
]);

/** Evaluates a metric query at every step. Throws QueryError. */
export async function evaluate(expr: MetricExpr, steps: Steps, ctx: ExecContext): Promise<Value> {
  const value = await node(atSteps(ctx, steps), expr, undefined, 0);
  if (value.type === 'vector') checkSeries(value.series.length, ctx.limits.maxSeries);
  return value;
}

/**
 * `pushed`: the grouping around a range aggregation that its samples may have already. `wanted`: of its series only these, and
 * those that are equal to the last of them.
 */
async function node(
  ctx: MetricContext,
  expr: MetricExpr,
  pushed: Grouping | undefined,
  depth: number,
  wanted?: Ranked,
): Promise<Value> {
  if (depth > maxDepth)
    throw new QueryError('limit', `the query is nested or chained deeper than ${maxDepth} levels`);
  const inner = (each: MetricExpr, grouping?: Grouping) => node(ctx, each, grouping, depth + 1);
  switch (expr.kind) {
    case 'literal':
      return { type: 'scalar', values: new Float64Array(ctx.grid.count).fill(expr.value) };
    case 'constant': {
      const series = emptySeries(Labels.empty, ctx.grid.count);
      series.values.fill(expr.value);
      series.present.fill(1);
      return vector([series]);
    }
    case 'range':
      return vector(await evaluateRange(ctx, expr, pushed, wanted));
    case 'vector': {
      const singles = await evaluateSingles(ctx, expr);
      if (singles) return vector(singles);
      const reduce = reductions.get(expr.op);
      if (reduce && expr.expr.kind === 'range' && expr.expr.op !== 'absent_over_time' && !pushdown(expr)) {
        return vector(await evaluateAcross(ctx, expr.expr, expr.grouping, reduce));
      }
      const ranked = rankOf(expr) ?? (pushdown(expr) ? wanted : undefined);
      const input = seriesOf(await node(ctx, expr.expr, pushdown(expr), depth + 1, ranked), expr.op);
      return vector(await aggregation(ctx, expr, input));
    }
    case 'label_replace': {
      const input = seriesOf(await inner(expr.expr), 'label_replace');
      const { destination, replacement, source, pattern } = expr;
      return vector(replacedLabels(input, [destination, replacement, source, pattern], 'not newline'));
    }
    case 'binary': {
      const left = await inner(expr.left);
      return operation(ctx, expr, left, await inner(expr.right));
    }
  }
}

async function operation(ctx: MetricContext, expr: BinaryExpr, left: Value, right: Value): Promise<Value> {
  if (setOperators.has(expr.op)) {
    seriesOf(left, expr.op);
    seriesOf(right, expr.op);
  }
  const result = await binary(ctx, expr, left, right, lokiArithmetic);
  if (result.type === 'vector') checkSize(ctx, result.series.length);
  return result;
}

function seriesOf(value: Value, op: string): readonly StepSeries[] {
  if (value.type === 'vector') return value.series;
  throw new QueryError('bad_data', `${op} works on vectors only`);
}

/** The series that a `topk` or `bottomk` over all of them takes. */
function rankOf({ op, grouping, parameter }: VectorExpr): Ranked | undefined {
  if ((op !== 'topk' && op !== 'bottomk') || grouping || parameter === undefined) return undefined;
  return Number.isSafeInteger(parameter) && parameter > 0 ? { op, count: parameter } : undefined;
}

/** The grouping that can be applied to the samples already. */
function pushdown({ op, expr, grouping }: VectorExpr): Grouping | undefined {
  const same = expr.kind === 'range' && !expr.grouping && rangeAggregation(expr.op).within === op;
  return same ? (grouping ?? { without: false, labels: [] }) : undefined;
}
