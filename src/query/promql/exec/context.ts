import { QueryError } from '../../../lake/query-error.js';
import type { LoadedSeries } from '../load/load.js';
import type { Pacer } from '../../series/yielder.js';
import type { Grid, QueryTimes } from '../plan/plan.js';

/** What evaluation of one node needs: its steps, the loaded samples, and the query's bounds. */
export interface EvalContext {
  readonly grid: Grid;
  readonly times: QueryTimes;
  readonly loaded: LoadedSeries;
  readonly pacer: Pacer;
  /** Most values (series times steps) that one node may hold. */
  readonly maxValues: number;
  readonly warnings: Set<string>;
}

export function withGrid(ctx: EvalContext, grid: Grid): EvalContext {
  return { ...ctx, grid };
}

export function timeAt(ctx: EvalContext, step: number): number {
  return ctx.grid.start + step * ctx.grid.step;
}

/** Refuses a node whose result would not fit into the query's memory. */
export function checkSize(ctx: EvalContext, series: number): void {
  if (series * ctx.grid.count > ctx.maxValues) {
    throw new QueryError(
      'limit',
      `the query computes more than ${ctx.maxValues} values at once; select fewer series or take a longer step`,
    );
  }
}
