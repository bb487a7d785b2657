import { QueryError } from '../../../lake/query-error.js';
import type { Expr } from '../syntax/ast.js';
import { parse } from '../plan/prepare.js';
import { pretty } from '../syntax/print.js';
import type { QueryTimes } from '../plan/times.js';
import type { QueryLimits } from '../../server/guard.js';
import { invalid, type Params } from '../../server/params.js';

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
  const at = params.timeMs('time') ?? Date.now();
  return prepared(params, limits, { start: at, end: at, step: 0, lookback: lookback(params) });
}

export function rangeQuery(params: Params, limits: QueryLimits): PreparedQuery {
  params.required('start');
  params.required('end');
  params.required('step');
  const [start = 0, end = 0, step = 0] = [
    params.timeMs('start'),
    params.timeMs('end'),
    params.durationMs('step'),
  ];
  if (end < start) throw invalid('end', 'end timestamp must not be before start time');
  if (step <= 0) throw invalid('step', 'zero or negative query resolution step widths are not accepted');
  if (Math.floor((end - start) / step) > mostSteps) {
    throw new QueryError(
      'bad_data',
      `exceeded maximum resolution of ${mostSteps} points per timeseries; take a longer step (?step=XX)`,
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

export function expression(params: Params, limits: QueryLimits): Expr {
  const source = params.text('query') ?? '';
  try {
    return parse(source, limits.promqlExperimental);
  } catch (error) {
    if (error instanceof QueryError && error.kind === 'bad_data') throw invalid('query', error.message);
    throw error;
  }
}

function lookback(params: Params): number {
  const delta = params.durationMs('lookback_delta') ?? defaultLookback;
  if (delta <= 0) throw invalid('lookback_delta', 'it must be greater than 0');
  return delta;
}
