import { QueryError } from '../../../lake/query-error.js';
import { aggregate, countValues, groupSeries, reductions, type Reduce } from '../../series/aggregate.js';
import { choose } from '../../series/rank.js';
import type { StepSeries, Value } from '../../series/series.js';
import { quantile } from '../../series/statistics.js';
import { Remarks } from '../functions/remarks.js';
import { unwrap, type Aggregation } from '../syntax/ast.js';
import type { EvalContext } from './context.js';
import { limitRatio } from './limit-ratio.js';
import { aggregateMixed, rankable } from './native-aggregation.js';

/** An aggregation over the series of its operand; `param` is the value of its parameter. */
export async function aggregation(
  ctx: EvalContext,
  expr: Aggregation,
  series: readonly StepSeries[],
  param: Value | undefined,
): Promise<StepSeries[]> {
  const { op, grouping } = expr;
  const numbers = param?.type === 'scalar' ? param.values : new Float64Array();
  switch (op) {
    case 'topk':
    case 'bottomk': {
      if (!numbers.some((count) => !(count < 1))) return [];
      const ranked = rankable(ctx, expr, series);
      return choose(ctx, op, numbers, ranked, groupSeries(ranked, grouping));
    }
    case 'limitk':
      return choose(ctx, op, numbers, series, groupSeries(series, grouping));
    case 'limit_ratio':
      return limitRatio(ctx, expr, numbers, series);
    case 'count_values':
      return countValues(ctx, param?.type === 'string' ? param.text : '', series, grouping);
    case 'quantile':
      new Remarks(ctx.notes, unwrap(expr.param ?? expr).from).extremes(numbers);
      return reduced(ctx, expr, series, (values, step) => quantile(numbers[step] ?? NaN, values));
    default: {
      const reduce: Reduce | undefined = reductions.get(op);
      if (!reduce) throw new QueryError('unsupported', `the aggregation ${op} is not supported`);
      return reduced(ctx, expr, series, reduce);
    }
  }
}

function reduced(
  ctx: EvalContext,
  expr: Aggregation,
  series: readonly StepSeries[],
  reduce: Reduce,
): Promise<StepSeries[]> {
  const groups = groupSeries(series, expr.grouping);
  return series.some(({ histograms }) => histograms)
    ? aggregateMixed(ctx, expr, groups, reduce)
    : aggregate(ctx, groups, reduce);
}
