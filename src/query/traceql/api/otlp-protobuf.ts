import type { OtlpLink, OtlpResource, OtlpScope, OtlpSpan, OtlpTrace } from '../load/otlp-trace.js';
import { ProtobufWriter } from '../../server/protobuf-writer.js';
import type { AttributeMap, TypedJson } from '../../attributes/typed-json.js';

/** Tempo's Trace message, on the wire the same as OTLP's TracesData (opentelemetry-proto trace/v1). */
export function traceProtobuf(trace: OtlpTrace): Buffer {
  const writer = new ProtobufWriter();
  for (const resource of trace.resources) writer.message(1, () => writeResource(writer, resource));
  return writer.finish();
}

/** Tempo's TraceByIDResponse: trace = 1, status = 3 (1 is PARTIAL), message = 4. */
export function traceByIdProtobuf(trace: OtlpTrace, message: string): Buffer {
  const writer = new ProtobufWriter();
  writer.message(1, () => {
    for (const resource of trace.resources) writer.message(1, () => writeResource(writer, resource));
  });
  if (message !== '') {
    writer.uint(3, 1);
    writer.string(4, message);
  }
  return writer.finish();
}

function writeResource(writer: ProtobufWriter, resource: OtlpResource): void {
  writer.message(1, () => {
    writeAttributes(writer, 1, resource.attributes);
    writer.uint(2, resource.droppedAttributes);
  });
  for (const scope of resource.scopes) writer.message(2, () => writeScope(writer, scope));
  writer.string(3, resource.schemaUrl);
}

function writeScope(writer: ProtobufWriter, scope: OtlpScope): void {
  writer.message(1, () => {
    writer.string(1, scope.name);
    writer.string(2, scope.version);
    writeAttributes(writer, 3, scope.attributes);
    writer.uint(4, scope.droppedAttributes);
  });
  for (const span of scope.spans) writer.message(2, () => writeSpan(writer, span));
  writer.string(3, scope.schemaUrl);
}

function writeSpan(writer: ProtobufWriter, span: OtlpSpan): void {
  writer.hexBytes(1, span.traceId);
  writer.hexBytes(2, span.spanId);
  writer.string(3, span.traceState);
  writer.hexBytes(4, span.parentSpanId);
  writer.string(5, span.name);
  writer.uint(6, span.kind);
  writer.fixed64(7, span.start);
  writer.fixed64(8, span.end);
  writeAttributes(writer, 9, span.attributes);
  writer.uint(10, span.droppedAttributes);
  for (const event of span.events) {
    writer.message(11, () => {
      writer.fixed64(1, event.time);
      writer.string(2, event.name);
      writeAttributes(writer, 3, event.attributes);
      writer.uint(4, event.droppedAttributes);
    });
  }
  writer.uint(12, span.droppedEvents);
  for (const link of span.links) writer.message(13, () => writeLink(writer, link));
  writer.uint(14, span.droppedLinks);
  writer.message(15, () => {
    writer.string(2, span.statusMessage);
    writer.uint(3, span.statusCode);
  });
  writer.fixed32(16, span.flags);
}

function writeLink(writer: ProtobufWriter, link: OtlpLink): void {
  writer.hexBytes(1, link.traceId);
  writer.hexBytes(2, link.spanId);
  writer.string(3, link.traceState);
  writeAttributes(writer, 4, link.attributes);
  writer.uint(5, link.droppedAttributes);
  writer.fixed32(6, link.flags);
}

function writeAttributes(writer: ProtobufWriter, field: number, attributes: AttributeMap): void {
  for (const [key, value] of attributes) {
    writer.message(field, () => {
      writer.string(1, key);
      writer.message(2, () => writeAnyValue(writer, value));
    });
  }
}

function writeAnyValue(writer: ProtobufWriter, value: TypedJson): void {
  if (value === null) return;
  if (typeof value === 'string') writer.oneofString(1, value);
  else if (typeof value === 'boolean') writer.bool(2, value);
  else if (typeof value === 'bigint') writer.int64(3, value);
  else if (typeof value === 'number') writer.double(4, value);
  else if (Array.isArray(value)) {
    writer.message(5, () => {
      for (const element of value) writer.message(1, () => writeAnyValue(writer, element));
    });
  } else writer.message(6, () => writeAttributes(writer, 1, value));
}
