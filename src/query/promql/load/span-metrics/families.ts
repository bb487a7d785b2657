import { labelName } from '../../../attributes/label-name.js';
import { metricName } from '../../../series/labels.js';
import type { CompiledMatcher } from '../../../series/matchers.js';
import { bucketBounds } from '../histogram.js';

/** What a series of these metrics counts of the spans, or of the requests between services. */
type Measure = 'count' | 'failed' | 'bytes' | 'client seconds' | 'server seconds' | 'messaging seconds';
type MetricPart = 'total' | 'bucket' | 'sum' | 'count';

export interface SpanMetric {
  /** As Tempo's metrics generator names it. */
  readonly name: string;
  readonly measure: Measure;
  readonly part: MetricPart;
}

export interface Family {
  readonly source: 'spans' | 'edges';
  readonly metrics: readonly SpanMetric[];
  /** Upper bounds of the buckets but the last, in nanoseconds, and all of them as `le`. */
  readonly boundsNs: readonly number[];
  readonly le: readonly string[];
  /** Labels that its series have, `le` aside. */
  readonly labels: readonly string[];
}

function counter(name: string, measure: Measure): SpanMetric {
  return { name, measure, part: 'total' };
}

function histogram(name: string, measure: Measure): SpanMetric[] {
  return (['bucket', 'sum', 'count'] as const).map((part) => ({ name: `${name}_${part}`, measure, part }));
}

function exponential(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * 2 ** i);
}

function family(
  source: Family['source'],
  labels: readonly string[],
  bounds: readonly number[],
  metrics: readonly SpanMetric[],
): Family {
  const boundsNs = bounds.map((bound) => Math.round(bound * 1e9));
  return { source, metrics, boundsNs, le: bucketBounds(boundsNs.map((bound) => bound / 1e9)), labels };
}

/** Labels of span metrics that every span has. */
export const spanLabels = ['service', 'span_name', 'span_kind', 'status_code'] as const;
export const edgeLabels = ['client', 'server', 'connection_type'] as const;
/** The value of `connection_type` of requests by messages. */
export const messaging = 'messaging_system';

const spanMetrics = [
  counter('traces_spanmetrics_calls_total', 'count'),
  ...histogram('traces_spanmetrics_latency', 'server seconds'),
  counter('traces_spanmetrics_size_total', 'bytes'),
];
const edgeMetrics = [
  counter('traces_service_graph_request_total', 'count'),
  counter('traces_service_graph_request_failed_total', 'failed'),
  ...histogram('traces_service_graph_request_server_seconds', 'server seconds'),
  ...histogram('traces_service_graph_request_client_seconds', 'client seconds'),
  ...histogram('traces_service_graph_request_messaging_system_seconds', 'messaging seconds'),
];

/** The metrics, with the default buckets and labels of Tempo's generator. `dimensions`: keys of attributes. */
export function familiesOf(dimensions: readonly string[]): readonly Family[] {
  return [
    family('spans', [...spanLabels, ...dimensions.map(dimensionLabel)], exponential(0.002, 14), spanMetrics),
    family('edges', edgeLabels, exponential(0.1, 8), edgeMetrics),
  ];
}

/** The label of an attribute; one that is named like a label of every span begins with two underscores, as in Tempo. */
function dimensionLabel(key: string): string {
  const name = labelName(key);
  return (spanLabels as readonly string[]).includes(name) || name === 'le' ? `__${name}` : name;
}

export const spanMetricNames = [...spanMetrics, ...edgeMetrics].map(({ name }) => name);

/** Type, help and unit of each metric, by its name without the suffixes of histograms. */
export const spanMetricMetadata: readonly (readonly [
  name: string,
  type: string,
  help: string,
  unit: string,
])[] = [
  ['traces_spanmetrics_calls_total', 'counter', 'Spans, by their service, name, kind and status', ''],
  ['traces_spanmetrics_latency', 'histogram', 'Duration of spans', 's'],
  [
    'traces_spanmetrics_size_total',
    'counter',
    'Size of spans: their names, attributes, events and links',
    'By',
  ],
  ['traces_service_graph_request_total', 'counter', 'Requests between two services', ''],
  ['traces_service_graph_request_failed_total', 'counter', 'Failed requests between two services', ''],
  [
    'traces_service_graph_request_server_seconds',
    'histogram',
    'Duration of requests between two services, as the server sees it',
    's',
  ],
  [
    'traces_service_graph_request_client_seconds',
    'histogram',
    'Duration of requests between two services, as the client sees it',
    's',
  ],
  [
    'traces_service_graph_request_messaging_system_seconds',
    'histogram',
    'Time that messages between two services lie in the messaging system',
    's',
  ],
];

/** The metrics of a family that a selector may mean: without a look at the spans. */
export function selected(
  { metrics, labels }: Family,
  matchers: readonly CompiledMatcher[],
): readonly SpanMetric[] {
  return metrics.filter(({ name, part }) =>
    matchers.every((matcher) => {
      if (matcher.name === metricName) return matcher.matches(name);
      if (matcher.name === 'le' && part === 'bucket') return true;
      return labels.includes(matcher.name) || matcher.matches('');
    }),
  );
}
