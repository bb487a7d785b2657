/** Builds OTLP export requests (opentelemetry-proto v1) for load, drills and tests. */
import { bytes, concat, double, fixed64, message, text, uint, type Field } from './protobuf.js';

export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue>>;

function attribute(field: number, key: string, value: AttributeValue): Field {
  const any =
    typeof value === 'string'
      ? text(1, value)
      : typeof value === 'boolean'
        ? uint(2, value ? 1 : 0)
        : Number.isInteger(value)
          ? uint(3, value)
          : double(4, value);
  return message(field, text(1, key), message(2, any));
}

function attributes(field: number, values: Attributes): Uint8Array {
  return concat(Object.entries(values).map(([key, value]) => attribute(field, key, value)));
}

export interface LogInput {
  readonly timeNs: bigint;
  readonly body: string;
  readonly severity?: number;
  readonly severityText?: string;
  readonly attributes?: Attributes;
  readonly traceId?: Uint8Array;
  readonly spanId?: Uint8Array;
}

/** One ResourceLogs with one ScopeLogs. */
export function logsRequest(resource: Attributes, records: readonly LogInput[]): Uint8Array {
  const logs = records.map((record) =>
    message(
      2,
      fixed64(1, record.timeNs),
      uint(2, record.severity ?? 9),
      text(3, record.severityText ?? 'INFO'),
      message(5, text(1, record.body)),
      attributes(6, record.attributes ?? {}),
      ...(record.traceId ? [bytes(9, record.traceId)] : []),
      ...(record.spanId ? [bytes(10, record.spanId)] : []),
      fixed64(11, record.timeNs),
    ),
  );
  return message(1, message(1, attributes(1, resource)), message(2, message(1, text(1, 'load')), ...logs));
}

export interface SpanInput {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly parentSpanId?: Uint8Array;
  readonly name: string;
  readonly kind?: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes?: Attributes;
  /** 0 unset, 1 ok, 2 error. */
  readonly status?: number;
}

export function spansRequest(resource: Attributes, spans: readonly SpanInput[]): Uint8Array {
  const encoded = spans.map((span) =>
    message(
      2,
      bytes(1, span.traceId),
      bytes(2, span.spanId),
      ...(span.parentSpanId ? [bytes(4, span.parentSpanId)] : []),
      text(5, span.name),
      uint(6, span.kind ?? 2),
      fixed64(7, span.startNs),
      fixed64(8, span.endNs),
      attributes(9, span.attributes ?? {}),
      message(15, uint(3, span.status ?? 0)),
    ),
  );
  return message(1, message(1, attributes(1, resource)), message(2, message(1, text(1, 'load')), ...encoded));
}

export interface PointInput {
  readonly timeNs: bigint;
  readonly value: number;
  readonly attributes?: Attributes;
}

function numberPoint(field: number, point: PointInput, startNs?: bigint): Field {
  return message(
    field,
    attributes(7, point.attributes ?? {}),
    ...(startNs === undefined ? [] : [fixed64(2, startNs)]),
    fixed64(3, point.timeNs),
    double(4, point.value),
  );
}

export interface MetricInput {
  readonly name: string;
  readonly unit?: string;
  readonly kind: 'gauge' | 'counter';
  readonly points: readonly PointInput[];
}

/** Gauges, and monotonic cumulative sums that start at `startNs`. */
export function metricsRequest(
  resource: Attributes,
  metrics: readonly MetricInput[],
  startNs: bigint,
): Uint8Array {
  const encoded = metrics.map((metric) => {
    const data =
      metric.kind === 'gauge'
        ? message(5, ...metric.points.map((point) => numberPoint(1, point)))
        : message(7, ...metric.points.map((point) => numberPoint(1, point, startNs)), uint(2, 2), uint(3, 1));
    return message(2, text(1, metric.name), text(3, metric.unit ?? ''), data);
  });
  return message(1, message(1, attributes(1, resource)), message(2, message(1, text(1, 'load')), ...encoded));
}
