import type { AttributeMap, TypedJson } from '../../attributes/typed-json.js';
import { jsonText } from '../../attributes/typed-json.js';
import type { OtlpEvent, OtlpResource, OtlpScope, OtlpSpan, OtlpTrace } from '../load/otlp-trace.js';
import { kindNames } from '../model/value.js';

/** Jaeger's JSON of a trace (jaeger-ui/typescript types, model/json): times and durations in microseconds. */
export interface JaegerTrace {
  readonly traceID: string;
  readonly spans: readonly object[];
  readonly processes: object;
  readonly warnings: null;
}

interface Tag {
  readonly key: string;
  readonly type: 'string' | 'bool' | 'int64' | 'float64';
  readonly value: string | boolean | number;
}

export function jaegerTrace(traceId: string, { resources }: OtlpTrace): JaegerTrace {
  const processes = new Map<string, object>();
  const spans = resources.flatMap((resource, i) => {
    const processId = `p${i + 1}`;
    processes.set(processId, process(resource));
    return resource.scopes.flatMap((scope) => scope.spans.map((span) => jaegerSpan(span, scope, processId)));
  });
  return { traceID: traceId, spans, processes: Object.fromEntries(processes), warnings: null };
}

function process({ attributes }: OtlpResource): object {
  const name = attributes.get('service.name');
  const others = new Map([...attributes].filter(([key]) => key !== 'service.name'));
  return { serviceName: typeof name === 'string' ? name : '', tags: tags(others) };
}

function jaegerSpan(span: OtlpSpan, scope: OtlpScope, processID: string): object {
  const reference = (refType: string, traceID: string, spanID: string) => ({ refType, traceID, spanID });
  return {
    traceID: span.traceId,
    spanID: span.spanId,
    operationName: span.name,
    references: [
      ...(span.parentSpanId === '' ? [] : [reference('CHILD_OF', span.traceId, span.parentSpanId)]),
      ...span.links.map((link) => reference('FOLLOWS_FROM', link.traceId, link.spanId)),
    ],
    flags: span.flags & 1,
    startTime: micros(span.start),
    duration: micros(span.end > span.start ? span.end - span.start : 0n),
    tags: [...tags(span.attributes), ...ownTags(span, scope)],
    logs: span.events.map(log),
    processID,
    warnings: null,
  };
}

/** What OTLP has fields for and Jaeger tags (opentelemetry.io, "OpenTelemetry to Jaeger Transformation"). */
function ownTags(span: OtlpSpan, scope: OtlpScope): Tag[] {
  const text = (key: string, value: string): Tag[] => (value === '' ? [] : [{ key, type: 'string', value }]);
  const error: Tag[] = span.statusCode === 2 ? [{ key: 'error', type: 'bool', value: true }] : [];
  return [
    ...text('span.kind', span.kind === 0 ? '' : (kindNames[span.kind] ?? '')),
    ...text('otel.status_code', ['', 'OK', 'ERROR'][span.statusCode] ?? ''),
    ...text('otel.status_description', span.statusMessage),
    ...error,
    ...text('otel.scope.name', scope.name),
    ...text('otel.scope.version', scope.version),
    ...text('w3c.tracestate', span.traceState),
  ];
}

function log(event: OtlpEvent): object {
  const name: Tag[] = event.name === '' ? [] : [{ key: 'event', type: 'string', value: event.name }];
  return { timestamp: micros(event.time), fields: [...name, ...tags(event.attributes)] };
}

function tags(attributes: AttributeMap): Tag[] {
  return [...attributes].map(([key, value]) => tag(key, value));
}

function tag(key: string, value: TypedJson): Tag {
  if (typeof value === 'string') return { key, type: 'string', value };
  if (typeof value === 'boolean') return { key, type: 'bool', value };
  if (typeof value === 'number') return { key, type: 'float64', value };
  if (typeof value !== 'bigint') return { key, type: 'string', value: jsonText(value) };
  // A JSON number holds no more.
  return Number.isSafeInteger(Number(value))
    ? { key, type: 'int64', value: Number(value) }
    : { key, type: 'string', value: String(value) };
}

function micros(nanoseconds: bigint): number {
  return Number(nanoseconds / 1000n);
}
