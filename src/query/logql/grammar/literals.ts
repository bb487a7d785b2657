import { QueryError } from '../../../lake/query-error.js';
import { parseDuration } from './units.js';

/** Nanoseconds of a duration in a query. Throws QueryError. */
export function durationLiteral(text: string): number {
  const value = parseDuration(text);
  if (value === undefined) throw new QueryError('bad_data', `parse error: ${text} is not a duration`);
  return value;
}

/** A number in a query, whose sign may stand apart. Throws QueryError. */
export function numberLiteral(text: string): number {
  const value = Number(text.replaceAll(/\s/g, ''));
  if (Number.isNaN(value)) throw new QueryError('bad_data', `parse error: ${text} is not a number`);
  return value;
}
