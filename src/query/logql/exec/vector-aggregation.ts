import { QueryError } from '../../../lake/query-error.js';
import { aggregate, groupSeries, reductions } from '../../series/aggregate.js';
import type { SeriesContext } from '../../series/context.js';
import { choose, rank } from '../../series/rank.js';
import type { StepSeries } from '../../series/series.js';
import type { VectorExpr } from '../syntax/ast.js';

/** Aggregates across series, step by step. */
export async function aggregation(
  ctx: SeriesContext,
  { op, grouping, parameter }: Pick<VectorExpr, 'op' | 'grouping' | 'parameter'>,
  series: readonly StepSeries[],
): Promise<readonly StepSeries[]> {
  switch (op) {
    case 'sort':
      return sorted(ctx, 'bottomk', series);
    case 'sort_desc':
      return sorted(ctx, 'topk', series);
    case 'approx_topk':
      if (ctx.grid.count > 1) {
        throw new QueryError('bad_data', 'approx_topk is only supported for instant queries');
      }
      return aggregation(ctx, { op: 'topk', parameter: parameter ?? 1 }, series);
    case 'topk':
    case 'bottomk': {
      // Equal values are taken in the order of their labels.
      const ordered = [...series].sort((a, b) => a.labels.compare(b.labels));
      const counts = new Float64Array(ctx.grid.count).fill(parameter ?? 1);
      return sorted(ctx, op, await choose(ctx, op, counts, ordered, groupSeries(ordered, grouping)));
    }
    default: {
      const reduce = reductions.get(op);
      if (!reduce) throw new QueryError('unsupported', `the aggregation ${op} is not supported`);
      return aggregate(ctx, groupSeries(series, grouping), reduce);
    }
  }
}

/** By the value of the only step of an instant query; the steps of a range query have no common order. */
function sorted(
  ctx: SeriesContext,
  op: 'topk' | 'bottomk',
  series: readonly StepSeries[],
): readonly StepSeries[] {
  if (ctx.grid.count !== 1) return series;
  return [...series].sort((a, b) => rank(op, a.values[0] ?? NaN, b.values[0] ?? NaN));
}
