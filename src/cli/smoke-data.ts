/** One of everything as OTLP JSON (opentelemetry-proto v1), recognisable by a name of its own. */
import { randomBytes } from 'node:crypto';

export interface SmokeData {
  readonly service: string;
  /** Prefix of the metric names. */
  readonly metric: string;
  readonly traceId: string;
  readonly requests: readonly { readonly path: string; readonly body: unknown }[];
  /** Rows that each table holds once all requests are visible. */
  readonly rows: Readonly<Record<string, number>>;
}

export const smokeValues = { gauge: 21.5, counter: 7, histogramCount: 4, summaryCount: 3 } as const;

export function smokeData(id = randomBytes(4).toString('hex'), nowMs = Date.now()): SmokeData {
  const service = `smoke-${id}`;
  const metric = `smoke_${id}`;
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  const now = BigInt(nowMs) * 1_000_000n;
  const at = (offsetMs: number) => (now + BigInt(offsetMs) * 1_000_000n).toString();
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
  const scope = { name: 'canardstack.smoke' };
  const times = { startTimeUnixNano: at(-60_000), timeUnixNano: at(0) };
  const cumulative = 2;
  const metrics = [
    {
      name: `${metric}_gauge`,
      gauge: { dataPoints: [{ timeUnixNano: at(0), asDouble: smokeValues.gauge }] },
    },
    {
      name: `${metric}_counter`,
      sum: {
        aggregationTemporality: cumulative,
        isMonotonic: true,
        dataPoints: [{ ...times, asInt: `${smokeValues.counter}` }],
      },
    },
    {
      name: `${metric}_histogram`,
      histogram: {
        aggregationTemporality: cumulative,
        dataPoints: [
          {
            ...times,
            count: `${smokeValues.histogramCount}`,
            sum: 26.5,
            explicitBounds: [1, 5, 10],
            bucketCounts: ['1', '2', '0', '1'],
          },
        ],
      },
    },
    {
      name: `${metric}_exponential`,
      exponentialHistogram: {
        aggregationTemporality: cumulative,
        dataPoints: [
          {
            ...times,
            count: '3',
            sum: 7,
            scale: 0,
            zeroCount: '0',
            positive: { offset: 0, bucketCounts: ['2', '1'] },
          },
        ],
      },
    },
    {
      name: `${metric}_summary`,
      summary: {
        dataPoints: [
          {
            ...times,
            count: `${smokeValues.summaryCount}`,
            sum: 6,
            quantileValues: [{ quantile: 0.5, value: 2 }],
          },
        ],
      },
    },
  ];
  const log = {
    timeUnixNano: at(0),
    observedTimeUnixNano: at(0),
    severityNumber: 9,
    severityText: 'INFO',
    body: { stringValue: `smoke ${id}` },
    traceId,
    spanId,
  };
  const span = {
    traceId,
    spanId,
    name: 'smoke',
    kind: 2,
    startTimeUnixNano: at(-5),
    endTimeUnixNano: at(0),
    status: { code: 1 },
  };
  return {
    service,
    metric,
    traceId,
    requests: [
      { path: '/v1/logs', body: { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: [log] }] }] } },
      { path: '/v1/traces', body: { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [span] }] }] } },
      { path: '/v1/metrics', body: { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] } },
    ],
    rows: {
      logs: 1,
      spans: 1,
      metric_gauge: 1,
      metric_sum: 1,
      metric_histogram: 1,
      metric_exponential_histogram: 1,
      metric_summary: 1,
    },
  };
}
