import type { RowLabels } from './labels.js';

/** One log record on its way through the pipeline. */
export interface Row {
  line: string;
  readonly labels: RowLabels;
  /** Nanoseconds since the epoch. */
  readonly timeNs: bigint;
}

/** A stage changes the row in place; false drops it. */
export type StageFn = (row: Row) => boolean;
