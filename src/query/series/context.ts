import { QueryError } from '../../lake/query-error.js';
import type { Grid } from './grid.js';
import type { Yielder } from './yielder.js';

/** What every step of an evaluation needs, in any language. */
export interface SeriesContext {
  readonly grid: Grid;
  readonly yielder: Yielder;
  /** Most values (series times steps) that one node may hold. */
  readonly maxValues: number;
  /** Told to the client with the answer, where its API has a place for them. */
  readonly notes: Notes;
}

/** Remarks about a query; `at` is the character offset of what they are about. */
export interface Notes {
  warn(text: string, at: number): void;
  info(text: string, at: number): void;
}

/** For languages whose answers have no place for remarks. */
export const noNotes: Notes = { warn: () => undefined, info: () => undefined };

/** Refuses a node whose result would not fit into the query's memory. Throws QueryError `limit`. */
export function checkSize(ctx: Pick<SeriesContext, 'grid' | 'maxValues'>, series: number): void {
  checkValues(ctx, series * ctx.grid.count);
}

/** The same for values that are counted. Throws QueryError `limit`. */
export function checkValues(ctx: Pick<SeriesContext, 'maxValues'>, values: number): void {
  if (values > ctx.maxValues) {
    throw new QueryError(
      'limit',
      `the query computes more than ${ctx.maxValues} values at once; select fewer series or take a longer step`,
    );
  }
}

/** Refuses more series than an answer or a selector may have. Throws QueryError `limit`. */
export function checkSeries(series: number, maxSeries: number): void {
  if (series > maxSeries) {
    throw new QueryError('limit', `the query selects more than ${maxSeries} series; narrow its selectors`);
  }
}

/** The query is right, but not for the data that it met (several series match, a parameter out of bounds). */
export function evaluationError(message: string): QueryError {
  return new QueryError('execution', message);
}
