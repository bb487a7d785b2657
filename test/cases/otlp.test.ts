/** What OTLP's senders once lost or were told wrongly, each sent to a running server and asked of it. */
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return -- answers of many shapes, of which each test names what it reads */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { ChannelCredentials, Client, Metadata, type ServiceError } from '@grpc/grpc-js';
import { compressSync } from 'snappy';
import { attributes } from '../conformance/otlp-json.js';
import { logsRequest } from '../support/otlp.js';
import { eventually, sql, startServer, type TestServer } from '../support/server.js';
import { service } from './data.js';
import { Requests, type Json } from './requests.js';

let server: TestServer;
let ask: Requests;
const now = Date.now();
const ns = (secondsAgo: number) => `${now - secondsAgo * 1000}000000`;

const logs = (name: string, logRecords: object[]) => ({
  resourceLogs: [{ resource: service(name), scopeLogs: [{ logRecords }] }],
});
const line = (text: string, more: object = {}) => ({
  ...{ timeUnixNano: ns(30), body: { stringValue: text }, ...more },
});
const spans = (name: string, all: object[]) => ({
  resourceSpans: [{ resource: service(name), scopeSpans: [{ spans: all }] }],
});
const span = (number: number, more: object = {}) => ({
  ...{ traceId: 'ab'.repeat(16), spanId: number.toString(16).padStart(16, '0'), name: `op ${number}` },
  ...{ kind: 2, startTimeUnixNano: ns(30), endTimeUnixNano: ns(29), ...more },
});
const metrics = (name: string, ...scopes: [scope: object, metrics: object[]][]) => ({
  resourceMetrics: [
    { resource: service(name), scopeMetrics: scopes.map(([scope, own]) => ({ scope, metrics: own })) },
  ],
});
const point = (secondsAgo: number, asDouble: number, more: object = {}) => ({
  ...{ startTimeUnixNano: ns(secondsAgo + 15), timeUnixNano: ns(secondsAgo), asDouble, ...more },
});
const sum = (name: string, aggregationTemporality: number, dataPoints: object[]) => ({
  name,
  sum: { isMonotonic: true, aggregationTemporality, dataPoints },
});

/** What was answered; OTLP's success is 200 alone. */
async function send(signal: string, body: object): Promise<Json> {
  const answer = await ask.post(`/v1/${signal}`, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.json.partialSuccess;
}

const raw = (path: string, body: Uint8Array, headers: Record<string, string>) =>
  fetch(server.url + path, { method: 'POST', body: Uint8Array.from(body), headers });

const message = (text: string) =>
  logsRequest({ 'service.name': 'bytes' }, [{ timeNs: BigInt(ns(30)), body: text }]);

/** The value of the only series. */
async function value(query: string): Promise<string> {
  const { data } = await ask.found('/api/v1/query', { query, time: now / 1000 });
  return data.result[0]?.value[1] ?? '';
}

async function lines(query: string): Promise<string[]> {
  const range = { start: ns(3600), end: ns(-60), limit: 100 };
  const { data } = await ask.found('/loki/api/v1/query_range', { query, ...range });
  return (data.result as Json[])
    .flatMap(({ values }) => (values as [string, string][]).map(([, text]) => text))
    .sort();
}

const badIds = [
  '0102030405060708',
  'a'.repeat(31),
  '0102030405060708090a0b0c0d0e0f-1',
  'AQIDBAUGBwgJCgsMDQ4PEA==',
];

describe('cases of OTLP', () => {
  before(async () => {
    server = await startServer({ env: { CANARDSTACK_CORS_ALLOWED_ORIGINS: 'https://shop.example' } });
    ask = new Requests(server.url);
  });
  after(async () => {
    await server.stop();
    await rm(server.dataDir, { recursive: true, force: true });
  });

  it('1 and 6: scopes are series, and first delta points count', async () => {
    await send(
      'metrics',
      metrics(
        'scoped',
        [{ name: 'lib.a', version: '1' }, [sum('calls', 2, [point(30, 10)])]],
        [{ name: 'lib.b' }, [sum('calls', 2, [point(30, 20)])]],
        [{}, [sum('once', 1, [point(30, 7)]), sum('twice', 1, [point(30, 7), point(15, 9)])]],
      ),
    );
    await eventually(async () => ((await value('sum(calls_total)')) === '30' ? true : undefined));
    assert.equal(await value('increase(once_total[5m])'), '7');
    assert.equal(await value('increase(twice_total[5m])'), '16');
  });

  it('2 and 3: success is 200, and malformed optional ids cost no record', async () => {
    for (const traceId of badIds) {
      const partial = await send('logs', logs('ids', [line('kept', { traceId })]));
      assert.match(partial.errorMessage as string, /malformed trace_id left out/, traceId);
      assert.equal(partial.rejectedLogRecords, '0');
    }
    await send('traces', spans('ids', [span(1, { links: [{ traceId: 'xyz', spanId: '1' }] })]));
    const exemplars = [{ timeUnixNano: ns(30), asDouble: 1, traceId: 'xyz', spanId: 'xyz' }];
    await send(
      'metrics',
      metrics('ids', [{}, [{ name: 'kept', gauge: { dataPoints: [point(30, 5, { exemplars })] } }]]),
    );
    const own = await send('traces', spans('ids', [span(2, { spanId: 'xyz' })]));
    assert.equal(own.rejectedSpans, '1');
    await eventually(async () =>
      (await lines('{service_name="ids"}')).length === badIds.length ? true : undefined,
    );
    await eventually(async () => ((await value('kept')) === '5' ? true : undefined));
    const [row] = await sql(server, `SELECT links_json FROM lake.spans WHERE service_name = 'ids'`);
    assert.equal(row?.['links_json'] ?? null, null);
  });

  it('4: snappy is read by both doors', async () => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
    assert.equal(
      (await raw('/v1/logs', compressSync(Buffer.from(message('by snappy'))), headers)).status,
      200,
    );
  });

  it('5: pages of origins that are allowed may send', async () => {
    const origin = 'https://shop.example';
    const asked = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    };
    const preflight = await fetch(`${server.url}/v1/traces`, {
      method: 'OPTIONS',
      headers: { origin, ...asked },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-origin'), origin);
    assert.match(preflight.headers.get('access-control-allow-methods') ?? '', /POST/);
    assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /content-type/i);
    const posted = await raw('/v1/logs', message('of a page'), {
      origin,
      'content-type': 'application/x-protobuf',
    });
    assert.equal(posted.headers.get('access-control-allow-origin'), origin);
  });

  it('7: rejections are logged and counted with their reason', async () => {
    await send('traces', spans('rejected', [span(3, { traceId: '00' })]));
    await eventually(async () => {
      const warning = (await server.logs()).split('\n').find((one) => one.includes('"service":"rejected"'));
      return warning?.includes('traces') && warning.includes('"reason"') ? true : undefined;
    });
    const text = await (await fetch(`${server.url}/metrics`)).text();
    assert.match(text, /canardstack_otlp_records_total\{[^}]*outcome="rejected",reason="[^"]+"\} [1-9]/);
  });

  it('8 and 9: levels are found in lines and attributes, and nested attributes have labels', async () => {
    const levels = new Map([
      ['level=error msg="x"', 'error'],
      ['{"level":"warn"}', 'warn'],
      ['2026-11-28 ERROR x', 'error'],
      ['[WARN] x', 'warn'],
      ['lvl=dbg', 'debug'],
      ['{"severity":"CRITICAL"}', 'critical'],
      ['info: x', 'info'],
    ]);
    const nested = {
      key: 'nested',
      value: { kvlistValue: { values: [{ key: 'a', value: { intValue: 1 } }] } },
    };
    await send(
      'logs',
      logs('levels', [
        ...[...levels.keys()].map((text) => line(text)),
        line('by attribute', { attributes: [...attributes('{level="ERROR"}'), nested] }),
      ]),
    );
    await eventually(async () => ((await lines('{service_name="levels"}')).length === 8 ? true : undefined));
    for (const level of new Set(levels.values())) {
      const expected = [...levels].filter(([, one]) => one === level).map(([text]) => text);
      if (level === 'error') expected.push('by attribute');
      assert.deepEqual(await lines(`{service_name="levels",level="${level}"}`), expected.sort(), level);
      assert.deepEqual(await lines(`{service_name="levels"} | detected_level="${level}"`), expected, level);
    }
    assert.deepEqual(await lines('{service_name="levels"} | nested_a="1"'), ['by attribute']);
    assert.deepEqual(await lines('{service_name="levels"} | severity_number="0"'), []);
  });

  it('10: metrics have their OpenTelemetry names', async () => {
    const dataPoints = [point(30, 0, { count: 7, sum: 9, bucketCounts: [3, 4], explicitBounds: [1] })];
    await send(
      'metrics',
      metrics('named', [{}, [{ name: 'c6.h', histogram: { aggregationTemporality: 2, dataPoints } }]]),
    );
    await eventually(async () => ((await value('count({"c6.h"})')) === '4' ? true : undefined));
    assert.equal(await value('{"c6.h_count"}'), '7');
  });

  it('11: paths, types and services that others have', async () => {
    const type = { 'content-type': 'application/x-protobuf' };
    for (const path of ['/v1/logs/', '/otlp/v1/logs']) {
      assert.equal((await raw(path, message(path), type)).status, 200, path);
    }
    const empty = await raw('/api/v1/otlp/v1/metrics', new Uint8Array(), type);
    assert.equal(empty.status, 200);
    const plain = { 'content-type': 'application/protobuf', 'content-encoding': 'none' };
    assert.equal((await raw('/v1/logs', message('plain'), plain)).status, 200);
    const snake = await send('logs', { resource_logs: [{}] });
    assert.match(snake.errorMessage as string, /resource_?logs/i);
    assert.equal(Number(snake.rejectedLogRecords ?? 0), 0);
    const client = new Client(server.grpc, ChannelCredentials.createInsecure());
    const same = (bytes: Buffer) => bytes;
    const health = await new Promise<Buffer | ServiceError | null | undefined>((resolve) => {
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        same,
        same,
        Buffer.alloc(0),
        new Metadata(),
        (error, answer) => {
          resolve(error ?? answer);
        },
      );
    });
    client.close();
    assert.deepEqual(health, Buffer.from([8, 1]));
  });

  it('12: what is sent again shows once, and of keys that are there twice one counts everywhere', async () => {
    const twice = [...attributes('{k="first"}'), ...attributes('{k="last"}')];
    const again = { traceId: 'cd'.repeat(16), attributes: twice };
    for (let i = 0; i < 3; i++) await send('traces', spans('again', [span(9, again)]));
    const search = async (q: string) => {
      const range = { start: Math.floor(now / 1000) - 600, end: Math.floor(now / 1000) + 60 };
      return (await ask.found('/api/search', { q, ...range })).traces as Json[];
    };
    await eventually(async () => {
      const [row] = await sql(server, `SELECT count(*) AS n FROM lake.spans WHERE service_name = 'again'`);
      return Number(row?.['n']) === 3 ? true : undefined;
    });
    const found = await search('{ span.k = "last" }');
    assert.deepEqual(
      found.map(({ spanSets }) => spanSets[0].matched),
      [1],
    );
    assert.deepEqual(await search('{ span.k = "first" }'), []);
    const [row] = await sql(
      server,
      `SELECT DISTINCT json_extract_string(span_attributes, '$.k') AS k FROM lake.spans WHERE service_name = 'again'`,
    );
    assert.equal(row?.['k'], 'last');
  });
});
