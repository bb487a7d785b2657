import type { FunctionContext } from '../functions/function.js';
import type { Grid } from '../../series/grid.js';
import type { LoadedSeries } from '../load/load.js';
import type { SampleCounts } from './sample-counts.js';
import type { QueryTimes } from '../plan/times.js';

/** What evaluation of one node needs: its steps, the loaded samples, and the query's bounds. */
export interface EvalContext extends FunctionContext {
  readonly times: QueryTimes;
  readonly loaded: LoadedSeries;
  /** Where samples are counted, when that is asked for. */
  readonly counts: SampleCounts | undefined;
}

/** Samples that are read for it count in `counts`, or not at all. */
export function withGrid(ctx: EvalContext, grid: Grid, counts?: SampleCounts): EvalContext {
  return { ...ctx, grid, counts };
}
