import type { AnyValueJson } from '../model/value.js';
import { ProtobufWriter } from '../../server/protobuf-writer.js';
import type { ListingMetrics, SearchMetrics } from './blocks.js';
import type { SearchAnswer } from './search.js';

/** Tempo's messages (pkg/tempopb/tempo.proto), from what their JSON says. */

export interface KeyValueJson {
  readonly key: string;
  readonly value: AnyValueJson;
}

type FoundTrace = SearchAnswer['traces'][number];
type FoundSpanset = NonNullable<FoundTrace['spanSet']>;

/** SearchResponse */
export function searchProtobuf({ traces, metrics }: SearchAnswer): Uint8Array {
  const writer = new ProtobufWriter();
  for (const trace of traces) writer.message(1, () => writeTrace(writer, trace));
  writeMetrics(writer, metrics);
  return writer.finish();
}

function writeMetrics(writer: ProtobufWriter, metrics: SearchMetrics): void {
  writer.message(2, () => {
    writer.uint(1, metrics.inspectedTraces ?? 0);
    writer.uint64(2, BigInt(metrics.inspectedBytes ?? 0));
    writer.uint(3, metrics.totalBlocks ?? 0);
    writer.uint(4, metrics.completedJobs ?? 0);
    writer.uint(5, metrics.totalJobs ?? 0);
    writer.uint64(6, BigInt(metrics.totalBlockBytes ?? 0));
    writer.uint64(7, BigInt(metrics.inspectedSpans));
  });
}

function writeListingMetrics(writer: ProtobufWriter, { inspectedBytes = '0' }: ListingMetrics): void {
  writer.message(2, () => writer.uint64(1, BigInt(inspectedBytes)));
}

function writeTrace(writer: ProtobufWriter, trace: FoundTrace): void {
  writer.string(1, trace.traceID);
  writer.string(2, trace.rootServiceName);
  writer.string(3, trace.rootTraceName ?? '');
  writer.uint64(4, BigInt(trace.startTimeUnixNano));
  writer.uint(5, trace.durationMs);
  const { spanSet, spanSets = [], serviceStats } = trace;
  if (spanSet) writer.message(6, () => writeSpanset(writer, spanSet));
  for (const set of spanSets) writer.message(7, () => writeSpanset(writer, set));
  for (const [service, { spanCount, errorCount = 0 }] of Object.entries(serviceStats)) {
    writer.message(8, () => {
      writer.string(1, service);
      writer.message(2, () => {
        writer.uint(1, spanCount);
        writer.uint(2, errorCount);
      });
    });
  }
}

function writeSpanset(writer: ProtobufWriter, { spans, matched, attributes = [] }: FoundSpanset): void {
  for (const span of spans) {
    writer.message(1, () => {
      writer.string(1, span.spanID);
      writer.string(2, span.name ?? '');
      writer.uint64(3, BigInt(span.startTimeUnixNano));
      writer.uint64(4, BigInt(span.durationNanos));
      writeKeyValues(writer, 5, span.attributes ?? []);
    });
  }
  writer.uint(2, matched);
  writeKeyValues(writer, 3, attributes);
}

/** SearchTagsResponse and SearchTagValuesResponse */
export function textsProtobuf(texts: readonly string[], metrics: ListingMetrics): Uint8Array {
  const writer = new ProtobufWriter();
  for (const text of texts) writer.oneofString(1, text);
  writeListingMetrics(writer, metrics);
  return writer.finish();
}

/** SearchTagsV2Response */
export function scopesProtobuf(
  scopes: readonly { name: string; tags: readonly string[] }[],
  metrics: ListingMetrics,
): Uint8Array {
  const writer = new ProtobufWriter();
  for (const { name, tags } of scopes) {
    writer.message(1, () => {
      writer.string(1, name);
      for (const tag of tags) writer.oneofString(2, tag);
    });
  }
  writeListingMetrics(writer, metrics);
  return writer.finish();
}

/** SearchTagValuesV2Response */
export function valuesProtobuf(
  values: readonly { type: string; value: string }[],
  metrics: ListingMetrics,
): Uint8Array {
  const writer = new ProtobufWriter();
  for (const { type, value } of values) {
    writer.message(1, () => {
      writer.string(1, type);
      writer.string(2, value);
    });
  }
  writeListingMetrics(writer, metrics);
  return writer.finish();
}

export interface ExemplarMessage {
  readonly labels: readonly KeyValueJson[];
  readonly value: number;
  readonly timestampMs: string;
}

export interface SeriesMessage {
  readonly labels: readonly KeyValueJson[];
  /** Unix milliseconds. */
  readonly times: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  readonly exemplars: readonly ExemplarMessage[];
}

/** QueryRangeResponse */
export function rangeProtobuf(series: readonly SeriesMessage[], metrics: SearchMetrics): Uint8Array {
  const writer = new ProtobufWriter();
  for (const { labels, times, values, exemplars } of series) {
    writer.message(1, () => {
      writeKeyValues(writer, 1, labels);
      for (let i = 0; i < times.length; i++) {
        writer.message(2, () => {
          writer.double(1, values[i] ?? NaN);
          writer.int64(2, BigInt(Math.floor(times[i] ?? 0)));
        });
      }
      for (const exemplar of exemplars) {
        writer.message(4, () => {
          writeKeyValues(writer, 1, exemplar.labels);
          writer.double(2, exemplar.value);
          writer.int64(3, BigInt(exemplar.timestampMs));
        });
      }
    });
  }
  writeMetrics(writer, metrics);
  return writer.finish();
}

/** QueryInstantResponse */
export function instantProtobuf(series: readonly SeriesMessage[], metrics: SearchMetrics): Uint8Array {
  const writer = new ProtobufWriter();
  for (const { labels, values } of series) {
    writer.message(1, () => {
      writeKeyValues(writer, 1, labels);
      writer.double(2, values[0] ?? 0);
    });
  }
  writeMetrics(writer, metrics);
  return writer.finish();
}

function writeKeyValues(writer: ProtobufWriter, field: number, attributes: readonly KeyValueJson[]): void {
  for (const { key, value } of attributes) {
    writer.message(field, () => {
      writer.string(1, key);
      writer.message(2, () => writeAnyValue(writer, value));
    });
  }
}

function writeAnyValue(writer: ProtobufWriter, value: AnyValueJson): void {
  if (value.stringValue !== undefined) writer.oneofString(1, value.stringValue);
  else if (value.boolValue !== undefined) writer.bool(2, value.boolValue);
  else if (value.intValue !== undefined) writer.int64(3, BigInt(value.intValue));
  else if (value.doubleValue !== undefined) writer.double(4, Number(value.doubleValue));
  else if (value.arrayValue !== undefined) {
    const { values } = value.arrayValue;
    writer.message(5, () => {
      for (const one of values) writer.message(1, () => writeAnyValue(writer, one));
    });
  }
}
