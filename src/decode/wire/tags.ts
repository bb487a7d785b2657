/**
 * Tags of opentelemetry-proto's messages: `field << 3 | wire type`. Written out, for what the switches of the hot path compare
 * with has to be constant.
 */

/** collector: the export requests of all three signals. */
export const enum ExportRequestTag {
  entries = 0x0a,
}

/** ResourceLogs, ScopeLogs and their like of the other signals, which all number their fields alike. */
export const enum EntryTag {
  owner = 0x0a,
  members = 0x12,
  schemaUrl = 0x1a,
}

/** resource/v1 Resource. */
export const enum ResourceTag {
  attributes = 0x0a,
  droppedAttributesCount = 0x10,
}

/** common/v1 InstrumentationScope. */
export const enum ScopeTag {
  name = 0x0a,
  version = 0x12,
  attributes = 0x1a,
  droppedAttributesCount = 0x20,
}

/** common/v1 KeyValue. */
export const enum KeyValueTag {
  key = 0x0a,
  value = 0x12,
}

/** common/v1 AnyValue; the other values are told by the number of their field. */
export const enum AnyValueTag {
  stringValue = 0x0a,
  intValue = 0x18,
}

/** common/v1 ArrayValue and KeyValueList. */
export const enum ListTag {
  values = 0x0a,
}

/** logs/v1 LogRecord. */
export const enum LogRecordTag {
  timeUnixNano = 0x09,
  severityNumber = 0x10,
  severityText = 0x1a,
  body = 0x2a,
  attributes = 0x32,
  droppedAttributesCount = 0x38,
  flags = 0x45,
  traceId = 0x4a,
  spanId = 0x52,
  observedTimeUnixNano = 0x59,
  eventName = 0x62,
}

/** trace/v1 Span. */
export const enum SpanTag {
  traceId = 0x0a,
  spanId = 0x12,
  traceState = 0x1a,
  parentSpanId = 0x22,
  name = 0x2a,
  kind = 0x30,
  startTimeUnixNano = 0x39,
  endTimeUnixNano = 0x41,
  attributes = 0x4a,
  droppedAttributesCount = 0x50,
  events = 0x5a,
  droppedEventsCount = 0x60,
  links = 0x6a,
  droppedLinksCount = 0x70,
  status = 0x7a,
  /** Of two bytes. */
  flags = 0x85,
}

/** trace/v1 Status. */
export const enum SpanStatusTag {
  message = 0x12,
  code = 0x18,
}

/** trace/v1 Span.Event. */
export const enum SpanEventTag {
  timeUnixNano = 0x09,
  name = 0x12,
  attributes = 0x1a,
  droppedAttributesCount = 0x20,
}

/** trace/v1 Span.Link. */
export const enum SpanLinkTag {
  traceId = 0x0a,
  spanId = 0x12,
  traceState = 0x1a,
  attributes = 0x22,
  droppedAttributesCount = 0x28,
  flags = 0x35,
}

/** metrics/v1 Metric; the fields of its data are told by their number. */
export const enum MetricTag {
  metadata = 0x62,
}

/** metrics/v1 Gauge, Sum, Histogram, ExponentialHistogram and Summary. */
export const enum MetricDataTag {
  dataPoints = 0x0a,
  aggregationTemporality = 0x10,
  isMonotonic = 0x18,
}

/** metrics/v1 Exemplar. */
export const enum ExemplarTag {
  timeUnixNano = 0x11,
  asDouble = 0x19,
  spanId = 0x22,
  traceId = 0x2a,
  asInt = 0x31,
  filteredAttributes = 0x3a,
}

/** What the data points of all types have alike. */
export const enum DataPointTag {
  startTimeUnixNano = 0x11,
  timeUnixNano = 0x19,
}

/** metrics/v1 NumberDataPoint. */
export const enum NumberDataPointTag {
  asDouble = 0x21,
  exemplars = 0x2a,
  asInt = 0x31,
  attributes = 0x3a,
  flags = 0x40,
}

/**
 * Of both kinds of histograms, from formats with Prometheus' names only: the counts of float histograms (those of all observations, of the zero
 * bucket of exponential ones, of the buckets) as packed doubles; OTLP has no such field.
 */
export const floatCountsField = 1000;

/** metrics/v1 HistogramDataPoint; repeated numbers come one by one or packed. */
export const enum HistogramDataPointTag {
  count = 0x21,
  sum = 0x29,
  bucketCounts = 0x31,
  packedBucketCounts = 0x32,
  explicitBounds = 0x39,
  packedExplicitBounds = 0x3a,
  exemplars = 0x42,
  attributes = 0x4a,
  flags = 0x50,
  min = 0x59,
  max = 0x61,
}

/** metrics/v1 ExponentialHistogramDataPoint. */
export const enum ExponentialHistogramDataPointTag {
  attributes = 0x0a,
  count = 0x21,
  sum = 0x29,
  scale = 0x30,
  zeroCount = 0x39,
  positive = 0x42,
  negative = 0x4a,
  flags = 0x50,
  exemplars = 0x5a,
  min = 0x61,
  max = 0x69,
  zeroThreshold = 0x71,
}

/** metrics/v1 ExponentialHistogramDataPoint.Buckets. */
export const enum BucketsTag {
  offset = 0x08,
  bucketCounts = 0x10,
  packedBucketCounts = 0x12,
}

/** metrics/v1 SummaryDataPoint. */
export const enum SummaryDataPointTag {
  count = 0x21,
  sum = 0x29,
  quantileValues = 0x32,
  attributes = 0x3a,
  flags = 0x40,
}

/** metrics/v1 SummaryDataPoint.ValueAtQuantile. */
export const enum ValueAtQuantileTag {
  quantile = 0x09,
  value = 0x11,
}
