import { atSteps, renderSeries, type ResultSeries, type SeriesForm } from '../../series/render.js';
import type { QueryContext } from '../../server/guard.js';
import type { Exemplar, MetricSeries } from '../exec/metric-series.js';
import { metricsQuery } from '../exec/metrics.js';
import type { Label, MetricsOptions } from '../exec/metrics-options.js';
import { toAnyValue } from '../model/value.js';
import type { MetricsQuery } from '../syntax/ast.js';
import { blockMetrics, type SearchMetrics } from './blocks.js';
import {
  instantProtobuf,
  rangeProtobuf,
  type ExemplarMessage,
  type KeyValueJson,
  type SeriesMessage,
} from './answers-protobuf.js';

type TempoSeries = MetricSeries & Pick<ResultSeries, 'points'>;

/** Labels that a function gives its series, and no field of a span. */
const ownLabels: ReadonlySet<string> = new Set(['__name__', '__bucket', '__meta_type', 'p']);

/** The same as one message of Tempo's: QueryRangeResponse or QueryInstantResponse. */
export async function metricsMessage(
  ctx: QueryContext,
  query: MetricsQuery,
  options: MetricsOptions,
): Promise<Uint8Array> {
  const { series, grid, spans } = await metricsQuery(ctx, query, options);
  const metrics = await inspected(ctx, options, spans);
  const answers = series.map((one): SeriesMessage => {
    const { times, values } = atSteps(one, grid).points();
    const shown = options.instant ? [] : exemplars(one, options);
    return { labels: one.shown.map(attribute), times, values, exemplars: shown };
  });
  return options.instant ? instantProtobuf(answers, metrics) : rangeProtobuf(answers, metrics);
}

/** Evaluates a metrics query; the body of the answer comes in pieces. Throws QueryError. */
export async function metricsAnswer(
  ctx: QueryContext,
  query: MetricsQuery,
  options: MetricsOptions,
): Promise<AsyncIterable<string>> {
  const { series, grid, spans } = await metricsQuery(ctx, query, options);
  return body(
    series.map((one) => ({ ...one, points: atSteps(one, grid).points })),
    await inspected(ctx, options, spans),
    options,
  );
}

/** All files that have spans of the range are looked into. */
async function inspected(
  ctx: QueryContext,
  { range }: MetricsOptions,
  spans: number,
): Promise<SearchMetrics> {
  return { ...(await blockMetrics(ctx, range, range)), inspectedSpans: String(spans) };
}

async function* body(
  series: readonly TempoSeries[],
  metrics: SearchMetrics,
  options: MetricsOptions,
): AsyncGenerator<string> {
  yield '{"series":';
  yield* renderSeries(series, form(options));
  yield `,"metrics":${JSON.stringify(metrics)}}`;
}

/** How Tempo writes series: JSON text of labels, samples and exemplars. */
function form(options: MetricsOptions): SeriesForm<TempoSeries> {
  const { instant } = options;
  return {
    head: ({ shown }) => `"labels":${JSON.stringify(shown.map(attribute))}`,
    list: 'samples',
    before: (ms) => (instant ? '' : `{"timestampMs":"${Math.floor(ms)}","value":`),
    value: (value) => JSON.stringify(instant && Number.isNaN(value) ? 0 : value),
    behind: instant ? '' : '}',
    ...(instant && { single: 'value' }),
    tail: (series) => {
      const shown = instant ? [] : exemplars(series, options);
      return shown.length > 0 ? `,"exemplars":${JSON.stringify(shown)}` : '';
    },
  };
}

/** Of all those of a series some, evenly spread, in the order of their times. */
function exemplars(series: MetricSeries, { range, exemplars: most }: MetricsOptions): ExemplarMessage[] {
  const { shown, values, present } = series;
  const all = [...series.exemplars].sort(byTime);
  const stride = Math.max(1, all.length / Math.max(1, most));
  const out: ExemplarMessage[] = [];
  const group = shown.filter(([name, { type }]) => !ownLabels.has(name) && type !== 'nil').map(attribute);
  for (let i = 0; out.length < most && Math.floor(i) < all.length; i += stride) {
    const exemplar = all[Math.floor(i)];
    if (!exemplar) break;
    const interval = Number((exemplar.time - range.start) / range.step);
    if (!present[interval]) continue;
    out.push({
      labels: [...group, { key: 'trace:id', value: { stringValue: exemplar.traceId } }],
      value: exemplar.value ?? values[interval] ?? 0,
      timestampMs: String(exemplar.time / 1_000_000n),
    });
  }
  return out;
}

function byTime(a: Exemplar, b: Exemplar): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  return a.traceId < b.traceId ? -1 : a.traceId > b.traceId ? 1 : 0;
}

function attribute([key, value]: Label): KeyValueJson {
  return { key, value: toAnyValue(value) };
}
