/** OTLP JSON (opentelemetry-proto v1) as far as the demo sends it. */

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanEvent {
  readonly name: string;
  readonly atMs: number;
  readonly attributes: Attributes;
}

export interface Span {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly error?: string;
  readonly events?: readonly SpanEvent[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
}

export interface Log {
  readonly service: string;
  readonly atMs: number;
  readonly level: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';
  readonly body: string;
  readonly attributes: Attributes;
  readonly traceId?: string;
  readonly spanId?: string;
}

const kinds = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
const severities = { DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17 } as const;

/** Nanoseconds since 1970 as text. */
export function nanos(ms: number): string {
  return (BigInt(Math.floor(ms * 1000)) * 1000n).toString();
}

export function attributeList(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => {
    if (typeof value === 'string') return { key, value: { stringValue: value } };
    if (typeof value === 'boolean') return { key, value: { boolValue: value } };
    return { key, value: Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value } };
  });
}

type ResourceOf = (service: string) => Attributes;

function byService<T extends { readonly service: string }>(records: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const record of records) {
    const group = groups.get(record.service);
    if (group) group.push(record);
    else groups.set(record.service, [record]);
  }
  return groups;
}

export function tracesRequest(spans: readonly Span[], resourceOf: ResourceOf): object {
  return {
    resourceSpans: [...byService(spans)].map(([service, members]) => ({
      resource: { attributes: attributeList(resourceOf(service)) },
      scopeSpans: [{ scope: { name: `shop.${service}` }, spans: members.map(spanJson) }],
    })),
  };
}

function spanJson(span: Span): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: nanos(span.startMs),
    endTimeUnixNano: nanos(span.endMs),
    attributes: attributeList(span.attributes),
    events: (span.events ?? []).map(({ name, atMs, attributes }) => ({
      name,
      timeUnixNano: nanos(atMs),
      attributes: attributeList(attributes),
    })),
    links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })),
    status: span.error === undefined ? {} : { code: 2, message: span.error },
  };
}

export function logsRequest(logs: readonly Log[], resourceOf: ResourceOf): object {
  return {
    resourceLogs: [...byService(logs)].map(([service, members]) => ({
      resource: { attributes: attributeList(resourceOf(service)) },
      scopeLogs: [{ scope: { name: `shop.${service}` }, logRecords: members.map(logJson) }],
    })),
  };
}

function logJson(log: Log): object {
  return {
    timeUnixNano: nanos(log.atMs),
    observedTimeUnixNano: nanos(log.atMs),
    severityNumber: severities[log.level],
    severityText: log.level,
    body: { stringValue: log.body },
    attributes: attributeList(log.attributes),
    ...(log.traceId === undefined ? {} : { traceId: log.traceId, spanId: log.spanId }),
  };
}
