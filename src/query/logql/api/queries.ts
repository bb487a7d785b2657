import { QueryError } from '../../../lake/query-error.js';
import type { QueryAnswer, QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import { streamed, success } from '../../server/reply.js';
import type { ExecContext } from '../exec/context.js';
import { runLogs, type LogEntry } from '../exec/logs.js';
import { evaluate } from '../exec/evaluate.js';
import { compilePipeline } from '../stages/index.js';
import { gridOf, stepsOf, type Steps } from '../plan/steps.js';
import type { Expr, LogExpr, MetricExpr } from '../syntax/ast.js';
import { format } from '../syntax/format.js';
import { parse } from '../syntax/parse.js';
import type { MetricSeries } from '../../series/render.js';
import { seriesProtobuf, streamsProtobuf, wantsProtobuf } from './protobuf.js';
import type { Stats } from './protobuf-stats.js';
import { encodeStats, instantSeries, matrixSeries, scalarSample, seriesAnswer } from './encode.js';
import { compileMatcher, type Matcher } from '../../series/matchers.js';
import { noMatcher } from '../grammar/tree.js';
import { checkLength, defaultEntries, LokiParams, wantsCategories, type RangeParams } from './params.js';
import { streamsAnswer } from './streams.js';
import { maxEntries } from './status.js';

/** The range of a query where the request tells none. */
export const hour = 3_600_000_000_000n;

/** A request that is checked and can run: gives what becomes JSON, or the answer itself. */
export type Plan = (ctx: ExecContext) => Promise<object>;

/** Refuses a log query that asks for too many entries. */
export function checkEntries(limit: number, { maxRows }: QueryLimits): void {
  const most = Math.min(maxEntries, maxRows);
  if (limit <= most) return;
  throw new QueryError(
    'bad_data',
    `max entries limit per query exceeded, limit > max_entries_limit_per_query (${limit} > ${most})`,
  );
}

/** An absent label does not fulfil it. */
function isSelective(matcher: Matcher): boolean {
  return (matcher.op === '=' || matcher.op === '=~') && !compileMatcher(matcher).matches('');
}

/** Compiles all patterns and templates, so that a query that can't run is refused before it takes a place. */
export function check(expr: Expr): void {
  switch (expr.kind) {
    case 'log':
      if (!expr.matchers.some(isSelective)) throw noMatcher();
      compilePipeline(expr.stages);
      break;
    case 'range':
      check(expr.log);
      break;
    case 'vector':
    case 'label_replace':
      check(expr.expr);
      break;
    case 'binary':
      check(expr.left);
      check(expr.right);
      break;
    default:
  }
}

function statsOf(ctx: ExecContext, begun: number, returned: number): Stats {
  return encodeStats(ctx.stats, (performance.now() - begun) / 1000, returned);
}

/** The answer to a metric query. */
function seriesOrProtobuf(
  request: QueryRequest,
  resultType: 'matrix' | 'vector',
  series: readonly MetricSeries[],
  stats: Stats,
): QueryAnswer {
  return wantsProtobuf(request)
    ? seriesProtobuf(resultType, series, stats)
    : streamed(seriesAnswer(resultType, series, stats));
}

/** The longest range with its offset that is read before `start`. */
function lookback(expr: MetricExpr): number {
  switch (expr.kind) {
    case 'range':
      return expr.range + Math.max(0, expr.offset);
    case 'vector':
    case 'label_replace':
      return lookback(expr.expr);
    case 'binary':
      return Math.max(lookback(expr.left), lookback(expr.right));
    default:
      return 0;
  }
}

function longestRange(expr: MetricExpr): number {
  switch (expr.kind) {
    case 'range':
      return expr.range;
    case 'vector':
    case 'label_replace':
      return longestRange(expr.expr);
    case 'binary':
      return Math.max(longestRange(expr.left), longestRange(expr.right));
    default:
      return 0;
  }
}

function checkLookback(expr: MetricExpr, maxRangeMs: number): void {
  if (lookback(expr) > maxRangeMs * 1e6) {
    throw new QueryError('limit', `a range with its offset is longer than ${maxRangeMs / 3_600_000} h`);
  }
}

export interface LogAnswer {
  readonly entries: readonly LogEntry[];
  readonly stats: Stats;
  readonly forward: boolean;
  readonly limit: number;
}

/** The entries of a log query over a range, with its `stats`. Throws QueryError. */
export function logQuery(
  log: LogExpr,
  range: RangeParams,
  limits: QueryLimits,
): (ctx: ExecContext) => Promise<LogAnswer> {
  const { start, end, limit, interval } = range;
  checkEntries(limit, limits);
  checkLength(range, limits.maxRangeMs);
  const forward = range.direction === 'forward';
  return async (ctx) => {
    const begun = performance.now();
    const query = { log, from: start, to: end, limit, forward };
    const entries = await runLogs({ ...query, ...(interval > 0n && { interval }) }, ctx);
    return { entries, stats: statsOf(ctx, begun, entries.length), forward, limit };
  };
}

/** GET or POST /loki/api/v1/query_range. */
export function queryRange(request: QueryRequest, limits: QueryLimits): Plan {
  const range = new LokiParams(request).rangeQuery(hour);
  const expr = parse(range.query);
  check(expr);
  if (expr.kind === 'log') {
    const run = logQuery(expr, range, limits);
    const categorize = wantsCategories(request);
    return async (ctx) => {
      const answer = await run(ctx);
      return wantsProtobuf(request)
        ? streamsProtobuf({ ...answer, categorize })
        : streamed(streamsAnswer(answer.entries, categorize, answer.stats));
    };
  }
  checkLength(range, limits.maxRangeMs);
  checkLookback(expr, limits.maxRangeMs);
  const steps = stepsOf(range, longestRange(expr));
  return async (ctx) => {
    const begun = performance.now();
    const series = matrixSeries(await evaluate(expr, steps, ctx), gridOf(steps));
    return seriesOrProtobuf(request, 'matrix', series, statsOf(ctx, begun, series.length));
  };
}

/** GET or POST /loki/api/v1/format_query. */
export function formatQuery(request: QueryRequest): Plan {
  const data = format(parse(new LokiParams(request).query));
  return async () => success({ data });
}

/** GET or POST /loki/api/v1/query. */
export function queryInstant(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  params.positive('limit', defaultEntries);
  const time = params.time('time') ?? BigInt(Date.now()) * 1_000_000n;
  params.direction();
  const expr = parse(params.query);
  check(expr);
  if (expr.kind === 'log') {
    throw new QueryError(
      'bad_data',
      'log queries are not supported as an instant query type, please change your query to a range query type',
    );
  }
  checkLookback(expr, limits.maxRangeMs);
  const steps: Steps = { start: time, step: 1, count: 1 };
  const grid = gridOf(steps);
  return async (ctx) => {
    const begun = performance.now();
    const value = await evaluate(expr, steps, ctx);
    if (value.type === 'scalar') {
      const stats = statsOf(ctx, begun, 1);
      if (wantsProtobuf(request)) return seriesProtobuf('scalar', instantSeries(value, grid, true), stats);
      return success({ data: { resultType: 'scalar', result: scalarSample(value.values, grid), stats } });
    }
    const ordered = expr.kind === 'vector' && /^(sort|topk|bottomk|approx_topk)/.test(expr.op);
    const series = instantSeries(value, grid, ordered);
    return seriesOrProtobuf(request, 'vector', series, statsOf(ctx, begun, series.length));
  };
}
