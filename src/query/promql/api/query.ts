import { QueryError } from '../../../lake/query-error.js';
import type { Expr } from '../syntax/ast.js';
import { parse } from '../plan/prepare.js';
import { print } from '../syntax/print.js';
import type { QueryTimes } from '../plan/times.js';
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

export function instantQuery(params: Params): PreparedQuery {
  const at = params.timeMs('time') ?? Date.now();
  return prepared(params, { start: at, end: at, step: 0, lookback: lookback(params) });
}

export function rangeQuery(params: Params): PreparedQuery {
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
  return prepared(params, { start, end, step, lookback: lookback(params) });
}

function prepared(params: Params, times: QueryTimes): PreparedQuery {
  return { expr: expression(params), times, source: params.required('query') };
}

/** The query of the request in canonical form. */
export function formatted(params: Params): string {
  return print(expression(params));
}

export function expression(params: Params): Expr {
  const source = params.required('query');
  try {
    return parse(source);
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
