import type { FunctionContext } from '../functions/function.js';
import type { Grid } from '../../series/grid.js';
import type { LoadedSeries } from '../load/load.js';
import type { QueryTimes } from '../plan/times.js';

/** What evaluation of one node needs: its steps, the loaded samples, and the query's bounds. */
export interface EvalContext extends FunctionContext {
  readonly times: QueryTimes;
  readonly loaded: LoadedSeries;
}

export function withGrid(ctx: EvalContext, grid: Grid): EvalContext {
  return { ...ctx, grid };
}
