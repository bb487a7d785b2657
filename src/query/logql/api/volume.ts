import { QueryError } from '../../../lake/query-error.js';
import { isLabelName } from '../../attributes/label-name.js';
import type { ResultSeries } from '../../series/render.js';
import type { QueryAnswer, QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import { invalid } from '../../server/params.js';
import { streamed } from '../../server/reply.js';
import type { ExecContext } from '../exec/context.js';
import { evaluate } from '../exec/evaluate.js';
import { streamColumns, streamSql } from '../model/columns.js';
import { gridOf, type Steps } from '../plan/steps.js';
import { listed, unlessTooMany } from '../../sql/listing.js';
import { metadataSource } from '../../sql/metadata.js';
import { byteOrder } from '../../text/byte-order.js';
import { parse } from '../syntax/parse.js';
import type { LogExpr, MetricExpr } from '../syntax/ast.js';
import { behindOneAnother, encodeStats, matrixSeries, seriesAnswer } from './encode.js';
import { parseBytes } from '../grammar/units.js';
import { ofStreams, selection, sixHours, whereSql } from './metadata.js';
import { LokiParams } from './params.js';
import { seriesProtobuf, shardsProtobuf, wantsProtobuf } from './protobuf.js';
import type { Plan } from './queries.js';
import { volumeSeries } from './status.js';

/** GET or POST /loki/api/v1/index/stats: counted, not estimated. There are no chunks; the streams stand for them. */
export function indexStats(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const query = selection(params, limits, params.rangeQuery(sixHours));
  return async (ctx) => {
    const streams = await ofStreams(query, streamColumns, ctx);
    const columns = streamColumns.map((name) => `coalesce(${streamSql(name)}, '')`);
    const { maxRows } = limits;
    const rows =
      streams && (await unlessTooMany(listed(ctx.session, { ...streams, columns, weighed: true, maxRows })));
    if (rows) {
      const sum = (of: 'bytes' | 'records') => rows.reduce((all, row) => all + row[of], 0);
      return { streams: rows.length, chunks: rows.length, bytes: sum('bytes'), entries: sum('records') };
    }
    const from = streams
      ? `${await metadataSource(ctx.session, streams.kind, streams.window, true)} WHERE ${streams.where}`
      : `(SELECT *, 1 AS records, coalesce(strlen(body), 0) AS bytes FROM lake.logs) WHERE ${await whereSql(query, ctx)}`;
    const [row] = await ctx.session.rows(
      `SELECT coalesce(sum(records), 0)::DOUBLE AS entries, coalesce(sum(bytes), 0)::DOUBLE AS bytes, ` +
        `approx_count_distinct((${columns.join(', ')}))::DOUBLE AS streams FROM ${from}`,
    );
    return {
      streams: row?.['streams'],
      chunks: row?.['streams'],
      bytes: row?.['bytes'],
      entries: row?.['entries'],
    };
  };
}

/**
 * GET or POST /loki/api/v1/index/shards: how to split a query. One shard, as queries are split here already; its bounds are
 * those of all fingerprints.
 */
export function indexShards(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  params.rangeQuery(sixHours);
  const target = parseBytes(params.text('targetBytesPerShard') ?? '');
  if (target === undefined || target <= 0) {
    throw new QueryError('bad_data', 'targetBytesPerShard must be a positive value');
  }
  parse(params.query);
  const stats = indexStats(request, limits);
  return async (ctx) => {
    const counted = await stats(ctx);
    const spent = encodeStats(ctx.stats, 0, 0);
    if (wantsProtobuf(request)) return shardsProtobuf(counted, spent);
    const shard = `{"bounds":{"min":0,"max":18446744073709551615},"stats":${JSON.stringify(counted)}}`;
    const statistics = JSON.stringify(spent);
    return {
      contentType: 'application/json; charset=utf-8',
      body: `{"shards":[${shard}],"statistics":${statistics},"chunkGroups":null}`,
    };
  };
}

/** Bytes of lines by values of labels, or (`byName`) of the lines that have a label at all. */
interface VolumeQuery {
  /** `sum by (labels) (bytes_over_time(selector[range]))` of a range in nanoseconds. */
  readonly expr: (range: number) => MetricExpr;
  readonly labels: readonly string[];
  readonly byName: boolean;
  readonly limit: number;
}

interface Part {
  readonly expr: MetricExpr;
  readonly steps: Steps;
}

/** What `limit` says of volumes, where 0 is none. */
function volumeLimit(params: LokiParams): number {
  return params.whole('limit', volumeSeries) === 0 ? volumeSeries : params.positive('limit', volumeSeries);
}

function aggregatesByName(params: LokiParams): boolean {
  const by = params.text('aggregateBy') ?? 'series';
  if (by !== 'series' && by !== 'labels') throw new QueryError('bad_data', 'invalid aggregation option');
  return by === 'labels';
}

function volumeQuery(log: LogExpr, params: LokiParams): VolumeQuery {
  const targets = params
    .text('targetLabels')
    ?.split(',')
    .map((name) => name.trim());
  if (targets?.some((name) => !isLabelName(name))) throw invalid('targetLabels', 'it names no label');
  const byName = aggregatesByName(params);
  const matched = [...new Set(log.matchers.map(({ name }) => name))];
  const labels = targets ?? (matched.length > 0 ? matched : byName ? streamColumns : ['service_name']);
  // Windows leave out their start and hold their end; a nanosecond earlier they are `start <= time < end`.
  const bytes = (range: number): MetricExpr => ({
    kind: 'range',
    op: 'bytes_over_time',
    log,
    range,
    offset: 1,
  });
  return {
    expr: (range) => ({
      kind: 'vector',
      op: 'sum',
      expr: bytes(range),
      grouping: { without: false, labels },
    }),
    labels,
    byName,
    limit: volumeLimit(params),
  };
}

/** The largest volumes first, equal ones in the order of their labels. */
async function volumeAnswer(
  resultType: 'vector' | 'matrix',
  query: VolumeQuery,
  parts: readonly Part[],
  request: QueryRequest,
  ctx: ExecContext,
): Promise<QueryAnswer> {
  const found: ResultSeries[] = [];
  for (const { expr, steps } of parts) {
    found.push(...matrixSeries(await evaluate(expr, steps, ctx), gridOf(steps)));
  }
  const series = parts.length > 1 ? behindOneAnother(found) : found;
  const shown = query.byName ? volumesByName(query.labels, series) : series;
  const totals = shown.map((one) => ({ one, total: sum(one.points().values) }));
  totals.sort((a, b) => b.total - a.total);
  const largest = totals.slice(0, query.limit).map(({ one }) => one);
  return wantsProtobuf(request)
    ? seriesProtobuf(resultType, largest)
    : streamed(seriesAnswer(resultType, largest));
}

/** For each label the volume of what has it, whatever its value, which is empty in the answer. */
function volumesByName(names: readonly string[], series: readonly ResultSeries[]) {
  return [...names].sort(byteOrder).flatMap((name) => {
    const having = series.filter(({ labels }) => labels.get(name) !== '');
    if (having.length === 0) return [];
    const volumes = new Map<number, number>();
    for (const one of having) {
      const { times, values } = one.points();
      for (let i = 0; i < times.length; i++) {
        const time = times[i] ?? 0;
        volumes.set(time, (volumes.get(time) ?? 0) + (values[i] ?? 0));
      }
    }
    const times = [...volumes.keys()].sort((a, b) => a - b);
    const points = { times, values: times.map((time) => volumes.get(time) ?? 0) };
    return [{ labels: Object.fromEntries([[name, '']]), points: () => points }];
  });
}

function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((total, value) => total + value, 0);
}

/** GET or POST /loki/api/v1/index/volume: bytes of lines. */
export function indexVolume(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  volumeLimit(params);
  params.direction();
  aggregatesByName(params);
  const { log, from, to } = selection(params, limits);
  const range = Number(to - from);
  if (range === 0) throw invalid('end', 'it must be after "start"');
  const query = volumeQuery(log, params);
  const part = { expr: query.expr(range), steps: { start: to, step: 1, count: 1 } };
  return (ctx) => volumeAnswer('vector', query, [part], request, ctx);
}

/** GET or POST /loki/api/v1/index/volume_range: bytes of lines for each step. */
export function indexVolumeRange(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const range = params.rangeQuery(sixHours, volumeLimit(params));
  aggregatesByName(params);
  const { step } = range;
  const { log, from, to } = selection(params, limits, range);
  const query = volumeQuery(log, params);
  const count = Math.floor(Number(to - from) / step);
  const rest = Number(to - from) - count * step;
  const parts: Part[] = [];
  // A window ends at its step, so the first one is a step after the start; the last one ends with the range.
  if (count > 0) parts.push({ expr: query.expr(step), steps: { start: from + BigInt(step), step, count } });
  if (rest > 0) parts.push({ expr: query.expr(rest), steps: { start: to, step: 1, count: 1 } });
  return (ctx) => volumeAnswer('matrix', query, parts, request, ctx);
}
