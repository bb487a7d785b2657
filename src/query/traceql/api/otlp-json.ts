import type { OtlpEvent, OtlpLink, OtlpResource, OtlpScope, OtlpSpan } from '../load/otlp-trace.js';
import type { AttributeMap, TypedJson } from '../../attributes/typed-json.js';

const kinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const statuses = ['UNSET', 'OK', 'ERROR'];

/**
 * ResourceSpans in protobuf's JSON mapping, as Tempo writes it: ids in base64, 64-bit numbers as strings,
 * zero values left out. Bytes attributes lie in the lake as base64 text and come back as strings: the two
 * cannot be told apart.
 */
export function resourceSpansJson(resource: OtlpResource): object {
  return {
    resource: {
      attributes: keyValues(resource.attributes),
      droppedAttributesCount: resource.droppedAttributes || undefined,
    },
    scopeSpans: resource.scopes.map(scopeJson),
    schemaUrl: resource.schemaUrl || undefined,
  };
}

function scopeJson(scope: OtlpScope): object {
  return {
    scope: {
      name: scope.name || undefined,
      version: scope.version || undefined,
      attributes: keyValues(scope.attributes),
      droppedAttributesCount: scope.droppedAttributes || undefined,
    },
    spans: scope.spans.map(spanJson),
    schemaUrl: scope.schemaUrl || undefined,
  };
}

function spanJson(span: OtlpSpan): object {
  return {
    traceId: base64(span.traceId),
    spanId: base64(span.spanId),
    traceState: span.traceState || undefined,
    parentSpanId: base64(span.parentSpanId),
    flags: span.flags || undefined,
    name: span.name || undefined,
    kind: span.kind === 0 ? undefined : `SPAN_KIND_${kinds[span.kind] ?? span.kind}`,
    startTimeUnixNano: String(span.start),
    endTimeUnixNano: String(span.end),
    attributes: keyValues(span.attributes),
    droppedAttributesCount: span.droppedAttributes || undefined,
    events: list(span.events.map(eventJson)),
    droppedEventsCount: span.droppedEvents || undefined,
    links: list(span.links.map(linkJson)),
    droppedLinksCount: span.droppedLinks || undefined,
    status: {
      message: span.statusMessage || undefined,
      code: span.statusCode === 0 ? undefined : `STATUS_CODE_${statuses[span.statusCode] ?? span.statusCode}`,
    },
  };
}

function eventJson(event: OtlpEvent): object {
  return {
    timeUnixNano: String(event.time),
    name: event.name || undefined,
    attributes: keyValues(event.attributes),
    droppedAttributesCount: event.droppedAttributes || undefined,
  };
}

function linkJson(link: OtlpLink): object {
  return {
    traceId: base64(link.traceId),
    spanId: base64(link.spanId),
    traceState: link.traceState || undefined,
    attributes: keyValues(link.attributes),
    droppedAttributesCount: link.droppedAttributes || undefined,
    flags: link.flags || undefined,
  };
}

function base64(hex: string): string | undefined {
  return hex === '' ? undefined : Buffer.from(hex, 'hex').toString('base64');
}

function list<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

function keyValues(attributes: AttributeMap) {
  return list([...attributes].map(([key, value]) => ({ key, value: anyValue(value) })));
}

function anyValue(value: TypedJson): object {
  if (value === null) return {};
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'bigint') return { intValue: String(value) };
  if (typeof value === 'number') return { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: keyValues(value) ?? [] } };
}
