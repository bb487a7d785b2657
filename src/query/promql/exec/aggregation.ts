import { QueryError } from '../../../lake/query-error.js';
import {
  aggregate,
  countValues,
  groupSeries,
  reductions,
  warnQuantiles,
  type Reduce,
} from '../../series/aggregate.js';
import { choose } from '../../series/rank.js';
import type { StepSeries, Value } from '../../series/series.js';
import { quantile } from '../../series/statistics.js';
import type { Aggregation } from '../syntax/ast.js';
import type { EvalContext } from './context.js';

/** An aggregation over the series of its operand; `param` is the value of its parameter. */
export async function aggregation(
  ctx: EvalContext,
  { op, grouping }: Aggregation,
  series: readonly StepSeries[],
  param: Value | undefined,
): Promise<StepSeries[]> {
  const groups = groupSeries(series, grouping);
  const numbers = param?.type === 'scalar' ? param.values : new Float64Array();
  switch (op) {
    case 'topk':
    case 'bottomk':
    case 'limitk':
      return choose(ctx, op, numbers, series, groups);
    case 'count_values':
      return countValues(ctx, param?.type === 'string' ? param.text : '', groups);
    case 'quantile':
      warnQuantiles(ctx, numbers);
      return aggregate(ctx, groups, (values, step) => quantile(numbers[step] ?? NaN, values));
    default: {
      const reduce: Reduce | undefined = reductions.get(op);
      if (!reduce) throw new QueryError('unsupported', `the aggregation ${op} is not supported`);
      return aggregate(ctx, groups, reduce);
    }
  }
}
