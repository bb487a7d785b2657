import { QueryError } from '../../../lake/query-error.js';
import type { Expr } from '../syntax/ast.js';
import { parse } from '../plan/prepare.js';
import { pretty } from '../syntax/print.js';
import type { QueryTimes } from '../plan/times.js';
import type { QueryLimits } from '../../server/guard.js';
import { invalid, type Params } from '../../server/params.js';
import { timeOf } from './parameters.js';

export interface PreparedQuery {
  readonly expr: Expr;
  readonly times: QueryTimes;
  /** The query's text. */
  readonly source: string;
}

/** Most steps of a range query, as Prometheus allows. */
const mostSteps = 11_000;
const defaultLookback = 5 * 60_000;

export function instantQuery(params: Params, limits: QueryLimits): PreparedQuery {
  const at = timeOf(params, 'time') ?? Date.now();
  return prepared(params, limits, { start: at, end: at, step: 0, lookback: lookback(params) });
}

export function rangeQuery(params: Params, limits: QueryLimits): PreparedQuery {
  const missing = (name: string, what: string) => invalid(name, `cannot parse "" to a valid ${what}`);
  const start = params.timeMs('start');
  if (start === undefined) throw missing('start', 'timestamp');
  const end = params.timeMs('end');
  if (end === undefined) throw missing('end', 'timestamp');
  if (end < start) throw invalid('end', 'end timestamp must not be before start time');
  const step = params.durationMs('step');
  if (step === undefined) throw missing('step', 'duration');
  if (step <= 0) {
    throw invalid(
      'step',
      'zero or negative query resolution step widths are not accepted. Try a positive integer',
    );
  }
  if (Math.floor((end - start) / step) > mostSteps) {
    throw new QueryError(
      'bad_data',
      `exceeded maximum resolution of ${mostSteps.toLocaleString('en')} points per timeseries. Try decreasing the query resolution (?step=XX)`,
    );
  }
  return prepared(params, limits, { start, end, step, lookback: lookback(params) });
}

function prepared(params: Params, limits: QueryLimits, times: QueryTimes): PreparedQuery {
  return { expr: expression(params, limits), times, source: params.text('query') ?? '' };
}

/** The query of the request in canonical form. */
export function formatted(params: Params, limits: QueryLimits): string {
  return pretty(expression(params, limits));
}

export function parsed(params: Params, limits: QueryLimits): Expr {
  return parse(params.text('query') ?? '', limits.promqlExperimental);
}

export function expression(params: Params, limits: QueryLimits): Expr {
  try {
    return parsed(params, limits);
  } catch (error) {
    if (error instanceof QueryError && error.kind === 'bad_data') throw invalid('query', error.message);
    throw error;
  }
}

function lookback(params: Params): number {
  try {
    const delta = params.durationMs('lookback_delta') ?? 0;
    return delta > 0 ? delta : defaultLookback;
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    const why = error.message.replace(/^invalid parameter "lookback_delta": /, '');
    throw new QueryError('bad_data', `error parsing lookback delta duration: ${why}`);
  }
}
