/** Requests in which one field is repeated as often as asked, each element as small as the format allows. */
import type { Signal } from '../../src/schema/index.js';

/** Bodies are cut here: a larger one is refused for its size alone. */
const mostBytes = 72 * 1024 * 1024;

export interface HostileField {
  readonly name: string;
  readonly signal: Signal;
  /** What stands around the elements, from the outermost on, and the element itself. */
  readonly protobuf?: Shape<Buffer>;
  readonly json?: Shape<string>;
}

interface Shape<T> {
  readonly around: (elements: Buffer) => Buffer;
  readonly element: T;
}

function varint(value: number): Buffer {
  const out: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push((value & 127) | 128);
  out.push(value);
  return Buffer.from(out);
}

const field = (number: number, ...content: Buffer[]): Buffer => {
  const body = Buffer.concat(content);
  return Buffer.concat([varint(number * 8 + 2), varint(body.length), body]);
};

const now = BigInt(Date.now()) * 1_000_000n;
const fixed = (number: number): Buffer => {
  const value = Buffer.alloc(8);
  value.writeBigUInt64LE(now);
  return Buffer.concat([varint(number * 8 + 1), value]);
};
const empty = (number: number) => field(number);
const text = (number: number, value: string) => field(number, Buffer.from(value));

/** Resource and scope entry around records. */
const entries = (...records: Buffer[]) => field(1, field(2, ...records));
const ids = Buffer.concat([field(1, Buffer.alloc(16, 1)), field(2, Buffer.alloc(8, 1))]);
const log = (content: Buffer) => entries(field(2, fixed(1), content));
const span = (content: Buffer) => entries(field(2, ids, fixed(7), fixed(8), content));
const metric = (type: number, ...points: Buffer[]) =>
  entries(field(2, text(1, 'hostile'), field(type, ...points)));
const point = (type: number) => (content: Buffer) => metric(type, field(1, fixed(3), content));

/** `[…]` with what `template` has around its `@`. */
const json =
  (template: string) =>
  (elements: Buffer): Buffer => {
    const [before = '', after = ''] = template.replaceAll('#', `"${now}"`).split('@');
    return Buffer.concat([Buffer.from(before), elements, Buffer.from(after)]);
  };
const jsonLogs = (records: string) => json(`{"resourceLogs":[{"scopeLogs":[{"logRecords":${records}}]}]}`);
const jsonLog = (inner: string) => jsonLogs(`[{"timeUnixNano":#,${inner}}]`);
const jsonIds = '"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"';
const jsonSpans = (spans: string) => json(`{"resourceSpans":[{"scopeSpans":[{"spans":${spans}}]}]}`);
const jsonSpan = (inner: string) =>
  jsonSpans(`[{${jsonIds},"startTimeUnixNano":#,"endTimeUnixNano":#,${inner}}]`);
const jsonMetrics = (metrics: string) =>
  json(`{"resourceMetrics":[{"scopeMetrics":[{"metrics":${metrics}}]}]}`);
const jsonPoints = (type: string, points: string) =>
  jsonMetrics(`[{"name":"hostile","${type}":{"dataPoints":${points}}}]`);
const jsonPoint = (type: string, inner: string) => jsonPoints(type, `[{"timeUnixNano":#,${inner}}]`);

function of(
  signal: Signal,
  name: string,
  protobuf: ((elements: Buffer) => Buffer) | null,
  element: Buffer,
  jsonAround: ((elements: Buffer) => Buffer) | null,
  jsonElement = '{}',
): HostileField {
  return {
    name,
    signal,
    ...(protobuf && { protobuf: { around: protobuf, element } }),
    ...(jsonAround && { json: { around: jsonAround, element: jsonElement } }),
  };
}

const attribute = (number: number, kind: number) => (elements: Buffer) =>
  field(number, text(1, 'k'), field(2, field(kind, elements)));
const nest = (elements: Buffer) => {
  let value = field(5, elements);
  for (let level = 0; level < 30; level++) value = field(5, field(1, value));
  return value;
};
const many = (unit: Buffer) => unit;
const points = [
  ['gauge', 5, 7],
  ['sum', 7, 7],
  ['histogram', 9, 9],
  ['exponentialHistogram', 10, 1],
  ['summary', 11, 7],
] as const;
const spanMessage = field(2, ids, fixed(7), fixed(8));
const kilobytes = 'v'.repeat(100_000);

export const hostileFields: readonly HostileField[] = [
  of('logs', 'resources', many, empty(1), json('{"resourceLogs":[@]}')),
  of('logs', 'resource messages', (e) => field(1, e), empty(1), null),
  of('logs', 'scopes', (e) => field(1, e), empty(2), json('{"resourceLogs":[{"scopeLogs":[@]}]}')),
  of('logs', 'log records', entries, empty(2), jsonLogs('[@]')),
  of('logs', 'log attributes', log, empty(6), jsonLog('"attributes":[@]')),
  of(
    'logs',
    'array in an attribute',
    (e) => log(attribute(6, 5)(e)),
    empty(1),
    jsonLog('"attributes":[{"key":"k","value":{"arrayValue":{"values":[@]}}}]'),
  ),
  of(
    'logs',
    'map in an attribute',
    (e) => log(attribute(6, 6)(e)),
    empty(1),
    jsonLog('"attributes":[{"key":"k","value":{"kvlistValue":{"values":[@]}}}]'),
  ),
  of(
    'logs',
    'array as body',
    (e) => log(field(5, field(5, e))),
    empty(1),
    jsonLog('"body":{"arrayValue":{"values":[@]}}'),
  ),
  of(
    'logs',
    'map as body',
    (e) => log(field(5, field(6, e))),
    empty(1),
    jsonLog('"body":{"kvlistValue":{"values":[@]}}'),
  ),
  of(
    'logs',
    'array, 30 levels down',
    (e) => log(field(5, nest(e))),
    empty(1),
    jsonLog(
      `"body":${'{"arrayValue":{"values":['.repeat(30)}{"arrayValue":{"values":[@]}}${']}}'.repeat(30)}`,
    ),
  ),
  of(
    'logs',
    'body of control characters',
    (e) => log(field(5, field(6, field(1, text(1, 'k'), field(2, field(1, e)))))),
    Buffer.from([0]),
    jsonLog('"body":{"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"@"}}]}}'),
    '\\u0001',
  ),
  of(
    'logs',
    'resource attributes',
    (e) => field(1, field(1, e), field(2, field(2, fixed(1)))),
    empty(1),
    json('{"resourceLogs":[{"resource":{"attributes":[@]},"scopeLogs":[{"logRecords":[{}]}]}]}'),
  ),
  of(
    'logs',
    'scope attributes',
    (e) => field(1, field(2, field(1, e), field(2, fixed(1)))),
    empty(3),
    json('{"resourceLogs":[{"scopeLogs":[{"scope":{"attributes":[@]},"logRecords":[{}]}]}]}'),
  ),
  of(
    'logs',
    'records of a resource of 100 kB',
    (e) => field(1, field(1, field(1, text(1, 'k'), field(2, text(1, kilobytes)))), field(2, e)),
    empty(2),
    json(
      `{"resourceLogs":[{"resource":{"attributes":[{"key":"k","value":{"stringValue":"${kilobytes}"}}]},"scopeLogs":[{"logRecords":[@]}]}]}`,
    ),
  ),
  of('traces', 'spans', entries, spanMessage, jsonSpans('[@]'), `{${jsonIds}}`),
  of('traces', 'span attributes', span, empty(9), jsonSpan('"attributes":[@]')),
  of('traces', 'events', span, empty(11), jsonSpan('"events":[@]')),
  of(
    'traces',
    'event attributes',
    (e) => span(field(11, e)),
    empty(3),
    jsonSpan('"events":[{"attributes":[@]}]'),
  ),
  of('traces', 'links', span, empty(13), jsonSpan('"links":[@]')),
  of(
    'traces',
    'link attributes',
    (e) => span(field(13, e)),
    empty(4),
    jsonSpan('"links":[{"attributes":[@]}]'),
  ),
  of('metrics', 'metrics', entries, empty(2), jsonMetrics('[@]')),
  of(
    'metrics',
    'metric metadata',
    (e) => entries(field(2, text(1, 'm'), field(5, field(1, fixed(3))), e)),
    empty(12),
    jsonMetrics('[{"name":"m","gauge":{"dataPoints":[{}]},"metadata":[@]}]'),
  ),
  ...points.flatMap(([type, number, attributes]) => [
    of('metrics', `${type} points`, (e) => metric(number, e), empty(1), jsonPoints(type, '[@]')),
    of(
      'metrics',
      `${type} attributes`,
      point(number),
      empty(attributes),
      jsonPoint(type, '"attributes":[@]'),
    ),
  ]),
  ...(
    [
      ['gauge', 5, 5],
      ['histogram', 9, 8],
      ['exponentialHistogram', 10, 11],
    ] as const
  ).flatMap(([type, number, exemplars]) => [
    of('metrics', `${type} exemplars`, point(number), empty(exemplars), jsonPoint(type, '"exemplars":[@]')),
    of(
      'metrics',
      `${type} exemplar attributes`,
      (e) => point(number)(field(exemplars, e)),
      empty(7),
      jsonPoint(type, '"exemplars":[{"filteredAttributes":[@]}]'),
    ),
  ]),
  of(
    'metrics',
    'bucket counts',
    (e) => point(9)(field(6, e)),
    Buffer.alloc(8),
    jsonPoint('histogram', '"bucketCounts":[@]'),
    '0',
  ),
  of(
    'metrics',
    'bucket counts, one by one',
    point(9),
    Buffer.concat([varint(6 * 8 + 1), Buffer.alloc(8)]),
    null,
  ),
  of(
    'metrics',
    'explicit bounds',
    (e) => point(9)(field(7, e)),
    Buffer.alloc(8),
    jsonPoint('histogram', '"explicitBounds":[@]'),
    '0',
  ),
  of(
    'metrics',
    'positive buckets',
    (e) => point(10)(field(8, field(2, e))),
    Buffer.from([0]),
    jsonPoint('exponentialHistogram', '"positive":{"bucketCounts":[@]}'),
    '0',
  ),
  of(
    'metrics',
    'negative buckets, one by one',
    (e) => point(10)(field(9, e)),
    Buffer.from([16, 0]),
    jsonPoint('exponentialHistogram', '"negative":{"bucketCounts":[@]}'),
    '0',
  ),
  of('metrics', 'quantiles', point(11), empty(6), jsonPoint('summary', '"quantileValues":[@]')),
];

/** The request with `count` elements, or as many as fit the largest body worth sending; null: not in this format. */
export function hostileRequest(
  { protobuf, json: inJson }: HostileField,
  format: 'protobuf' | 'json',
  count: number,
): { body: Buffer; count: number } | null {
  if (format === 'protobuf') {
    if (!protobuf) return null;
    const { element } = protobuf;
    const n = Math.min(count, Math.floor(mostBytes / element.length));
    return { body: protobuf.around(Buffer.alloc(n * element.length, element)), count: n };
  }
  if (!inJson) return null;
  const characters = inJson.element.startsWith('\\');
  const element = characters ? inJson.element : `${inJson.element},`;
  const n = Math.min(count, Math.floor(mostBytes / element.length));
  const elements = Buffer.alloc(n * element.length, element);
  return { body: inJson.around(characters ? elements : elements.subarray(0, -1)), count: n };
}
