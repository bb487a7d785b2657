import { QueryError } from '../../../lake/query-error.js';
import type { Grouping, LabelReplaceExpr, MetricExpr, VectorExpr } from '../syntax/ast.js';
import { expandReplacement } from '../pipeline/template/functions.js';
import { compileRegex } from '../../text/re2.js';
import { aggregate } from './vectorAggregation.js';
import { binary } from './binary.js';
import { Breather, type ExecContext } from './context.js';
import { evaluateRange } from './rangeAggregation.js';
import { labelsKey, newSeries, sortLabels, type Result, type Series, type Steps } from './series.js';

const maxDepth = 200;

/** Evaluates a metric query at every step. Throws QueryError. */
export async function evaluate(expr: MetricExpr, steps: Steps, ctx: ExecContext): Promise<Result> {
  return walk(expr, steps, ctx, undefined, 0);
}

async function walk(
  expr: MetricExpr,
  steps: Steps,
  ctx: ExecContext,
  pushed: Grouping | undefined,
  depth: number,
): Promise<Result> {
  if (depth > maxDepth)
    throw new QueryError('limit', `the query is nested or chained deeper than ${maxDepth} levels`);
  const breather = new Breather(ctx.signal);
  const inner = (each: MetricExpr, grouping?: Grouping) => walk(each, steps, ctx, grouping, depth + 1);
  switch (expr.kind) {
    case 'literal':
      return { kind: 'scalar', value: expr.value };
    case 'constant': {
      const series = newSeries([], steps.count);
      series.values.fill(expr.value);
      series.present.fill(1);
      return { kind: 'vector', series: [series] };
    }
    case 'range':
      return evaluateRange(expr, steps, pushed, ctx);
    case 'vector': {
      const input = await inner(expr.expr, pushdown(expr));
      if (input.kind === 'scalar') throw new QueryError('bad_data', `${expr.op} works on vectors only`);
      return { kind: 'vector', series: await aggregate(expr, input.series, steps.count, breather) };
    }
    case 'label_replace':
      return labelReplace(expr, await inner(expr.expr));
    case 'binary': {
      const left = await inner(expr.left);
      return binary(expr, left, await inner(expr.right), steps.count, breather, ctx.limits);
    }
  }
}

const sums = ['count_over_time', 'rate', 'bytes_over_time', 'bytes_rate', 'sum_over_time'];

/** The grouping that can be applied to the samples already: a sum of sums, a minimum of minima, a maximum of maxima. */
function pushdown({ op, expr, grouping }: VectorExpr): Grouping | undefined {
  if (expr.kind !== 'range' || expr.grouping) return undefined;
  const same =
    (op === 'sum' && sums.includes(expr.op)) ||
    (op === 'min' && expr.op === 'min_over_time') ||
    (op === 'max' && expr.op === 'max_over_time');
  return same ? (grouping ?? { without: false, labels: [] }) : undefined;
}

/** Nested calls could double a text each time. */
const longestLabel = 64 * 1024;

function labelReplace(expr: LabelReplaceExpr, input: Result): Result {
  if (input.kind === 'scalar') throw new QueryError('bad_data', 'label_replace works on vectors only');
  if (!/^[a-zA-Z_]\w*$/.test(expr.destination)) {
    throw new QueryError('bad_data', `label_replace: ${expr.destination.slice(0, 100)} is not a label name`);
  }
  const regex = compileRegex(`^(?:${expr.pattern})$`);
  const seen = new Set<string>();
  const series = input.series.map((from): Series => {
    const labels = new Map(from.labels);
    const matcher = regex.matcher(labels.get(expr.source) ?? '');
    if (matcher.find()) {
      const group = (key: number | string) => {
        try {
          return matcher.group(key) ?? '';
        } catch {
          return '';
        }
      };
      const value = expandReplacement(expr.replacement, group);
      if (value.length > longestLabel) {
        throw new QueryError('limit', `label_replace gives a label of more than ${longestLabel} characters`);
      }
      labels.set(expr.destination, value);
    }
    const sorted = sortLabels(labels);
    const key = labelsKey(sorted);
    if (seen.has(key)) throw new QueryError('bad_data', 'label_replace gives two series the same labels');
    seen.add(key);
    return { ...from, labels: sorted, key };
  });
  return { kind: 'vector', series };
}
