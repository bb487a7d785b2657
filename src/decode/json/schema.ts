import type { Signal } from '../../schema/index.js';

/**
 * The OTLP messages as their JSON mapping names their fields (opentelemetry-proto v1, and "JSON Protobuf
 * Encoding" of the OTLP specification: lowerCamelCase names, identifiers in hex).
 */
export type Scalar =
  | 'string'
  | 'bytes'
  | 'id'
  | 'bool'
  | 'double'
  | 'int64'
  | 'sint32'
  | 'uint32'
  | 'uint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed64';

export interface FieldSpec {
  readonly number: number;
  readonly type: Scalar | { readonly message: Record<string, FieldSpec> } | { readonly names: EnumNames };
  readonly repeated: boolean;
}

export type MessageSpec = Record<string, FieldSpec>;
type EnumNames = ReadonlyMap<string, number>;

const one = (number: number, type: FieldSpec['type']): FieldSpec => ({ number, type, repeated: false });
const many = (number: number, type: FieldSpec['type']): FieldSpec => ({ number, type, repeated: true });
const names = (prefix: string, values: string): { names: EnumNames } => ({
  names: new Map(values.split(' ').map((value, i) => [prefix + value, i])),
});

const severities = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap((name) =>
  ['', '2', '3', '4'].map((n) => name + n),
);
const severityNumber = names('SEVERITY_NUMBER_', ['UNSPECIFIED', ...severities].join(' '));
const spanKind = names('SPAN_KIND_', 'UNSPECIFIED INTERNAL SERVER CLIENT PRODUCER CONSUMER');
const statusCode = names('STATUS_CODE_', 'UNSET OK ERROR');
const temporality = names('AGGREGATION_TEMPORALITY_', 'UNSPECIFIED DELTA CUMULATIVE');

const anyValue: MessageSpec = {
  stringValue: one(1, 'string'),
  boolValue: one(2, 'bool'),
  intValue: one(3, 'int64'),
  doubleValue: one(4, 'double'),
  bytesValue: one(7, 'bytes'),
};
const keyValue: MessageSpec = { key: one(1, 'string'), value: one(2, { message: anyValue }) };
anyValue['arrayValue'] = one(5, { message: { values: many(1, { message: anyValue }) } });
anyValue['kvlistValue'] = one(6, { message: { values: many(1, { message: keyValue }) } });
const attributes = (number: number) => many(number, { message: keyValue });

const resource: MessageSpec = { attributes: attributes(1), droppedAttributesCount: one(2, 'uint32') };
const scope: MessageSpec = {
  name: one(1, 'string'),
  version: one(2, 'string'),
  attributes: attributes(3),
  droppedAttributesCount: one(4, 'uint32'),
};

const logRecord: MessageSpec = {
  timeUnixNano: one(1, 'fixed64'),
  observedTimeUnixNano: one(11, 'fixed64'),
  severityNumber: one(2, severityNumber),
  severityText: one(3, 'string'),
  body: one(5, { message: anyValue }),
  attributes: attributes(6),
  droppedAttributesCount: one(7, 'uint32'),
  flags: one(8, 'fixed32'),
  traceId: one(9, 'id'),
  spanId: one(10, 'id'),
  eventName: one(12, 'string'),
};

const span: MessageSpec = {
  traceId: one(1, 'id'),
  spanId: one(2, 'id'),
  traceState: one(3, 'string'),
  parentSpanId: one(4, 'id'),
  name: one(5, 'string'),
  kind: one(6, spanKind),
  startTimeUnixNano: one(7, 'fixed64'),
  endTimeUnixNano: one(8, 'fixed64'),
  attributes: attributes(9),
  droppedAttributesCount: one(10, 'uint32'),
  events: many(11, {
    message: {
      timeUnixNano: one(1, 'fixed64'),
      name: one(2, 'string'),
      attributes: attributes(3),
      droppedAttributesCount: one(4, 'uint32'),
    },
  }),
  droppedEventsCount: one(12, 'uint32'),
  links: many(13, {
    message: {
      traceId: one(1, 'id'),
      spanId: one(2, 'id'),
      traceState: one(3, 'string'),
      attributes: attributes(4),
      droppedAttributesCount: one(5, 'uint32'),
      flags: one(6, 'fixed32'),
    },
  }),
  droppedLinksCount: one(14, 'uint32'),
  status: one(15, { message: { message: one(2, 'string'), code: one(3, statusCode) } }),
  flags: one(16, 'fixed32'),
};

const exemplars = (number: number) =>
  many(number, {
    message: {
      filteredAttributes: attributes(7),
      timeUnixNano: one(2, 'fixed64'),
      asDouble: one(3, 'double'),
      asInt: one(6, 'sfixed64'),
      spanId: one(4, 'id'),
      traceId: one(5, 'id'),
    },
  });

const pointTimes: MessageSpec = {
  startTimeUnixNano: one(2, 'fixed64'),
  timeUnixNano: one(3, 'fixed64'),
};
const numberPoints = many(1, {
  message: {
    ...pointTimes,
    attributes: attributes(7),
    asDouble: one(4, 'double'),
    asInt: one(6, 'sfixed64'),
    exemplars: exemplars(5),
    flags: one(8, 'uint32'),
  },
});
const histogramPoints = many(1, {
  message: {
    ...pointTimes,
    attributes: attributes(9),
    count: one(4, 'fixed64'),
    sum: one(5, 'double'),
    bucketCounts: many(6, 'fixed64'),
    explicitBounds: many(7, 'double'),
    exemplars: exemplars(8),
    flags: one(10, 'uint32'),
    min: one(11, 'double'),
    max: one(12, 'double'),
  },
});
const buckets = { message: { offset: one(1, 'sint32'), bucketCounts: many(2, 'uint64') } } as const;
const exponentialHistogramPoints = many(1, {
  message: {
    ...pointTimes,
    attributes: attributes(1),
    count: one(4, 'fixed64'),
    sum: one(5, 'double'),
    scale: one(6, 'sint32'),
    zeroCount: one(7, 'fixed64'),
    positive: one(8, buckets),
    negative: one(9, buckets),
    flags: one(10, 'uint32'),
    exemplars: exemplars(11),
    min: one(12, 'double'),
    max: one(13, 'double'),
    zeroThreshold: one(14, 'double'),
  },
});
const summaryPoints = many(1, {
  message: {
    ...pointTimes,
    attributes: attributes(7),
    count: one(4, 'fixed64'),
    sum: one(5, 'double'),
    quantileValues: many(6, { message: { quantile: one(1, 'double'), value: one(2, 'double') } }),
    flags: one(8, 'uint32'),
  },
});
const aggregationTemporality = one(2, temporality);
const metric: MessageSpec = {
  name: one(1, 'string'),
  description: one(2, 'string'),
  unit: one(3, 'string'),
  gauge: one(5, { message: { dataPoints: numberPoints } }),
  sum: one(7, {
    message: { dataPoints: numberPoints, aggregationTemporality, isMonotonic: one(3, 'bool') },
  }),
  histogram: one(9, { message: { dataPoints: histogramPoints, aggregationTemporality } }),
  exponentialHistogram: one(10, {
    message: { dataPoints: exponentialHistogramPoints, aggregationTemporality },
  }),
  summary: one(11, { message: { dataPoints: summaryPoints } }),
  metadata: attributes(12),
};

/** The three levels that all signals have alike. */
function request(level: string, scopeLevel: string, records: string, record: MessageSpec): MessageSpec {
  const schemaUrl = one(3, 'string');
  const scopeEntry = {
    scope: one(1, { message: scope }),
    [records]: many(2, { message: record }),
    schemaUrl,
  };
  const entry = {
    resource: one(1, { message: resource }),
    [scopeLevel]: many(2, { message: scopeEntry }),
    schemaUrl,
  };
  return { [level]: many(1, { message: entry }) };
}

export const requestSpecs: Record<Signal, MessageSpec> = {
  logs: request('resourceLogs', 'scopeLogs', 'logRecords', logRecord),
  traces: request('resourceSpans', 'scopeSpans', 'spans', span),
  metrics: request('resourceMetrics', 'scopeMetrics', 'metrics', metric),
};
