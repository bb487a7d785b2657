import type { Notes, SeriesContext } from '../../series/context.js';
import type { Matcher } from '../../series/matchers.js';
import type { StepSeries, Value } from '../../series/series.js';
import type { RangeVector } from '../../series/windows.js';
import type { ValueType } from '../syntax/ast.js';

/** First and last evaluation time and the step, unix milliseconds; an instant query has step 0. */
export interface EvaluationTimes {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

export interface FunctionContext extends SeriesContext {
  readonly times: EvaluationTimes;
  readonly notes: FunctionNotes;
}

export interface FunctionNotes extends Notes {
  /** Cumulative counts of a classic histogram fell from one bucket to the next, and were mended. */
  repaired(repair: Repair): void;
}

/** Repairs of one argument in all steps of an evaluation. */
export interface Repair {
  /** Character offset of the argument. */
  readonly at: number;
  /** Upper bounds of the buckets between which counts fell. */
  readonly lowest: number;
  readonly highest: number;
  /** The largest fall. */
  readonly most: number;
  /** Unix milliseconds. */
  readonly from: number;
  readonly to: number;
  /** As Prometheus counts them. */
  readonly count: bigint;
}

/** The arguments of one call, evaluated when asked for; `i` counts from 0. */
export interface Arguments {
  readonly count: number;
  /** The call's character offset in the query. */
  readonly start: number;
  /** The argument's character offset in the query. */
  position(i: number): number;
  vector(i: number): Promise<readonly StepSeries[]>;
  /** One value a step. */
  scalar(i: number): Promise<Float64Array>;
  text(i: number): Promise<string>;
  range(i: number): Promise<RangeVector>;
  /** The times (unix seconds) of the samples that a selector gives; undefined for any other expression. */
  sampleTimes(i: number): Promise<readonly StepSeries[] | undefined>;
  /** The info series of a call of `info`, and the times (unix seconds) of their samples. */
  infoSeries(): Promise<{ series: readonly StepSeries[]; times: readonly StepSeries[] }>;
  /** The matchers of a selector or range selector; none for any other expression. */
  matchers(i: number): readonly Matcher[];
}

export type Run = (ctx: FunctionContext, args: Arguments) => Promise<Value>;

/** A PromQL function: all that the checker, the planner and the evaluation know of it. */
export interface PromFunction {
  readonly args: readonly ValueType[];
  /** How many of the last arguments may be missing. */
  readonly optional: number;
  /** The last argument may be given any number of times more. */
  readonly repeated: boolean;
  /** How many arguments a call with a repeated one has at most, where there is a bound. */
  readonly most?: number;
  readonly returns: ValueType;
  /** It looks at the time of evaluation itself, whatever its arguments are. */
  readonly timeDependent: boolean;
  /** Null: Prometheus has it, this server does not. */
  readonly run: Run | null;
}

export type Entry = readonly [name: string, definition: PromFunction];

/** An entry of the registry: arguments in order, an instant vector as result unless `more` says otherwise. */
export function define(
  name: string,
  args: readonly ValueType[],
  run: Run | null,
  more: Partial<Omit<PromFunction, 'args' | 'run'>> = {},
): Entry {
  return [
    name,
    { args, optional: 0, repeated: false, returns: 'vector', timeDependent: false, ...more, run },
  ];
}
