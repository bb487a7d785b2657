import { DurationFault } from '../syntax/durations.js';
import { durationText } from '../syntax/print.js';
import { QueryError } from '../../../lake/query-error.js';
import { invalid } from '../../server/params.js';
import type { Grouping } from '../../series/aggregate.js';
import { gridEnd, type Grid } from '../../series/grid.js';
import type { EvaluationTimes } from '../functions/function.js';
import type { Edges } from './edges.js';
import type { At, Duration, DurationScope, Modifiers } from '../syntax/ast.js';

export interface QueryTimes extends EvaluationTimes {
  /** How far back an instant vector looks for a sample, milliseconds. */
  readonly lookback: number;
}

/** The samples a selector needs: after `from`, up to and including `to` (unix milliseconds). */
export interface Window {
  readonly from: number;
  readonly to: number;
  /** Absent where more than that matters. */
  readonly edges?: Edges;
  /** Increments are only asked for as their sums in these groups. */
  readonly sums?: Grouping;
}

export const defaultSubqueryStep = 60_000;

export function gridOf(times: QueryTimes): Grid {
  const { start, end, step } = times;
  return step === 0
    ? { start, step: 1, count: 1 }
    : { start, step, count: Math.floor((end - start) / step) + 1 };
}

function scopeOf(times: QueryTimes): DurationScope {
  return { step: times.step / 1000, range: (times.end - times.start) / 1000 };
}

/** Most seconds of a duration in Prometheus: nanoseconds of 64 bits. */
const mostSeconds = 2 ** 63 / 1e9;

/** What is less than a millisecond is cut off. Throws QueryError in Prometheus' words. */
function milliseconds({ tree, seconds }: Duration, times: QueryTimes, negative: boolean): number {
  if (tree.kind === 'literal') return Math.trunc(Math.round(tree.seconds * 1e9) / 1e6);
  const value = evaluated(() => seconds(scopeOf(times)));
  const fail = (why: string) => {
    throw invalid('query', `${tree.from}:${tree.to}: duration ${why}`);
  };
  if (!Number.isFinite(value)) fail('is NaN or infinite');
  if (value <= 0 && !negative) fail('must be greater than 0');
  if (Math.abs(value) > mostSeconds) fail('is out of range');
  return Math.trunc(value * 1000);
}

function evaluated(seconds: () => number): number {
  try {
    return seconds();
  } catch (error) {
    throw error instanceof DurationFault ? invalid('query', error.message) : error;
  }
}

/** A range or a resolution, in milliseconds; it has to be positive. */
export function positiveMs(duration: Duration, times: QueryTimes): number {
  const ms = milliseconds(duration, times, false);
  if (ms > 0 && ms <= 1e15) return ms;
  throw new QueryError(
    'bad_data',
    `duration must be greater than 0 and in bounds: ${durationText(duration)}`,
  );
}

function offsetMs(modifiers: Modifiers, times: QueryTimes): number {
  if (!modifiers.offset) return 0;
  const ms = milliseconds(modifiers.offset, times, true);
  // Go's whole number of NaN is its least one.
  if (Number.isNaN(ms)) return -Math.trunc(mostSeconds * 1000);
  if (Math.abs(ms) <= 1e15) return ms;
  throw new QueryError('bad_data', `offset out of bounds: ${durationText(modifiers.offset)}`);
}

function atMs(at: At, times: QueryTimes): number {
  return at === 'start' ? times.start : at === 'end' ? times.end : at;
}

/** Times at which a selector or subquery looks, when evaluated on `grid`: shifted by its offset, or fixed by its @. */
export function shifted(modifiers: Modifiers, grid: Grid, times: QueryTimes): Grid {
  const offset = offsetMs(modifiers, times);
  if (modifiers.at === undefined) return { ...grid, start: grid.start - offset };
  return { start: atMs(modifiers.at, times) - offset, step: 0, count: grid.count };
}

/** The steps of a subquery: multiples of its resolution within its range, over all outer steps. */
export function subqueryGrid(outer: Grid, rangeMs: number, step: number): Grid {
  const start = (Math.floor((outer.start - rangeMs) / step) + 1) * step;
  return { start, step, count: Math.max(0, Math.floor((gridEnd(outer) - start) / step) + 1) };
}
