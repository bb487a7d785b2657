import { QueryError } from '../../../lake/query-error.js';
import type { QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import { arrivals, lastRow, type Arrivals } from '../exec/arrivals.js';
import { runLogs, type LogEntry } from '../exec/logs.js';
import type { Category } from '../model/labels.js';
import { parseLog } from '../syntax/parse.js';
import { checkLength, defaultEntries, LokiParams } from './params.js';
import { check, checkEntries, type Plan } from './queries.js';

/** The endpoint of a step of a tail, which has no path of its own. */
export const tailStep = 'tail step';

const second = 1_000_000_000n;
/** Records that come later than this after their time are not shown by a tail. */
const lateness = 300n * second;
/** Records may be ahead of this server's clock. */
const ahead = 86_400n * second;
const arrivalsAtOnce = 1000;

interface WireArrivals {
  readonly last: string;
  readonly more: boolean;
  readonly entries: readonly (readonly [
    time: string,
    line: string,
    labels: readonly [string, string, Category][],
  ])[];
}

/**
 * One step of a tail (`query`, `limit`, `start`): without `after` the last entries before now, in the order of time; with
 * it what has been committed since that row. Asked by the server itself, as `tailArrivals` reads it.
 */
export function tailEntries(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const log = parseLog(params.query);
  check(log);
  const limit = params.positive('limit', defaultEntries);
  const range = params.range(3600n * second);
  checkEntries(limit, limits);
  checkLength(range, limits.maxRangeMs);
  const { start, end } = range;
  const after = params.text('after');
  return async (ctx) => {
    const [from, to] = [end - lateness, end + ahead];
    if (after !== undefined) {
      return wire(await arrivals({ log, from, to, after: BigInt(after), limit: arrivalsAtOnce }, ctx));
    }
    // Read first: what is committed meanwhile comes twice rather than never.
    const last = await lastRow(from, to, ctx);
    const found = await runLogs(
      { log, from: start, to: to < start ? start : to, limit, forward: false },
      ctx,
    );
    return wire({ entries: found.reverse(), last, more: false });
  };
}

function wire({ entries, last, more }: Arrivals): WireArrivals {
  return {
    last: String(last),
    more,
    entries: entries.map(({ timeNs, line, labels }) => [
      String(timeNs),
      line,
      labels.map(([name, value, category]) => [name, value, category]),
    ]),
  };
}

/** Reads what `tailEntries` answered. */
export function tailArrivals(body: string): Arrivals {
  const { last, more, entries } = JSON.parse(body) as WireArrivals;
  return {
    last: BigInt(last),
    more,
    entries: entries.map(([time, line, labels]): LogEntry => ({ timeNs: BigInt(time), line, labels })),
  };
}

const maxDelay = 5;

/** `delay_for`, which is seconds. Throws QueryError. */
export function tailDelayMs(request: Pick<QueryRequest, 'url' | 'body'>): number {
  const delay = new LokiParams(request).whole('delay_for', 0);
  if (delay < 0 || delay > maxDelay) {
    throw new QueryError('bad_data', `delay_for can't be greater than ${maxDelay}`);
  }
  return delay * 1000;
}
