import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { defaultDecodeLimits, type DecodeLimits, type Payload, type Signal } from '../schema/index.js';
import { bytes, concat, fixed64, message, text, uint, type Field } from '../../test/support/protobuf.js';
import { jsonPayload, now, payloadOf } from '../../test/support/payload.js';
import { BatchDecoder } from './batch/decoder.js';
import { transcodeJson } from './json/transcode.js';

const time = String(now);
type Json = Record<string, unknown>;

const log = (more: Json): Json => ({ timeUnixNano: time, body: { stringValue: 'x' }, ...more });
const span = (more: Json): Json => ({
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  name: 'x',
  startTimeUnixNano: time,
  endTimeUnixNano: time,
  ...more,
});
const point = (more: Json): Json => ({ timeUnixNano: time, ...more });

const logs = (records: Json[], resource = {}, scope = {}): Json => ({
  resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: records }] }],
});
const traces = (spans: Json[], resource = {}, scope = {}): Json => ({
  resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }],
});
const metrics =
  (type: string, more: Json = {}) =>
  (dataPoints: Json[], resource = {}, scope = {}): Json => ({
    resourceMetrics: [
      { resource, scopeMetrics: [{ scope, metrics: [{ name: 'm', [type]: { dataPoints }, ...more }] }] },
    ],
  });

const many = <T>(n: number, value: T): T[] => Array<T>(n).fill(value);
const values = (n: number) => ({ values: many(n, {}) });
/** An array that takes `n` elements itself, inside others. */
const nested = (levels: number, n: number): Json =>
  levels === 0
    ? { arrayValue: values(n) }
    : levels % 2
      ? { arrayValue: { values: [nested(levels - 1, n)] } }
      : { kvlistValue: { values: [{ key: 'k', value: nested(levels - 1, n) }] } };

interface Case {
  readonly name: string;
  readonly signal: Signal;
  readonly request: (records: Json[]) => Json;
  readonly record: (more: Json) => Json;
  /** The record's field with `n` elements in all; n is at least 8. */
  readonly field: (n: number) => Json;
}

const kinds = [
  ['logs', logs, log, 'attributes'],
  ['traces', traces, span, 'attributes'],
  ['metrics', metrics('gauge'), point, 'attributes'],
  ['metrics', metrics('sum'), point, 'attributes'],
  ['metrics', metrics('histogram'), point, 'attributes'],
  ['metrics', metrics('exponentialHistogram'), point, 'attributes'],
  ['metrics', metrics('summary'), point, 'attributes'],
] as const;

const cases: Case[] = [
  ...kinds.flatMap(([signal, request, record, name], i) => {
    const of = (what: string, field: (n: number) => Json): Case => {
      return { name: `${signal} ${i}: ${what}`, signal, request, record, field };
    };
    return [
      of('attributes', (n) => ({ [name]: many(n, {}) })),
      of('an array', (n) => ({ [name]: [{ key: 'a', value: { arrayValue: values(n - 1) } }] })),
      of('a map', (n) => ({ [name]: [{ key: 'a', value: { kvlistValue: values(n - 1) } }] })),
      of('nested arrays and maps', (n) => ({ [name]: [{ key: 'a', value: nested(5, n - 6) }] })),
    ];
  }),
  ...(['gauge', 'sum', 'histogram', 'exponentialHistogram'] as const).flatMap((type): Case[] => {
    const of = (what: string, field: (n: number) => Json): Case => {
      return { name: `${type}: ${what}`, signal: 'metrics', request: metrics(type), record: point, field };
    };
    return [
      of('exemplars', (n) => ({ exemplars: many(n, {}) })),
      of('attributes of an exemplar', (n) => ({ exemplars: [{ filteredAttributes: many(n - 1, {}) }] })),
    ];
  }),
  ...(
    [
      ['logs', logs, log, 'array body', (n: number) => ({ body: { arrayValue: values(n) } })],
      ['logs', logs, log, 'map body', (n: number) => ({ body: { kvlistValue: values(n) } })],
      ['traces', traces, span, 'events', (n: number) => ({ events: many(n, {}) })],
      ['traces', traces, span, 'links', (n: number) => ({ links: many(n, {}) })],
      [
        'traces',
        traces,
        span,
        'event attributes',
        (n: number) => ({ events: [{ attributes: many(n - 1, {}) }] }),
      ],
      [
        'traces',
        traces,
        span,
        'link attributes',
        (n: number) => ({ links: [{ attributes: many(n - 1, {}) }] }),
      ],
      [
        'metrics',
        metrics('histogram'),
        point,
        'bucket counts',
        (n: number) => ({ bucketCounts: many(n, 1) }),
      ],
      ['metrics', metrics('histogram'), point, 'bounds', (n: number) => ({ explicitBounds: many(n, 1) })],
      [
        'metrics',
        metrics('exponentialHistogram'),
        point,
        'positive buckets',
        (n: number) => ({ positive: { bucketCounts: many(n, 1) } }),
      ],
      [
        'metrics',
        metrics('exponentialHistogram'),
        point,
        'negative buckets',
        (n: number) => ({ negative: { bucketCounts: many(n, 1) } }),
      ],
      ['metrics', metrics('summary'), point, 'quantiles', (n: number) => ({ quantileValues: many(n, {}) })],
      [
        'traces',
        traces,
        span,
        'all together',
        (n: number) => ({
          attributes: many(n - 4, {}),
          events: [{ attributes: [{}] }],
          links: [{ attributes: [{}] }],
        }),
      ],
    ] as const
  ).map(([signal, request, record, name, field]): Case => {
    return { name: `${signal}: ${name}`, signal, request, record, field };
  }),
];

const decoders = new Map<Signal, BatchDecoder>();

function decode(signal: Signal, payload: Payload, limits: Partial<DecodeLimits>) {
  const decoder = decoders.get(signal) ?? new BatchDecoder(signal, {});
  decoders.set(signal, decoder);
  const { results, batch } = decoder.decode(
    [{ ...payload, limits: { ...defaultDecodeLimits, ...limits } }],
    Infinity,
  );
  return { result: results[0]!, batch };
}

/** The request as JSON, and the same as protobuf and as compressed protobuf. */
function payloads(signal: Signal, request: Json): [string, Payload][] {
  const json = Buffer.from(JSON.stringify(request));
  const protobuf = transcodeJson(signal, json, Infinity);
  return [
    ['json', jsonPayload(request)],
    ['protobuf', payloadOf(protobuf)],
    ['gzip', payloadOf(gzipSync(protobuf), { encoding: 'gzip' })],
  ];
}

describe('bounds of a record', () => {
  for (const { name, signal, request, record, field } of cases) {
    it(`${name}: as many elements as allowed pass, one more rejects the record alone`, () => {
      for (const n of [8, 20]) {
        const neighbour = record({});
        const good = request([neighbour, record(field(n)), neighbour]);
        const bad = request([
          neighbour,
          record(field(n + 1)),
          neighbour,
          record(field(n)),
          record(field(n + 2)),
        ]);
        for (const [format, payload] of payloads(signal, good)) {
          const { result } = decode(signal, payload, { maxRecordElements: n });
          assert.ok(
            result.ok && result.rows === 3 && result.rejected === 0,
            `${format}: ${JSON.stringify(result)}`,
          );
        }
        for (const [format, payload] of payloads(signal, bad)) {
          const { result, batch } = decode(signal, payload, { maxRecordElements: n });
          assert.ok(
            result.ok && result.rows === 3 && result.rejected === 2,
            `${format}: ${JSON.stringify(result)}`,
          );
          assert.deepEqual(result.rejections, { too_many_elements: 2 });
          assert.match(result.reason, new RegExp(`too large: .* ${n} \\(CANARDSTACK_MAX_RECORD_ELEMENTS\\)`));
          // The rows are those that a request without the rejected records gives, to the byte.
          const alike = decode(
            signal,
            payloads(signal, request([neighbour, neighbour, record(field(n))])).find(
              ([f]) => f === format,
            )![1],
            { maxRecordElements: n },
          );
          assert.deepEqual(batch.tables, alike.batch.tables, format);
          assert.deepEqual(Buffer.from(batch.arena), Buffer.from(alike.batch.arena), format);
        }
      }
    });
  }

  it('counts packed and single values alike', () => {
    const record = (fields: readonly Field[]) => message(1, fixed64(3, now), ...fields);
    const request = (field: number, points: Uint8Array[]) =>
      message(
        1,
        bytes(1, new Uint8Array(0)),
        message(2, message(2, text(1, 'm'), message(field, ...points))),
      );
    const limit = 10;
    const packed: [string, number, (n: number) => Field][] = [
      ['bucket_counts', 9, (n) => bytes(6, new Uint8Array(n * 8))],
      ['explicit_bounds', 9, (n) => bytes(7, new Uint8Array(n * 8))],
      ['positive', 10, (n) => message(8, bytes(2, new Uint8Array(n)))],
      ['negative', 10, (n) => message(9, bytes(2, new Uint8Array(n)))],
      ['positive, both', 10, (n) => message(8, bytes(2, new Uint8Array(n - 1)), uint(2, 1))],
      ['bucket_counts, both', 9, (n) => concat([bytes(6, new Uint8Array(n * 8 - 8)), fixed64(6, 1n)])],
    ];
    for (const [name, type, field] of packed) {
      const payload = payloadOf(
        request(type, [record([field(limit)]), record([field(limit + 1)]), record([field(limit)])]),
      );
      const { result } = decode('metrics', payload, { maxRecordElements: limit });
      assert.ok(
        result.ok && result.rows === 2 && result.rejected === 1,
        `${name}: ${JSON.stringify(result)}`,
      );
    }
  });

  it('bounds the text of a record exactly, whatever it is made of', () => {
    const limit = 4000;
    const kinds: [string, Signal, (records: Json[]) => Json, (length: number) => Json, number][] = [
      ['body', 'logs', logs, (n) => ({ timeUnixNano: time, body: { stringValue: 'b'.repeat(n) } }), 0],
      // {"k":"..."}
      [
        'attribute',
        'logs',
        logs,
        (n) => ({ timeUnixNano: time, attributes: [{ key: 'k', value: { stringValue: 'v'.repeat(n) } }] }),
        8,
      ],
      [
        'span',
        'traces',
        traces,
        (n) => span({ attributes: [{ key: 'k', value: { stringValue: 'v'.repeat(n) } }] }),
        8 + 32 + 16,
      ],
      [
        'point',
        'metrics',
        metrics('gauge'),
        (n) => point({ attributes: [{ key: 'k', value: { stringValue: 'v'.repeat(n) } }] }),
        8,
      ],
    ];
    for (const [name, signal, request, record, overhead] of kinds) {
      for (const [format, payload] of payloads(signal, request([record(limit - overhead), record(1)]))) {
        const { result } = decode(signal, payload, { maxRecordBytes: limit });
        assert.ok(
          result.ok && result.rows === 2 && result.rejected === 0,
          `${name} ${format}: ${JSON.stringify(result)}`,
        );
      }
      for (const [format, payload] of payloads(signal, request([record(limit - overhead + 1), record(1)]))) {
        const { result } = decode(signal, payload, { maxRecordBytes: limit });
        assert.ok(
          result.ok && result.rows === 1 && result.rejected === 1,
          `${name} ${format}: ${JSON.stringify(result)}`,
        );
        assert.deepEqual(result.rejections, { too_many_bytes: 1 });
        assert.match(result.reason, /too large: .* 4000 bytes \(CANARDSTACK_MAX_RECORD_BYTES\)/);
      }
    }
  });

  it('stops early where a string becomes many times its size', () => {
    for (const body of ['\0'.repeat(300_000), '"'.repeat(900_000)]) {
      const record = log({ attributes: [{ key: 'k', value: { stringValue: body } }] });
      for (const [format, payload] of payloads('logs', logs([log({}), record, log({})]))) {
        const { result } = decode('logs', payload, { maxRecordBytes: 1_000_000 });
        assert.ok(
          result.ok && result.rows === 2 && result.rejected === 1,
          `${format}: ${JSON.stringify(result)}`,
        );
      }
    }
  });
});

describe('bounds of a request', () => {
  const refused = (signal: Signal, request: Json, limits: Partial<DecodeLimits>, setting: string) => {
    for (const [format, payload] of payloads(signal, request)) {
      const { result, batch } = decode(signal, payload, limits);
      assert.ok(!result.ok && result.code === 'too_large', `${format}: ${JSON.stringify(result)}`);
      assert.match(result.message, new RegExp(`\\d+.*CANARDSTACK_${setting}`));
      assert.equal(batch.tables.length, 0);
    }
  };
  const accepted = (signal: Signal, request: Json, limits: Partial<DecodeLimits>) => {
    for (const [format, payload] of payloads(signal, request)) {
      const { result } = decode(signal, payload, limits);
      assert.ok(result.ok && result.rejected === 0, `${format}: ${JSON.stringify(result)}`);
    }
  };

  it('counts records', () => {
    for (const [signal, request, record] of kinds) {
      accepted(signal, request(many(20, record({}))), { maxRequestRecords: 20 });
      refused(signal, request(many(21, record({}))), { maxRequestRecords: 20 }, 'MAX_REQUEST_RECORDS');
    }
  });

  it('refuses a resource, scope or metric that is over the bounds of a record', () => {
    const limits = { maxRecordElements: 10, maxRecordBytes: 1000 };
    const large = { attributes: [{ key: 'k', value: { stringValue: 'v'.repeat(1000) } }] };
    for (const [signal, request, record] of kinds) {
      accepted(
        signal,
        request([record({})], { attributes: many(10, {}) }, { attributes: many(10, {}) }),
        limits,
      );
      refused(signal, request([record({})], { attributes: many(11, {}) }), limits, 'MAX_RECORD_ELEMENTS');
      refused(signal, request([record({})], {}, { attributes: many(11, {}) }), limits, 'MAX_RECORD_ELEMENTS');
      refused(signal, request([record({})], large), limits, 'MAX_RECORD_BYTES');
      refused(signal, request([record({})], {}, large), limits, 'MAX_RECORD_BYTES');
    }
    const metadata = (n: number) => metrics('gauge', { metadata: many(n, {}) })([point({})]);
    accepted('metrics', metadata(10), limits);
    refused('metrics', metadata(11), limits, 'MAX_RECORD_ELEMENTS');
    refused(
      'metrics',
      metrics('sum', { description: 'd'.repeat(1001) })([point({})]),
      limits,
      'MAX_RECORD_BYTES',
    );
  });

  it('counts what rows take, and what they share in each of them', () => {
    const limits = { maxRequestRowBytes: 1_000_000 };
    const resource = { attributes: [{ key: 'k', value: { stringValue: 'v'.repeat(10_000) } }] };
    for (const [signal, request, record] of kinds) {
      accepted(signal, request(many(50, record({})), resource), limits);
      refused(signal, request(many(150, record({})), resource), limits, 'MAX_REQUEST_ROW_BYTES');
      refused(signal, request(many(150, record({})), {}, resource), limits, 'MAX_REQUEST_ROW_BYTES');
      refused(signal, request(many(10_000, record({}))), limits, 'MAX_REQUEST_ROW_BYTES');
    }
    const described = metrics('gauge', { description: 'd'.repeat(10_000) });
    accepted('metrics', described(many(50, point({}))), limits);
    refused('metrics', described(many(150, point({}))), limits, 'MAX_REQUEST_ROW_BYTES');
    const buckets = point({ bucketCounts: many(100, 1) });
    accepted('metrics', metrics('histogram')(many(50, buckets)), limits);
    refused('metrics', metrics('histogram')(many(1000, buckets)), limits, 'MAX_REQUEST_ROW_BYTES');
  });

  it('counts entries that give no row', () => {
    const limits = { maxRequestRowBytes: 1_000_000 };
    for (const n of [1000, 3000]) {
      const check = (signal: Signal, request: Json) =>
        n === 1000
          ? accepted(signal, request, limits)
          : refused(signal, request, limits, 'MAX_REQUEST_ROW_BYTES');
      check('logs', { resourceLogs: many(n, {}) });
      check('traces', { resourceSpans: many(n, {}) });
      check('metrics', { resourceMetrics: many(n, {}) });
      check('logs', { resourceLogs: [{ scopeLogs: many(n, {}) }] });
      check('traces', { resourceSpans: [{ scopeSpans: many(n, {}) }] });
      check('metrics', { resourceMetrics: [{ scopeMetrics: many(n, {}) }] });
      check('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics: many(n, {}) }] }] });
      check('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics: many(n, { gauge: {} }) }] }] });
    }
    const resources = (n: number) => payloadOf(message(1, ...many(n, bytes(1, new Uint8Array(0)))));
    assert.ok(decode('logs', resources(1000), limits).result.ok);
    const { result } = decode('logs', resources(3000), limits);
    assert.ok(!result.ok && /CANARDSTACK_MAX_REQUEST_ROW_BYTES/.test(result.message));
  });

  it('counts the values of JSON before it is parsed', () => {
    const body = `{"unknown":[${'{},'.repeat(200_000)}{}]}`;
    assert.ok(decode('logs', jsonPayload(body), {}).result.ok);
    const { result } = decode('logs', jsonPayload(body), { maxRequestRowBytes: 10_000_000 });
    assert.ok(!result.ok && result.code === 'too_large');
    assert.match(result.message, /more than 10000000 bytes .*CANARDSTACK_MAX_REQUEST_ROW_BYTES/);
  });

  it('refuses a whole payload that brings no limits of its own', () => {
    const decoder = new BatchDecoder('logs', { maxRecordElements: 10 });
    const request = logs([log({}), log({ attributes: many(11, {}) })]);
    const { results, batch } = decoder.decode([jsonPayload(request)], Infinity);
    assert.ok(results[0] && !results[0].ok && results[0].code === 'too_large');
    assert.match(results[0].message, /of a record: .* 10 \(CANARDSTACK_MAX_RECORD_ELEMENTS\)/);
    assert.equal(batch.tables.length, 0);
  });
});
