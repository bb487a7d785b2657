import type { Grid } from '../../series/grid.js';

/** The steps at which a metric query is evaluated. In nanoseconds, as the edges of windows are told apart by them. */
export interface Steps {
  /** First step, since the epoch. */
  readonly start: bigint;
  /** Between steps; any positive value when there is one step only. */
  readonly step: number;
  readonly count: number;
}

export function gridOf({ start, step, count }: Steps): Grid {
  const ms = Number(start / 1_000_000n) + Number(start % 1_000_000n) / 1e6;
  return { start: ms, step: step / 1e6, count };
}
