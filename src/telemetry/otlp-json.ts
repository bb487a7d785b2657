/** Own metrics and spans as OTLP JSON (opentelemetry-proto v1, JSON Protobuf encoding). */
import { randomBytes } from 'node:crypto';
import type { Registry } from 'prom-client';
import type { OwnSpan, SpanAttributes } from './tracer.js';

type Labels = Readonly<Record<string, string | number>>;

interface Sample {
  readonly value: number;
  readonly labels: Labels;
  readonly metricName?: string;
}

interface PromMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Sample[];
}

const cumulative = 2;

function attributes(values: SpanAttributes | Labels) {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value:
      typeof value === 'boolean'
        ? { boolValue: value }
        : typeof value === 'string'
          ? { stringValue: value }
          : Number.isInteger(value)
            ? { intValue: String(value) }
            : { doubleValue: value },
  }));
}

function labelAttributes(labels: Labels) {
  return Object.entries(labels).map(([key, value]) => ({ key, value: { stringValue: String(value) } }));
}

/** Nanoseconds as decimal digits, exact for microseconds. */
function nanos(ms: number): string {
  return (BigInt(Math.round(ms * 1000)) * 1000n).toString();
}

export interface Identity {
  readonly version: string;
  readonly instanceId: string;
}

function resource(identity: Identity) {
  return {
    attributes: attributes({
      'service.name': 'canardstack',
      'service.version': identity.version,
      'service.instance.id': identity.instanceId,
    }),
  };
}

const scope = { name: 'canardstack' };

interface Times {
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
}

/** Prometheus gives cumulative buckets under `le`; OTLP wants each bucket's own count. */
function histogramPoints(metric: PromMetric, times: Times) {
  const series = new Map<
    string,
    { labels: Labels; sum: number; count: number; buckets: [number, number][] }
  >();
  for (const { labels, value, metricName } of metric.values) {
    const { le, ...rest } = labels;
    const key = JSON.stringify(Object.entries(rest).sort());
    const entry = series.get(key) ?? { labels: rest, sum: 0, count: 0, buckets: [] };
    series.set(key, entry);
    if (metricName?.endsWith('_sum')) entry.sum = value;
    else if (metricName?.endsWith('_count')) entry.count = value;
    else if (le !== undefined) entry.buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
  }
  return [...series.values()].map((entry) => {
    const buckets = entry.buckets.sort(([a], [b]) => a - b);
    return {
      ...times,
      attributes: labelAttributes(entry.labels),
      count: String(entry.count),
      sum: entry.sum,
      explicitBounds: buckets.map(([bound]) => bound).filter(Number.isFinite),
      bucketCounts: buckets.map(([, total], i) => String(total - (buckets[i - 1]?.[1] ?? 0))),
    };
  });
}

function summaryPoints(metric: PromMetric, times: Times) {
  return metric.values
    .filter(({ labels }) => labels['quantile'] !== undefined)
    .map(({ labels: { quantile, ...rest }, value }) => ({
      ...times,
      attributes: labelAttributes(rest),
      quantileValues: [{ quantile: Number(quantile), value }],
    }));
}

function metricData(metric: PromMetric, times: Times) {
  const points = () =>
    metric.values
      .filter(({ value }) => Number.isFinite(value))
      .map(({ labels, value }) => ({ ...times, attributes: labelAttributes(labels), asDouble: value }));
  switch (metric.type) {
    case 'counter':
      return { sum: { aggregationTemporality: cumulative, isMonotonic: true, dataPoints: points() } };
    case 'histogram':
      return {
        histogram: { aggregationTemporality: cumulative, dataPoints: histogramPoints(metric, times) },
      };
    case 'summary':
      return { summary: { dataPoints: summaryPoints(metric, times) } };
    default:
      return { gauge: { dataPoints: points() } };
  }
}

/** An ExportMetricsServiceRequest with everything in the registry; counters count from `startMs`. */
export async function metricsRequest(registry: Registry, identity: Identity, startMs: number) {
  const times = { startTimeUnixNano: nanos(startMs), timeUnixNano: nanos(Date.now()) };
  const metrics = (await registry.getMetricsAsJSON()) as unknown as PromMetric[];
  return {
    resourceMetrics: [
      {
        resource: resource(identity),
        scopeMetrics: [
          {
            scope,
            metrics: metrics
              .filter((metric) => metric.values.length > 0)
              .map((metric) => ({
                // The receiver's Prometheus view adds `_total` to monotonic sums again.
                name: metric.type === 'counter' ? metric.name.replace(/_total$/, '') : metric.name,
                description: metric.help,
                ...metricData(metric, times),
              })),
          },
        ],
      },
    ],
  };
}

/** An ExportTraceServiceRequest; each span is a trace of its own. */
export function spansRequest(spans: readonly OwnSpan[], identity: Identity) {
  return {
    resourceSpans: [
      {
        resource: resource(identity),
        scopeSpans: [
          {
            scope,
            spans: spans.map((span) => ({
              traceId: randomBytes(16).toString('hex'),
              spanId: randomBytes(8).toString('hex'),
              name: span.name,
              kind: 1,
              startTimeUnixNano: nanos(span.startMs),
              endTimeUnixNano: nanos(span.endMs),
              attributes: attributes(span.attributes ?? {}),
              status: span.error === undefined ? {} : { code: 2, message: span.error },
            })),
          },
        ],
      },
    ],
  };
}
