import { noNotes, type SeriesContext } from '../../series/context.js';
import { Yielder } from '../../series/yielder.js';
import type { QueryContext } from '../../server/guard.js';
import type { AttributeKeys } from '../model/attributes.js';
import { gridOf, type Steps } from '../plan/steps.js';

/** What the executors need of one query. */
export interface ExecContext extends QueryContext {
  readonly keys: AttributeKeys;
  /** Figures for the `stats` object of the answer. */
  readonly stats: ExecStats;
}

export interface ExecStats {
  /** Records that were read, those left out by conditions in SQL not among them. */
  records: number;
  /** Of their lines, where these were read, or are known without. */
  bytes: number;
  /** Records that the pipeline kept. */
  kept: number;
  /** Records or samples in the answer. */
  returned: number;
  /** SQL statements run. */
  statements: number;
  /** Row groups of data files that may have wanted records, and the bytes of these files; where that is looked for. */
  groups: number;
  fileBytes: number;
}

export function newStats(): ExecStats {
  return { records: 0, bytes: 0, kept: 0, returned: 0, statements: 0, groups: 0, fileBytes: 0 };
}

/** What the evaluation of a metric query needs besides. */
export interface MetricContext extends ExecContext, SeriesContext {
  readonly steps: Steps;
}

export function atSteps(ctx: ExecContext, steps: Steps): MetricContext {
  return {
    ...ctx,
    steps,
    grid: gridOf(steps),
    yielder: new Yielder(ctx.signal),
    maxValues: ctx.limits.maxSamples,
    notes: noNotes,
  };
}
