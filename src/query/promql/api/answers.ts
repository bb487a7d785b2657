import { QueryError } from '../../../lake/query-error.js';
import type { SeriesRequest } from '../../../lake/session.js';
import type { QueryContext, QueryLimits } from '../../server/guard.js';
import { metricName } from '../../series/labels.js';
import { selectors, type VectorSelector } from '../syntax/ast.js';
import { parseSelector } from '../plan/prepare.js';
import type { Window } from '../plan/times.js';
import { findExemplars } from './exemplars.js';
import { metricMetadata } from './metadata.js';
import type { Params } from '../../server/params.js';
import { readFrom } from '../../server/range.js';
import { jsonOf } from '../../sql/derived.js';
import { truncated, type Answer } from '../../server/reply.js';
import { countOf, limitOf, timeOf } from './parameters.js';
import { parsed } from './query.js';
import { findSeries, firstRequest, labelNames, labelValues, metricNames } from './series.js';

/** How far back labels and series are looked for when the request does not say. */
const defaultRangeMs = 24 * 3_600_000;

export async function seriesAnswer(ctx: QueryContext, params: Params): Promise<Answer> {
  if (params.all('match[]').length === 0) throw new QueryError('bad_data', 'no match[] parameter provided');
  const limit = limitOf(params);
  const window = timeWindow(ctx.limits, params);
  const selectors = matchSelectors(params, 'invalid parameter "match[]": ');
  return limited(await findSeries(ctx, selectors, window), limit);
}

export async function labelsAnswer(ctx: QueryContext, params: Params): Promise<Answer> {
  const limit = limitOf(params);
  const window = timeWindow(ctx.limits, params);
  const { list, complete } = await labelNames(ctx, matchSelectors(params), window);
  return limited(list, limit, complete);
}

export async function labelValuesAnswer(ctx: QueryContext, params: Params, label: string): Promise<Answer> {
  // Prometheus writes a UTF-8 label name into a path as U__ and hexadecimal code points between underscores.
  const decoded = label.startsWith('U__') ? decodeUtf8Name(label) : label;
  if (decoded === '') throw new QueryError('bad_data', 'invalid label name: ""');
  const limit = limitOf(params);
  const window = timeWindow(ctx.limits, params);
  const selectors = matchSelectors(params);
  if (decoded === metricName && selectors.length === 0) return limited(await metricNames(ctx, window), limit);
  const { list, complete } = await labelValues(ctx, selectors, window, decoded);
  return limited(list, limit, complete);
}

export async function metadataAnswer(ctx: QueryContext, params: Params): Promise<Answer> {
  const limits = { metrics: countOf(params, 'limit'), perMetric: countOf(params, 'limit_per_metric') };
  const data = await metricMetadata(
    ctx,
    timeWindow(ctx.limits, params),
    params.text('metric') || undefined,
    limits,
  );
  return { data };
}

/** Undefined for a query without a selector. */
export async function exemplarsAnswer(ctx: QueryContext, params: Params): Promise<Answer | undefined> {
  const window = timeWindow(ctx.limits, params);
  const [start, end] = [timeOf(params, 'start'), timeOf(params, 'end')];
  if (start !== undefined && end !== undefined && end < start)
    throw new QueryError('bad_data', 'end timestamp must not be before start timestamp');
  const expr = parsed(params, ctx.limits);
  if (selectors(expr).length === 0) return undefined;
  return { data: await findExemplars(ctx, expr, window) };
}

/** What a list of series, labels or values asks of the lake first; undefined where its window depends on when it is evaluated, or is refused. */
export function listFirst(params: Params, limits: QueryLimits): SeriesRequest | undefined {
  try {
    const fixed = timeOf(params, 'start') !== undefined && timeOf(params, 'end') !== undefined;
    if (!fixed) return undefined;
    return firstRequest(limits, timeWindow(limits, params), params.all('match[]').length > 0);
  } catch (error) {
    if (error instanceof QueryError) return undefined;
    throw error;
  }
}

/** Lists of more are written anew for each answer. */
const mostInOne = 10_000;

/** `all` is a list that never changes. */
function limited(all: readonly unknown[], limit: number, complete = true): Answer {
  const cut = all.length > limit || !complete;
  if (!cut && all.length <= mostInOne) return { data: all, text: jsonOf(all) };
  return { data: all.slice(0, limit), warnings: cut ? [truncated] : [] };
}

/** `before` stands before what is said of one that is none. */
export function matchSelectors(params: Params, before = '', parse = parseSelector): VectorSelector[] {
  return params.all('match[]').map((source) => {
    try {
      return parse(source);
    } catch (error) {
      if (!(error instanceof QueryError) || error.kind !== 'bad_data') throw error;
      throw new QueryError('bad_data', before + error.message);
    }
  });
}

/** Both ends are included; the later one is the end, as Prometheus minds their order for exemplars alone. */
function timeWindow(limits: QueryLimits, params: Params): Window {
  const start = timeOf(params, 'start');
  const end = timeOf(params, 'end') ?? Math.max(Date.now(), start ?? 0);
  // An end may be far in the future.
  const first = start ?? Math.min(end, Date.now()) - defaultRangeMs;
  const [from, to] = [Math.min(first, end), Math.max(start ?? end, end)];
  return { from: readFrom(from, to, limits) - 1, to };
}

function decodeUtf8Name(name: string): string {
  return name
    .slice(3)
    .replace(/__|_([0-9a-fA-F]{1,6})_/g, (_text, hex?: string) =>
      hex === undefined ? '_' : String.fromCodePoint(Math.min(parseInt(hex, 16), 0x10ffff)),
    );
}
