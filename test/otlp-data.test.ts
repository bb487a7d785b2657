import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { eventually, sql, startServer, type TestServer } from './support/server.js';

const ns = (ms: number) => String(BigInt(ms) * 1_000_000n);
const value = (of: unknown): object => {
  if (typeof of === 'string') return { stringValue: of };
  if (typeof of === 'number') return { intValue: of };
  return { kvlistValue: { values: attributes(of as Record<string, unknown>) } };
};
const attributes = (of: Record<string, unknown>): object[] =>
  Object.entries(of).map(([key, one]) => ({ key, value: value(one) }));

let server: TestServer;
const now = Date.now();
const ago = (seconds: number) => now - seconds * 1000;

async function send(signal: string, body: object): Promise<Record<string, unknown>> {
  const answer = await fetch(`${server.url}/v1/${signal}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text) as Record<string, unknown>;
}

async function get(path: string, query: Record<string, string>): Promise<Record<string, unknown>> {
  const answer = await fetch(`${server.url}${path}?${new URLSearchParams(query).toString()}`);
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text) as Record<string, unknown>;
}

/** Labels without the service, and values. */
async function prom(query: string): Promise<Record<string, number>> {
  const { data } = (await get('/api/v1/query', { query, time: String(now / 1000) })) as {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  return Object.fromEntries(
    data.result.map(({ metric, value: [, one] }) => [JSON.stringify(metric), Number(one)]),
  );
}

interface Stream {
  readonly stream: Record<string, string>;
  readonly values: [string, string][];
}

async function loki(query: string): Promise<Stream[]> {
  const times = { start: ns(ago(3600)), end: ns(now + 60_000) };
  const { data } = (await get('/loki/api/v1/query_range', { query, ...times, limit: '100' })) as {
    data: { result: Stream[] };
  };
  return data.result;
}

const lines = async (query: string) =>
  (await loki(query)).flatMap(({ values }) => values.map(([, line]) => line)).sort();

function metrics(resource: Record<string, unknown>, ...scopes: [scope: object, ...metrics: object[]][]) {
  return {
    resourceMetrics: [
      {
        resource: { attributes: attributes(resource) },
        scopeMetrics: scopes.map(([scope, ...own]) => ({ scope, metrics: own })),
      },
    ],
  };
}

const sum = (name: string, dataPoints: object[], aggregationTemporality = 2) => ({
  name,
  sum: { isMonotonic: true, aggregationTemporality, dataPoints },
});
const point = (seconds: number, asDouble: number, more: object = {}) => ({
  timeUnixNano: ns(ago(seconds)),
  asDouble,
  ...more,
});
const rising = (from: number, step: number) =>
  [0, 1, 2, 3].map((i) => point(60 - 15 * i, from + step * i, { startTimeUnixNano: ns(ago(600)) }));

const lineLevels: [body: string, level: string][] = [
  ['level=error msg="x"', 'error'],
  ['{"level":"warn"}', 'warn'],
  ['2026-11-28 ERROR x', 'error'],
  ['[WARN] x', 'warn'],
  ['lvl=dbg', 'debug'],
  ['{"severity":"CRITICAL"}', 'critical'],
  ['info: x', 'info'],
  ['nothing', 'unknown'],
];
const span = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), name: 'again', kind: 2 };
const trace = (spans: object[]) => ({
  resourceSpans: [
    { resource: { attributes: attributes({ 'service.name': 'traced' }) }, scopeSpans: [{ spans }] },
  ],
});

before(async () => {
  server = await startServer();
  await send(
    'metrics',
    metrics(
      { 'service.name': 'scoped' },
      [{ name: 'lib.a', version: '1' }, sum('calls', rising(1000, 10))],
      [{ name: 'lib.b', attributes: attributes({ x: 'y' }) }, sum('calls', rising(50, 1))],
    ),
  );
  const delta = (seconds: number, of: number) =>
    point(seconds, of, { startTimeUnixNano: ns(ago(seconds + 15)) });
  const bucket = { timeUnixNano: ns(ago(30)), startTimeUnixNano: ns(ago(45)), count: 7, sum: 9 };
  const histogram = (name: string, temporality: number, dataPoints: object[]) => ({
    name,
    histogram: { aggregationTemporality: temporality, dataPoints },
  });
  await send(
    'metrics',
    metrics({ 'service.name': 'deltas' }, [
      {},
      sum('once', [delta(30, 7)], 1),
      sum('twice', [delta(30, 7), delta(15, 9)], 1),
      histogram('delta.h', 1, [{ ...bucket, bucketCounts: [3, 4], explicitBounds: [1] }]),
      histogram('c6.h', 2, [{ ...bucket, bucketCounts: [3, 4], explicitBounds: [1] }]),
      histogram('ended', 2, [
        { ...bucket, bucketCounts: [3, 4], explicitBounds: [1] },
        { timeUnixNano: ns(ago(10)), flags: 1 },
      ]),
    ]),
  );
  for (const [pid, first] of [
    [11, 100],
    [12, 3],
  ] as const) {
    await send(
      'metrics',
      metrics({ 'service.name': 'twins', 'host.name': 'h', 'process.pid': pid }, [
        {},
        sum('work', rising(first, 1)),
      ]),
    );
  }
  const log = (body: string, more: object = {}) => ({ timeUnixNano: ns(ago(5)), body: value(body), ...more });
  const logs = (resource: Record<string, unknown>, logRecords: object[]) => ({
    resourceLogs: [{ resource: { attributes: attributes(resource) }, scopeLogs: [{ logRecords }] }],
  });
  await send(
    'logs',
    logs(
      { 'service.name': 'levels' },
      lineLevels.map(([body]) => log(body)),
    ),
  );
  await send(
    'logs',
    logs({ 'service.name': 'attributes' }, [
      log('by level', { attributes: attributes({ level: 'ERROR' }) }),
      log('by severity', { attributes: attributes({ severity: 'ERROR' }) }),
      log('nested', { attributes: attributes({ nested: { a: { b: 1 } } }), severityNumber: 9 }),
    ]),
  );
  await send('logs', logs({ 'k8s.container.name': 'nginx' }, [log('of a container')]));
  const warned = await send(
    'logs',
    logs({ 'service.name': 'ids' }, [log('kept', { traceId: 'a'.repeat(31) })]),
  );
  assert.deepEqual(warned, {
    partialSuccess: { rejectedLogRecords: '0', errorMessage: '1 malformed trace_id left out' },
  });
  const times = { startTimeUnixNano: ns(ago(20)), endTimeUnixNano: ns(ago(19)) };
  for (let i = 0; i < 3; i++) await send('traces', trace([{ ...span, ...times }]));
  await send('traces', trace([{ ...span, ...times, spanId: 'ef'.repeat(8), kind: 3, parentSpanId: 'xyz' }]));
  await eventually(async () => {
    const [row] = await sql(
      server,
      `SELECT (SELECT count(*) FROM lake.spans) + (SELECT count(*) FROM lake.logs WHERE service_name = 'ids') AS n`,
    );
    return Number(row?.['n']) === 5 ? true : undefined;
  });
});

after(async () => {
  assert.equal(await server.stop(), 0);
  await rm(server.dataDir, { recursive: true, force: true });
});

describe('metrics over OTLP', () => {
  it('of two scopes are two series', async () => {
    assert.deepEqual(await prom('sum(calls_total)'), { '{}': 1083 });
    const increase = Object.values(await prom('sum(increase(calls_total[5m]))'))[0] ?? 0;
    assert.ok(increase > 33 && increase < 60, String(increase));
    assert.deepEqual(
      Object.keys(await prom('count by (otel_scope_name, otel_scope_version, otel_scope_x) (calls_total)')),
      [
        '{"otel_scope_name":"lib.a","otel_scope_version":"1"}',
        '{"otel_scope_name":"lib.b","otel_scope_x":"y"}',
      ],
    );
  });

  it('of delta temporality count from the first point on', async () => {
    assert.deepEqual(Object.values(await prom('increase(once_total[5m])')), [7]);
    assert.deepEqual(Object.values(await prom('increase(twice_total[5m])')), [16]);
    assert.deepEqual(Object.values(await prom('increase(delta_h_count[5m])')), [7]);
    assert.deepEqual(await prom('sum by (le) (increase(delta_h_bucket[5m]))'), {
      '{"le":"1"}': 3,
      '{"le":"+Inf"}': 7,
    });
  });

  it('of histograms are found by their own name, and end all together', async () => {
    assert.equal(Object.keys(await prom('{"c6.h"}')).length, 4);
    assert.deepEqual(Object.values(await prom('{"c6.h_count"}')), [7]);
    assert.deepEqual(await prom('{__name__=~"ended_.*"}'), {});
    assert.equal(Object.keys(await prom('{__name__=~"ended_.*"} offset 15s')).length, 4);
  });

  it('of two processes are two series, without a service.instance.id', async () => {
    const increase = await prom('increase(work_total[5m])');
    assert.deepEqual(
      Object.keys(increase).map((labels) => (JSON.parse(labels) as Record<string, string>)['instance']),
      ['h:11', 'h:12'],
    );
    for (const one of Object.values(increase)) assert.ok(one >= 3 && one < 5, String(one));
    assert.equal(Object.keys(await prom('work_total{instance="h:12"}')).length, 1);
  });
});

describe('logs over OTLP', () => {
  it('have the level of their line or attributes, for both names of it', async () => {
    for (const level of new Set(lineLevels.map(([, one]) => one))) {
      const expected = lineLevels.filter(([, one]) => one === level).map(([body]) => body);
      assert.deepEqual(await lines(`{service_name="levels",level="${level}"}`), expected.sort(), level);
      assert.deepEqual(await lines(`{service_name="levels"} | detected_level="${level}"`), expected, level);
    }
    const both = ['by level', 'by severity'];
    assert.deepEqual(await lines('{service_name="attributes",level="error"}'), both);
    assert.deepEqual(await lines('{service_name="attributes"} | detected_level="error"'), both);
  });

  it('have labels for members of nested attributes, and none for a severity that was not sent', async () => {
    const [found] = await loki('{service_name="attributes"} | nested_a_b="1"');
    assert.equal(found?.stream['nested_a_b'], '1');
    assert.equal(found.stream['severity_number'], '9');
    const [without] = await loki('{service_name="attributes"} |= "by level"');
    assert.equal(without?.stream['severity_number'], undefined);
  });

  it('are named by their container, and kept without malformed ids', async () => {
    assert.deepEqual(await lines('{service_name="nginx"}'), ['of a container']);
    const [row] = await sql(server, `SELECT trace_id, body FROM lake.logs WHERE service_name = 'ids'`);
    assert.deepEqual(row, { trace_id: null, body: 'kept' });
    const metricsText = await (await fetch(`${server.url}/metrics`)).text();
    assert.match(metricsText, /canardstack_decode_dropped_ids_total\{signal="logs",field="trace_id"\} 1/);
  });
});

describe('spans over OTLP', () => {
  it('that were sent again show once, in their trace and in searches', async () => {
    const found = JSON.stringify(await get(`/api/traces/${span.traceId}`, {}));
    assert.equal(found.split('"name":"again"').length - 1, 2);
    const { traces } = (await get('/api/search', {
      q: '{ resource.service.name = "traced" }',
      start: String(Math.floor(ago(600) / 1000)),
      end: String(Math.floor(now / 1000) + 60),
    })) as { traces: { spanSets: { matched: number }[] }[] };
    assert.deepEqual(
      traces.map(({ spanSets }) => spanSets.map(({ matched }) => matched)),
      [[2]],
    );
  });
});
