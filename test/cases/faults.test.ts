/** What once brought a running server down or made it answer wrongly, each asked of one. */
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access -- answers of many shapes, of which each test names what it reads */
import assert from 'node:assert/strict';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ChannelCredentials, Client, status, type ServiceError } from '@grpc/grpc-js';
import { logsRequest } from '../support/otlp.js';
import { eventually, startServer, type TestServer } from '../support/server.js';
import { service } from './data.js';
import { Requests, type Json } from './requests.js';

let server: TestServer;
let ask: Requests;
const now = Date.now();
const ns = (secondsAgo: number) => `${now - secondsAgo * 1000}000000`;
const seconds = (ago: number) => Math.floor(now / 1000) - ago;

const names = ['constructor', '__proto__', 'toString', 'valueOf', 'hasOwnProperty'];
/** Of log records, names with two underscores in front are the pipeline's own. */
const ofLogs = names.filter((name) => !name.startsWith('__'));
const string = (key: string, text: string) => ({ key, value: { stringValue: text } });

before(async () => {
  server = await startServer();
  ask = new Requests(server.url);
  const line = (text: string, own: object[]) => ({
    ...{ timeUnixNano: ns(30), body: { stringValue: text }, attributes: own },
  });
  const gauge = (name: string) => ({
    name,
    gauge: {
      dataPoints: [{ timeUnixNano: ns(30), asDouble: 1, attributes: names.map((one) => string(one, 'x')) }],
    },
  });
  const map = { key: 'map', value: { kvlistValue: { values: [string('a', 'b')] } } };
  const span = {
    ...{ traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), name: 'op', startTimeUnixNano: ns(30) },
    ...{
      endTimeUnixNano: ns(29),
      attributes: [map, string('k', 'a\0b'), ...names.map((one) => string(one, 'x'))],
    },
  };
  const sent: [string, object][] = [
    [
      'logs',
      {
        resourceLogs: [
          {
            resource: service('pp'),
            scopeLogs: [
              {
                logRecords: [
                  line(
                    'named',
                    names.map((one) => string(one, 't')),
                  ),
                ],
              },
            ],
          },
          { resource: service('nl\nx'), scopeLogs: [{ logRecords: [line('of two lines', [])] }] },
        ],
      },
    ],
    [
      'metrics',
      {
        resourceMetrics: [
          { resource: service('pp'), scopeMetrics: [{ metrics: ['constructor', '__proto__'].map(gauge) }] },
        ],
      },
    ],
    ['traces', { resourceSpans: [{ resource: service('pp'), scopeSpans: [{ spans: [span] }] }] }],
  ];
  for (const [signal, body] of sent) {
    const answer = await ask.post(`/v1/${signal}`, body);
    assert.equal(answer.status, 200, answer.text);
  }
  await eventually(async () => {
    const found = [
      await lines('{service_name=~".+"}'),
      await vector('{__name__=~"constructor|proto"}'),
      await search('{}'),
    ];
    return found.every(({ length }, i) => length === [2, 2, 1][i]) ? true : undefined;
  });
});
after(async () => {
  await server.stop();
  await rm(server.dataDir, { recursive: true, force: true });
});

async function lines(query: string): Promise<string[]> {
  const range = { start: ns(3600), end: ns(-60) };
  const { data } = await ask.found('/loki/api/v1/query_range', { query, ...range });
  return (data.result as Json[]).flatMap(({ values }) =>
    (values as [string, string][]).map(([, text]) => text),
  );
}

async function vector(query: string): Promise<Json[]> {
  return (await ask.found('/api/v1/query', { query, time: now / 1000 })).data.result as Json[];
}

async function search(q: string): Promise<Json[]> {
  return (await ask.found('/api/search', { q, start: seconds(600), end: seconds(-60) })).traces as Json[];
}

/** As a form: URLs are shorter. */
async function refused(path: string, query: string): Promise<readonly [status: number, text: string]> {
  const times = {
    time: String(seconds(0)),
    start: String(seconds(600)),
    end: String(seconds(0)),
    step: '60',
  };
  const body = new URLSearchParams({ query, q: query, ...times });
  const answer = await fetch(server.url + path, { method: 'POST', body });
  return [answer.status, (await answer.text()).slice(0, 300)];
}

describe('cases of faults', () => {
  it('1: records of millions of elements are refused by name, before they are acknowledged', async () => {
    // A log record of 2 million empty attributes.
    const record = Buffer.alloc(4_000_000);
    for (let i = 0; i < record.length; i += 2) record[i] = 0x32;
    const within = (inner: Buffer, tag: number) => {
      const head: number[] = [tag];
      for (let rest = inner.length; ; rest >>>= 7) {
        head.push(rest > 127 ? (rest & 127) | 128 : rest);
        if (rest <= 127) return Buffer.concat([Buffer.from(head), inner]);
      }
    };
    const body = within(within(within(record, 0x12), 0x12), 0x0a);
    const answer = await fetch(`${server.url}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
      body: Uint8Array.from(gzipSync(body)),
    });
    assert.match(await answer.text(), /CANARDSTACK_MAX_RECORD_ELEMENTS/);
  });

  it('5: SQL that would take all memory or read beyond the lake is refused', async () => {
    const nested = `SELECT ${'('.repeat(900)}1${')'.repeat(900)}`;
    for (const sql of [
      `SELECT damerau_levenshtein(repeat('a', 60000), repeat('b', 60000))`,
      Array.from({ length: 20_000 }, () => 'SELECT 1').join(' UNION ALL '),
      `WITH ${Array.from({ length: 17 }, (_, i) => `c${i} AS (${i === 0 ? 'SELECT 1 AS x' : `SELECT a.x FROM c${i - 1} a, c${i - 1} b`})`).join(', ')} SELECT count(*) FROM c16`,
      nested,
      'SELECT * FROM __ducklake_metadata_lake.pg_catalog.pg_authid',
      'SELECT * FROM "/tmp"."csv"',
      'SELECT * FROM "http://127.0.0.1"."csv"',
    ]) {
      const { status, text } = await ask.post('/api/admin/sql', { sql });
      assert.ok(status >= 400 && status < 500, `${status} ${sql.slice(0, 60)} ${text.slice(0, 200)}`);
    }
  });

  it("6: names of JavaScript's own are names", async () => {
    for (const name of ofLogs) {
      assert.deepEqual(await lines(`{service_name="pp"} | ${name}="t"`), ['named'], name);
      assert.deepEqual(await lines(`{${name}="x"}`), [], name);
      const counted = await ask.found('/loki/api/v1/query', {
        query: `sum by (${name}) (count_over_time({service_name="pp"}[1h]))`,
        time: seconds(0),
      });
      assert.deepEqual(counted.data.result[0].metric, JSON.parse(`{"${name}":"t"}`), name);
    }
    assert.deepEqual(await lines('{service_name="pp"} | __proto__="none"'), []);
    for (const name of names) {
      const [series] = await vector(`sum by (${name}) (constructor)`);
      assert.deepEqual(series.metric, JSON.parse(`{"${name}":"x"}`), name);
      assert.equal((await search(`{ span.${name} = "x" }`)).length, 1, name);
    }
    assert.equal((await vector('__proto__ or proto')).length, 1);
    const [trace] = await search('{} | select(span.map)');
    assert.ok(!JSON.stringify(trace).includes('nil'), JSON.stringify(trace));
  });

  it('7: long and nested queries are told what is wrong with them', async () => {
    const [prom, loki, tempo] = ['/api/v1/query', '/loki/api/v1/query', '/api/search'];
    const deep = (text: string, depth: number) => `${'('.repeat(depth)}${text}${')'.repeat(depth)}`;
    const cases: [string, string][] = [
      [prom, deep('1', 20_000)],
      [prom, Array.from({ length: 20_000 }, () => '1').join('+')],
      [loki, deep('vector(1)', 10_000)],
      [tempo, `{ ${deep('.a', 10_000)} }`],
      [tempo, `{ ${Array.from({ length: 20_000 }, () => '.a').join(' || ')} }`],
    ];
    for (const [path, query] of cases) {
      const [status, text] = await refused(path, query);
      assert.equal(status, 400, text);
      assert.match(text, /nested|chain|tokens/);
    }
    const long: [string, (count: number) => string][] = [
      [prom, (count) => Array.from({ length: count }, () => 'up').join(' + ')],
      [loki, (count) => `count_over_time({a="b"}${' | json'.repeat(count)}[1m])`],
      [loki, (count) => `count_over_time({a="b"}${' |= "x"'.repeat(count)}[1m])`],
    ];
    for (const [path, query] of long) {
      // Refused or answered: never told that a part of it is unexpected.
      for (const count of [500, 540, 560, 600, 2000]) {
        const [status, text] = await refused(path, query(count));
        assert.ok(status === 200 || status === 400, text);
        assert.doesNotMatch(text, /unexpected/, `${count} of ${query(1)}`);
      }
    }
  });

  it('7: ranges of any length list what there is, and control characters are found', async () => {
    const series = await ask.found('/api/v1/series', { 'match[]': 'constructor' });
    assert.equal((series.data as Json[]).length, 1);
    const quarter = { start: seconds(90 * 86_400), end: seconds(0) };
    for (const path of ['/api/v1/labels', '/api/v2/search/tags']) await ask.found(path, quarter);
    assert.equal((await search('{ span.k = "a\\x00b" }')).length, 1);
    assert.deepEqual(await lines('{service_name=~"nl.x"}'), ['of two lines']);
    assert.deepEqual(await lines('{service_name=~".+"} | service_name=~"nl.x"'), []);
  });

  it("8: files are their owner's, and gRPC takes no more than HTTP", async () => {
    assert.equal((await stat(server.dataDir)).mode & 0o077, 0);
    for (const name of await readdir(server.dataDir, { recursive: true })) {
      const found = await stat(join(server.dataDir, name)).catch(() => null);
      if (found?.isFile()) assert.equal(found.mode & 0o077, 0, name);
    }
    const large = logsRequest({ 'service.name': 'large' }, [
      { timeNs: BigInt(ns(30)), body: 'x'.repeat(8 * 1024 * 1024) },
    ]);
    const same = (bytes: Buffer) => bytes;
    const client = new Client(server.grpc, ChannelCredentials.createInsecure());
    const error = await new Promise<ServiceError | null>((resolve) => {
      const path = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
      client.makeUnaryRequest(path, same, same, Buffer.from(large), resolve);
    });
    client.close();
    assert.equal(error?.code, status.RESOURCE_EXHAUSTED);
    const overHttp = await fetch(`${server.url}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Uint8Array.from(large),
    });
    assert.equal(overHttp.status, 413);
  });
});
