import { allOf, exactly, type Fragment } from '../../sql/fragment.js';
import { literal } from '../../sql/literal.js';
import { sourcePredicate } from './discover.js';
import type { SampleRequest } from './request.js';
import type { Stream } from './streams.js';

/** OTLP data point flag "no recorded value": the series ends here. */
export const stale = '(coalesce(flags, 0) & 1) = 1';

/** The rows of the streams with these ids, `wanted` of all that were found. */
export function rowPredicate(
  request: SampleRequest,
  streams: readonly Stream[],
  wanted: number,
  present: Fragment,
  ids: Iterable<number>,
): Fragment {
  const rest = request.rest === undefined ? [] : [exactly(request.rest)];
  const rows = allOf([sourcePredicate(request.source, request.matchers, request.window), ...rest, present]);
  if (wanted === streams.length) return rows;
  // One text to cast: a long list of numbers would be slow to parse.
  const list = literal(`[${[...ids].join(',')}]`);
  return allOf([rows, exactly(`${request.id} IN (SELECT unnest(CAST(${list} AS DOUBLE[])))`)]);
}
