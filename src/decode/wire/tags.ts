/**
 * Tags of opentelemetry-proto's messages: `field << 3 | wire type`. Written out, for what the switches of the hot path compare
 * with has to be constant.
 */

/** logs/v1 LogRecord. */
export const logRecord = {
  timeUnixNano: 0x09,
  severityNumber: 0x10,
  severityText: 0x1a,
  body: 0x2a,
  attributes: 0x32,
  droppedAttributesCount: 0x38,
  flags: 0x45,
  traceId: 0x4a,
  spanId: 0x52,
  observedTimeUnixNano: 0x59,
  eventName: 0x62,
} as const;

/** trace/v1 Span. */
export const span = {
  traceId: 0x0a,
  spanId: 0x12,
  traceState: 0x1a,
  parentSpanId: 0x22,
  name: 0x2a,
  kind: 0x30,
  startTimeUnixNano: 0x39,
  endTimeUnixNano: 0x41,
  attributes: 0x4a,
  droppedAttributesCount: 0x50,
  events: 0x5a,
  droppedEventsCount: 0x60,
  links: 0x6a,
  droppedLinksCount: 0x70,
  status: 0x7a,
} as const;

/** trace/v1 Span.Event. */
export const spanEvent = {
  timeUnixNano: 0x09,
  name: 0x12,
  droppedAttributesCount: 0x20,
} as const;

/** trace/v1 Span.Link. */
export const spanLink = {
  traceId: 0x0a,
  spanId: 0x12,
  traceState: 0x1a,
  droppedAttributesCount: 0x28,
  flags: 0x35,
} as const;

/** metrics/v1 Gauge, Sum, Histogram, ExponentialHistogram and Summary. */
export const metricData = {
  dataPoints: 0x0a,
  aggregationTemporality: 0x10,
  isMonotonic: 0x18,
} as const;

/** metrics/v1 Exemplar. */
export const exemplar = {
  timeUnixNano: 0x11,
  asDouble: 0x19,
  spanId: 0x22,
  traceId: 0x2a,
  asInt: 0x31,
} as const;

/** metrics/v1 NumberDataPoint. */
export const numberDataPoint = {
  asDouble: 0x21,
  exemplars: 0x2a,
  asInt: 0x31,
  attributes: 0x3a,
  flags: 0x40,
} as const;

/** metrics/v1 HistogramDataPoint; repeated numbers come one by one or packed. */
export const histogramDataPoint = {
  count: 0x21,
  sum: 0x29,
  bucketCounts: 0x31,
  packedBucketCounts: 0x32,
  explicitBounds: 0x39,
  packedExplicitBounds: 0x3a,
  exemplars: 0x42,
  attributes: 0x4a,
  flags: 0x50,
  min: 0x59,
  max: 0x61,
} as const;

/** metrics/v1 ExponentialHistogramDataPoint. */
export const exponentialHistogramDataPoint = {
  attributes: 0x0a,
  count: 0x21,
  sum: 0x29,
  scale: 0x30,
  zeroCount: 0x39,
  positive: 0x42,
  negative: 0x4a,
  flags: 0x50,
  exemplars: 0x5a,
  min: 0x61,
  max: 0x69,
  zeroThreshold: 0x71,
} as const;

/** metrics/v1 ExponentialHistogramDataPoint.Buckets. */
export const buckets = {
  offset: 0x08,
  bucketCounts: 0x10,
  packedBucketCounts: 0x12,
} as const;

/** metrics/v1 SummaryDataPoint. */
export const summaryDataPoint = {
  count: 0x21,
  sum: 0x29,
  quantileValues: 0x32,
  attributes: 0x3a,
  flags: 0x40,
} as const;
