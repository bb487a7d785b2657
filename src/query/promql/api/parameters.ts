import { goQuote } from '../../text/go-quote.js';
import { QueryError } from '../../../lake/query-error.js';
import { invalid, type Params } from '../../server/params.js';

/** A time that may be missing, unix milliseconds; refused in Prometheus' words. Throws QueryError. */
export function timeOf(params: Params, name: string): number | undefined {
  return params.timeMs(name, `invalid time value for '${name}': `);
}

/** The limit of an answer; 0 and a missing one mean none. Refused in Prometheus' words. Throws QueryError. */
export function limitOf(params: Params): number {
  const text = params.text('limit') ?? '0';
  const limit = wholeNumber(text);
  if (limit === undefined) {
    const why = /^[+-]?\d+$/.test(text) ? 'value out of range' : 'invalid syntax';
    throw invalid('limit', `strconv.Atoi: parsing ${goQuote(text.slice(0, 100))}: ${why}`);
  }
  if (limit < 0) throw invalid('limit', 'limit must be non-negative');
  return limit || Infinity;
}

/** A count of metadata: below 0, 0 and a missing one mean no limit. Throws QueryError. */
export function countOf(params: Params, name: string): number {
  const count = wholeNumber(params.text(name) ?? '0');
  if (count === undefined) throw new QueryError('bad_data', `${name} must be a number`);
  return count > 0 ? count : Infinity;
}

function wholeNumber(text: string): number | undefined {
  return /^[+-]?\d{1,18}$/.test(text) ? Number(text) : undefined;
}
