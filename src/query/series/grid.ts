/** Evaluation times: `count` steps from `start` on, all in milliseconds. An instant is one step; step 0 repeats one time. */
export interface Grid {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

export function timeAt(grid: Grid, step: number): number {
  return grid.start + step * grid.step;
}

export function gridEnd(grid: Grid): number {
  return timeAt(grid, grid.count - 1);
}
