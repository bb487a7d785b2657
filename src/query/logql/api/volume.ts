import { QueryError } from '../../../lake/query-error.js';
import type { QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import { evaluate } from '../exec/evaluate.js';
import { streamColumns, streamSql } from '../model/columns.js';
import type { LogExpr, MetricExpr } from '../syntax/ast.js';
import { gridOf, type Steps } from '../plan/steps.js';
import { instantSeries, matrixSeries, seriesAnswer } from './encode.js';
import { selection, streamSource } from './metadata.js';
import { invalid as invalidParameter } from '../../server/params.js';
import { streamed } from '../../server/reply.js';
import { LokiParams } from './params.js';
import type { Plan } from './queries.js';
import { volumeSeries } from './status.js';

/** GET or POST /loki/api/v1/index/stats: counted, not estimated. There are no chunks; the streams stand for them. */
export function indexStats(request: QueryRequest, limits: QueryLimits): Plan {
  const query = selection(new LokiParams(request), limits);
  return async (ctx) => {
    const stream = streamColumns.map((name) => `coalesce(${streamSql(name)}, '')`).join(', ');
    const { from, where } = await streamSource(query, streamColumns, ctx, true);
    const [row] = await ctx.session.rows(
      `SELECT coalesce(sum(records), 0)::DOUBLE AS entries, coalesce(sum(bytes), 0)::DOUBLE AS bytes, ` +
        `approx_count_distinct((${stream}))::DOUBLE AS streams FROM ${from} WHERE ${where}`,
    );
    return {
      streams: row?.['streams'],
      chunks: row?.['streams'],
      bytes: row?.['bytes'],
      entries: row?.['entries'],
    };
  };
}

/** `sum by (labels) (bytes_over_time(selector[range]))`. */
function volumeExpr(log: LogExpr, params: LokiParams, range: number): { expr: MetricExpr; limit: number } {
  const targets = params
    .text('targetLabels')
    ?.split(',')
    .map((name) => name.trim());
  const invalid = targets?.find((name) => !/^[a-zA-Z_]\w*$/.test(name));
  if (invalid !== undefined) throw invalidParameter('targetLabels', 'it names no label');
  const matched = [...new Set(log.matchers.map(({ name }) => name))];
  const labels = targets ?? (matched.length > 0 ? matched : ['service_name']);
  // Windows leave out their start and hold their end; a nanosecond earlier they are `start <= time < end`.
  const bytes: MetricExpr = { kind: 'range', op: 'bytes_over_time', log, range, offset: 1 };
  return {
    expr: { kind: 'vector', op: 'sum', expr: bytes, grouping: { without: false, labels } },
    limit: params.integer('limit', volumeSeries),
  };
}

/** GET or POST /loki/api/v1/index/volume: bytes of lines, the largest first. */
export function indexVolume(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const { log, from, to } = selection(params, limits);
  const range = Number(to - from);
  if (range === 0) throw invalidParameter('end', 'it must be after "start"');
  const { expr, limit } = volumeExpr(log, params, range);
  const steps: Steps = { start: to, step: 1, count: 1 };
  return async (ctx) => {
    const sorted: MetricExpr = { kind: 'vector', op: 'sort_desc', expr };
    const series = instantSeries(await evaluate(sorted, steps, ctx), gridOf(steps), true);
    return streamed(seriesAnswer('vector', series.slice(0, limit)));
  };
}

/** GET or POST /loki/api/v1/index/volume_range: bytes of lines for each step. */
export function indexVolumeRange(request: QueryRequest, limits: QueryLimits): Plan {
  const params = new LokiParams(request);
  const { log, from, to } = selection(params, limits);
  const step = params.step(from, to);
  const { expr, limit } = volumeExpr(log, params, step);
  const count = Math.ceil(Number(to - from) / step);
  if (count > 11_000) throw new QueryError('bad_data', `the query has ${count} steps, at most 11000`);
  // A window ends at its step, so the first one is a step after the start.
  const steps: Steps = { start: from + BigInt(step), step, count: Math.max(1, count) };
  return async (ctx) => {
    const series = matrixSeries(await evaluate(expr, steps, ctx), gridOf(steps)).map((one) => ({
      one,
      total: Array.from(one.points().values).reduce((sum, value) => sum + value, 0),
    }));
    series.sort((a, b) => b.total - a.total);
    return streamed(
      seriesAnswer(
        'matrix',
        series.slice(0, limit).map(({ one }) => one),
      ),
    );
  };
}
