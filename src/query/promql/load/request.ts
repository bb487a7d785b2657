import type { CompiledMatcher } from '../../series/matchers.js';
import type { Yielder } from '../../series/yielder.js';
import type { QueryContext } from '../../server/guard.js';
import type { Window } from '../plan/times.js';
import type { Source } from './sources.js';

/** Throws once a query has taken more samples than it may. */
export type Account = (samples: number) => void;

export interface SampleRequest {
  readonly ctx: QueryContext;
  readonly yielder: Yielder;
  readonly account: Account;
  readonly source: Source;
  readonly matchers: readonly CompiledMatcher[];
  readonly window: Window;
  /** Of a row, the id of its stream (`Discovered`). */
  readonly id: string;
  /** A condition on the only rows of the table to read. */
  readonly rest?: string;
}
