import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkBatch, rowsOf } from '../../test/support/batch-reader.js';
import { jsonPayload, now, payloadOf } from '../../test/support/payload.js';
import { bytes, concat, double, fixed64, message, text, uint } from '../../test/support/protobuf.js';
import { tables, type Payload } from '../schema/index.js';
import { BatchDecoder } from './batch/decoder.js';

const decoder = new BatchDecoder('metrics', { maxDecodedBodyBytes: 1024 * 1024 });

function decodeMetrics(...payloads: Payload[]) {
  const { results, batch } = decoder.decode(payloads, Infinity);
  checkBatch(batch);
  return { results, rows: (name: string) => rowsOf(batch, `metric_${name}` as never) };
}

const attribute = (field: number, key: string, ...value: Uint8Array[]) =>
  message(field, text(1, key), message(2, ...value));
const request = (...metrics: Uint8Array[]) => message(1, message(2, ...metrics));
const zigzag = (value: number) => BigInt(value < 0 ? -value * 2 - 1 : value * 2);
const packed = (field: number, values: Uint8Array[]) => bytes(field, concat(values));
const untagged = (value: Uint8Array) => value.subarray(1);
const start = now - 60_000_000_000n;
const common = [fixed64(2, start), fixed64(3, now)];

describe('metrics', () => {
  it('derive an instance from what tells processes apart, when they name none', () => {
    const derived = (attributes: Record<string, string | number>) => {
      const { rows } = decodeMetrics(
        jsonPayload({
          resourceMetrics: [
            {
              resource: {
                attributes: Object.entries(attributes).map(([key, value]) => ({
                  key,
                  value: typeof value === 'number' ? { intValue: value } : { stringValue: value },
                })),
              },
              scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asDouble: 1 }] } }] }],
            },
          ],
        }),
      );
      const [row] = rows('gauge');
      return [row?.['service_instance_id'], row?.['derived_instance_id']];
    };
    assert.deepEqual(derived({ 'host.name': 'web-1', 'process.pid': 17 }), [null, 'web-1:17']);
    assert.deepEqual(derived({ 'process.pid': 17 }), [null, '17']);
    assert.deepEqual(derived({ 'process.pid': '17', 'host.id': 'h', 'container.id': 'c' }), [null, 'h:c:17']);
    assert.deepEqual(derived({ 'faas.instance': 'f', 'host.name': '' }), [null, 'f']);
    assert.deepEqual(derived({ 'service.instance.id': '', 'process.pid': 1 }), [null, '1']);
    assert.deepEqual(derived({ 'host.name': 'web-1' }), [null, null]);
    assert.deepEqual(derived({ 'service.instance.id': 'i', 'process.pid': 17 }), ['i', null]);
    assert.deepEqual(derived({ 'service.name': 'x' }), [null, null]);
  });

  it('keep points whose exemplars have malformed ids, without these', () => {
    const exemplars = [
      { asDouble: 1, traceId: 'zz', spanId: '0102030405060708' },
      { asDouble: 2, spanId: 5 },
    ];
    const { rows, results } = decodeMetrics(
      jsonPayload({
        resourceMetrics: [
          {
            scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asDouble: 1, exemplars }] } }] }],
          },
        ],
      }),
    );
    assert.ok(results[0]?.ok && results[0].rejected === 0);
    assert.deepEqual(results[0].droppedIds, { exemplar: 2 });
    assert.deepEqual(JSON.parse(rows('gauge')[0]?.['exemplars_json'] as string), [
      { time_unix_nano: '0', value: 1, span_id: '0102030405060708', filtered_attributes: {} },
      { time_unix_nano: '0', value: 2, filtered_attributes: {} },
    ]);
  });

  const exemplar = (field: number) =>
    message(
      field,
      fixed64(2, now - 3n),
      double(3, 0.5),
      bytes(4, new Uint8Array(8).fill(2)),
      bytes(5, new Uint8Array(16).fill(1)),
      attribute(7, 'user', text(1, 'u1')),
    );
  const exemplarJson = [
    {
      timeUnixNano: String(now - 3n),
      asDouble: 0.5,
      spanId: '02'.repeat(8),
      traceId: '01'.repeat(16),
      filteredAttributes: [{ key: 'user', value: { stringValue: 'u1' } }],
    },
  ];
  const exemplarRow = [
    {
      time_unix_nano: String(now - 3n),
      value: 0.5,
      trace_id: '01'.repeat(16),
      span_id: '02'.repeat(8),
      filtered_attributes: { user: 'u1' },
    },
  ];
  const protobuf = request(
    message(
      2,
      text(1, 'room.temperature'),
      text(2, 'how warm it is'),
      text(3, 'Cel'),
      message(
        5,
        message(
          1,
          attribute(7, 'room', text(1, 'kitchen')),
          ...common,
          double(4, 21.5),
          exemplar(5),
          uint(8, 2),
        ),
        message(1, fixed64(3, now), fixed64(6, -7n)),
        message(1, fixed64(3, now), double(4, 5), uint(8, 1)),
        message(1, fixed64(3, now), double(4, NaN)),
      ),
      attribute(12, 'source', text(1, 'sensor')),
    ),
    message(
      2,
      text(1, 'http.requests'),
      text(3, '{request}'),
      message(7, uint(2, 2), message(1, ...common, fixed64(6, 2n ** 60n + 1n)), uint(3, 1)),
    ),
    message(2, text(1, 'in.flight'), message(7, message(1, ...common, double(4, -2)), uint(2, 1))),
    message(
      2,
      text(1, 'latency'),
      text(3, 'ms'),
      message(
        9,
        message(
          1,
          ...common,
          fixed64(4, 4n),
          double(5, 26.5),
          packed(
            6,
            [1n, 2n, 0n, 1n].map((n) => untagged(fixed64(6, n))),
          ),
          packed(
            7,
            [1, 5, 10].map((n) => untagged(double(7, n))),
          ),
          exemplar(8),
          attribute(9, 'route', text(1, '/a')),
          uint(10, 0),
          double(11, 0.5),
          double(12, 20),
        ),
        message(
          1,
          ...common,
          fixed64(6, 3n),
          fixed64(4, 2n ** 64n - 1n),
          fixed64(6, 2n ** 63n),
          double(7, 2),
        ),
        uint(2, 1),
      ),
    ),
    message(
      2,
      text(1, 'size'),
      text(3, 'By'),
      message(
        10,
        message(
          1,
          attribute(1, 'route', text(1, '/a')),
          ...common,
          fixed64(4, 9n),
          double(5, 7),
          uint(6, zigzag(-3)),
          fixed64(7, 1n),
          message(
            8,
            uint(1, zigzag(-5)),
            packed(
              2,
              [1, 300, 0].map((n) => untagged(uint(2, n))),
            ),
          ),
          message(9, uint(1, zigzag(4)), uint(2, 2), uint(2, 2n ** 64n - 1n)),
          uint(10, 0),
          exemplar(11),
          double(12, 1),
          double(13, 4),
          double(14, 0.25),
        ),
        uint(2, 2),
      ),
    ),
    message(
      2,
      text(1, 'gc.pause'),
      message(
        11,
        message(
          1,
          attribute(7, 'gen', uint(3, 1)),
          ...common,
          fixed64(4, 10n),
          double(5, 12.5),
          message(6, double(1, 0.5), double(2, 1)),
          message(6, double(1, 0.99), double(2, 3)),
        ),
      ),
    ),
  );
  const times = { startTimeUnixNano: String(start), timeUnixNano: String(now) };
  const attributesJson = (key: string, value: unknown) => [{ key, value }];
  const json = {
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            metrics: [
              {
                name: 'room.temperature',
                description: 'how warm it is',
                unit: 'Cel',
                metadata: attributesJson('source', { stringValue: 'sensor' }),
                gauge: {
                  dataPoints: [
                    {
                      ...times,
                      attributes: attributesJson('room', { stringValue: 'kitchen' }),
                      asDouble: 21.5,
                      exemplars: exemplarJson,
                      flags: 2,
                    },
                    { timeUnixNano: String(now), asInt: '-7' },
                    { timeUnixNano: String(now), asDouble: 5, flags: 1 },
                    { timeUnixNano: String(now), asDouble: 'NaN' },
                  ],
                },
              },
              {
                name: 'http.requests',
                unit: '{request}',
                sum: {
                  dataPoints: [{ ...times, asInt: String(2n ** 60n + 1n) }],
                  aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
                  isMonotonic: true,
                },
              },
              {
                name: 'in.flight',
                sum: { dataPoints: [{ ...times, asDouble: -2 }], aggregationTemporality: 1 },
              },
              {
                name: 'latency',
                unit: 'ms',
                histogram: {
                  aggregationTemporality: 1,
                  dataPoints: [
                    {
                      ...times,
                      count: '4',
                      sum: 26.5,
                      bucketCounts: ['1', 2, '0', '1'],
                      explicitBounds: [1, 5, 10],
                      exemplars: exemplarJson,
                      attributes: attributesJson('route', { stringValue: '/a' }),
                      min: 0.5,
                      max: 20,
                    },
                    {
                      ...times,
                      count: String(2n ** 64n - 1n),
                      bucketCounts: ['3', String(2n ** 63n)],
                      explicitBounds: [2],
                    },
                  ],
                },
              },
              {
                name: 'size',
                unit: 'By',
                exponentialHistogram: {
                  aggregationTemporality: 2,
                  dataPoints: [
                    {
                      ...times,
                      attributes: attributesJson('route', { stringValue: '/a' }),
                      count: 9,
                      sum: 7,
                      scale: -3,
                      zeroCount: 1,
                      positive: { offset: -5, bucketCounts: [1, '300', 0] },
                      negative: { offset: 4, bucketCounts: [2, String(2n ** 64n - 1n)] },
                      exemplars: exemplarJson,
                      min: 1,
                      max: 4,
                      zeroThreshold: 0.25,
                    },
                  ],
                },
              },
              {
                name: 'gc.pause',
                summary: {
                  dataPoints: [
                    {
                      ...times,
                      attributes: attributesJson('gen', { intValue: '1' }),
                      count: 10,
                      sum: 12.5,
                      quantileValues: [
                        { quantile: 0.5, value: 1 },
                        { quantile: 0.99, value: 3 },
                      ],
                    },
                  ],
                },
              },
            ],
          },
        ],
      },
    ],
  };

  for (const [format, payload] of [
    ['protobuf', () => payloadOf(protobuf)],
    ['JSON', () => jsonPayload(json)],
  ] as const) {
    it(`keeps every field of every type, from ${format}`, () => {
      const { rows, results } = decodeMetrics(payload());
      assert.deepEqual(
        results.map((result) => result.ok && [result.rows, result.rejected]),
        [[10, 0]],
      );

      const gauges = rows('gauge');
      assert.deepEqual(
        gauges.map((row) => [row['value'], row['value_int']]),
        [
          [21.5, null],
          [-7, -7n],
          [null, null],
          [NaN, null],
        ],
      );
      const [first, second] = gauges;
      assert.ok(first && second);
      assert.deepEqual(JSON.parse(first['exemplars_json'] as string), exemplarRow);
      pick(first, {
        timestamp: now / 1000n,
        time_unix_nano: now,
        start_timestamp: start / 1_000_000n,
        start_time_unix_nano: start,
        metric_name: 'room.temperature',
        prometheus_name: 'room_temperature_celsius',
        metric_description: 'how warm it is',
        metric_unit: 'Cel',
        metric_metadata: '{"source":"sensor"}',
        metric_attributes: '{"room":"kitchen"}',
        flags: 2n,
        service_name: null,
        ingested_at: now / 1000n,
      });
      pick(second, {
        start_timestamp: null,
        start_time_unix_nano: null,
        exemplars_json: null,
        metric_attributes: null,
      });

      const [counter, inFlight] = rows('sum');
      assert.ok(counter && inFlight);
      pick(counter, {
        prometheus_name: 'http_requests_total',
        metric_unit: '{request}',
        value: Number(2n ** 60n + 1n),
        value_int: 2n ** 60n + 1n,
        aggregation_temporality: 2,
        is_monotonic: 1,
      });
      pick(inFlight, {
        prometheus_name: 'in_flight',
        value: -2,
        aggregation_temporality: 1,
        is_monotonic: 0,
      });

      const [latency, clamped] = rows('histogram');
      assert.ok(latency && clamped);
      pick(latency, {
        prometheus_name: 'latency_milliseconds',
        count: 4n,
        sum: 26.5,
        min: 0.5,
        max: 20,
        bucket_counts: [1n, 2n, 0n, 1n],
        explicit_bounds: [1, 5, 10],
        aggregation_temporality: 1,
        metric_attributes: '{"route":"/a"}',
      });
      assert.deepEqual(JSON.parse(latency['exemplars_json'] as string), exemplarRow);
      const most = 2n ** 63n - 1n;
      pick(clamped, {
        count: most,
        bucket_counts: [3n, most],
        explicit_bounds: [2],
        sum: null,
        min: null,
        max: null,
      });

      const [size] = rows('exponential_histogram');
      assert.ok(size);
      pick(size, {
        prometheus_name: 'size_bytes',
        count: 9n,
        sum: 7,
        min: 1,
        max: 4,
        scale: -3,
        zero_count: 1n,
        zero_threshold: 0.25,
        positive_offset: -5,
        positive_bucket_counts: [1n, 300n, 0n],
        negative_offset: 4,
        negative_bucket_counts: [2n, most],
        aggregation_temporality: 2,
      });
      assert.deepEqual(JSON.parse(size['exemplars_json'] as string), exemplarRow);

      const [pause] = rows('summary');
      assert.ok(pause);
      pick(pause, {
        prometheus_name: 'gc_pause',
        count: 10n,
        sum: 12.5,
        quantiles: [0.5, 0.99],
        quantile_values: [1, 3],
        metric_attributes: '{"gen":1}',
      });
    });
  }

  it('tells metrics, scopes and resources in one request apart', () => {
    const gauge = (name: string, ...values: number[]) =>
      message(
        2,
        text(1, name),
        message(5, ...values.map((value) => message(1, fixed64(3, now), double(4, value)))),
      );
    const resource = (name: string) => message(1, attribute(1, 'service.name', text(1, name)));
    const body = concat([
      message(
        1,
        resource('one'),
        message(2, message(1, text(1, 's1')), gauge('a', 1, 2), gauge('b', 3)),
        message(2, gauge('c', 4)),
      ),
      message(1, message(2, gauge('d', 5)), resource('two')),
    ]);
    const { rows } = decodeMetrics(payloadOf(body));
    assert.deepEqual(
      rows('gauge').map((row) => [row['service_name'], row['scope_name'], row['metric_name'], row['value']]),
      [
        ['one', 's1', 'a', 1],
        ['one', 's1', 'a', 2],
        ['one', 's1', 'b', 3],
        ['one', null, 'c', 4],
        ['two', null, 'd', 5],
      ],
    );
  });

  it('rejects points out of the time range without leaving anything of them', () => {
    const histogram = (time: bigint, counts: bigint[]) =>
      message(
        1,
        fixed64(3, time),
        packed(
          6,
          counts.map((n) => untagged(fixed64(6, n))),
        ),
      );
    const metric = message(
      2,
      text(1, 'h'),
      message(9, histogram(now, [1n]), histogram(5n, [8n, 9n]), histogram(0n, [2n, 3n])),
    );
    const { rows, results } = decodeMetrics(payloadOf(request(metric)));
    assert.ok(results[0]?.ok && results[0].rejected === 1);
    assert.match(results[0].reason, /^1 data point too old: time_unix_nano before/);
    assert.deepEqual(
      rows('histogram').map((row) => row['bucket_counts']),
      [[1n], [2n, 3n]],
    );
    assert.equal(rows('histogram')[1]?.['time_unix_nano'], now);
  });

  it('undoes all of a payload that turns out malformed at its end', () => {
    const damaged = payloadOf(concat([protobuf, Uint8Array.of(0x0a, 0x09)]));
    const { rows, results } = decodeMetrics(payloadOf(protobuf), damaged, payloadOf(protobuf));
    assert.deepEqual(
      results.map((result) => (result.ok ? result.rows : result.code)),
      [10, 'malformed', 10],
    );
    for (const { name, signal } of tables) {
      if (signal !== 'metrics') continue;
      const all = rows(name.replace('metric_', ''));
      assert.deepEqual(all.slice(0, all.length / 2), all.slice(all.length / 2), name);
    }
  });
});

function pick(row: Record<string, unknown>, expected: Record<string, unknown>): void {
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, row[key]])), expected);
}
