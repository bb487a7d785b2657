import { QueryError } from '../../../lake/query-error.js';
import { goQuote } from '../../text/go-quote.js';
import { parseWrittenDuration } from './units.js';

/** Nanoseconds of a duration in a query. Throws QueryError. */
export function durationLiteral(text: string): number {
  const value = parseWrittenDuration(text);
  if (value === undefined) throw new QueryError('bad_data', `parse error: ${text} is not a duration`);
  return value;
}

/** A number that is a part of its own, `what` to Loki. Throws QueryError where 64 bits don't hold it. */
export function boundedLiteral(text: string, what: string): number {
  const value = numberLiteral(text);
  if (Number.isFinite(value)) return value;
  const digits = goQuote(text.replace(/^[+-]\s*/, '').slice(0, 100));
  const why = `strconv.ParseFloat: parsing ${digits}: value out of range`;
  throw new QueryError('bad_data', `parse error : unable to parse ${what} as a float: ${why}`);
}

/** A number in a query, whose sign may stand apart. Throws QueryError. */
export function numberLiteral(text: string): number {
  const value = Number(text.replaceAll(/\s/g, ''));
  if (Number.isNaN(value)) throw new QueryError('bad_data', `parse error: ${text} is not a number`);
  return value;
}
