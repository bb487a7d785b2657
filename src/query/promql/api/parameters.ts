import { formatGoDuration } from '../../text/durations.js';
import { goInteger } from '../../text/go-integers.js';
import { QueryError } from '../../../lake/query-error.js';
import { invalid, type Params } from '../../server/params.js';

/** A time that may be missing, unix milliseconds; refused in Prometheus' words. Throws QueryError. */
export function timeOf(params: Params, name: string): number | undefined {
  return params.timeMs(name, `invalid time value for '${name}': `);
}

/** The limit of an answer; 0 and a missing one mean none. Refused in Prometheus' words. Throws QueryError. */
export function limitOf(params: Params): number {
  const limit = goInteger(params.text('limit') ?? '0', 'Atoi');
  if (typeof limit === 'object') throw invalid('limit', limit.fault);
  if (limit < 0n) throw invalid('limit', 'limit must be non-negative');
  return Number(limit) || Infinity;
}

/** A count of metadata: below 0, 0 and a missing one mean no limit. Throws QueryError. */
export function countOf(params: Params, name: string): number {
  const count = goInteger(params.text(name) ?? '0', 'Atoi');
  if (typeof count === 'object') throw new QueryError('bad_data', `${name} must be a number`);
  return count > 0n ? Number(count) : Infinity;
}

/** The milliseconds that a query may take by its client's own wish. Throws QueryError. */
export function timeoutOf(params: Params): number | undefined {
  const ms = params.durationMs('timeout');
  if (ms === undefined || ms > 0) return ms;
  throw invalid('timeout', `timeout must be positive, got ${formatGoDuration(ms * 1e6)}`);
}
