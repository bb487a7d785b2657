import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ChannelCredentials, Client, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import type { FastifyInstance } from 'fastify';
import protobuf from 'protobufjs';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { closeHttpApp, createHttpApp, withKey } from '../../http/index.js';
import { keyCheck } from '../../http/auth.js';
import { startGrpcServer, type GrpcServer } from '../../grpc/index.js';
import { createTelemetry } from '../../telemetry/index.js';
import { tempoApi, tempoStreaming } from './index.js';
import { drawSpans, epoch } from './trace-text.test.support.js';

/** What Tempo's clients send and read, by the numbers of pkg/tempopb/tempo.proto. */
const { root } = protobuf.parse(
  `syntax = "proto3";
  message SearchRequest { map<string, string> Tags = 1; uint32 MinDurationMs = 2; uint32 MaxDurationMs = 3; uint32 Limit = 4;
    uint32 start = 5; uint32 end = 6; string Query = 8; uint32 SpansPerSpanSet = 9; }
  message SearchResponse { repeated Trace traces = 1; Metrics metrics = 2; }
  message Metrics { uint32 inspectedTraces = 1; uint64 inspectedSpans = 7; }
  message Progress { Done metrics = 2; } message Done { uint32 completedJobs = 4; uint32 totalJobs = 5; }
  message Trace { string traceID = 1; string rootServiceName = 2; string rootTraceName = 3; uint64 startTimeUnixNano = 4;
    uint32 durationMs = 5; SpanSet spanSet = 6; repeated SpanSet spanSets = 7; map<string, ServiceStats> serviceStats = 8; }
  message ServiceStats { uint32 spanCount = 1; uint32 errorCount = 2; }
  message SpanSet { repeated Span spans = 1; uint32 matched = 2; repeated KeyValue attributes = 3; }
  message Span { string spanID = 1; string name = 2; uint64 startTimeUnixNano = 3; uint64 durationNanos = 4; repeated KeyValue attributes = 5; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue { oneof value { string stringValue = 1; bool boolValue = 2; int64 intValue = 3; double doubleValue = 4; ArrayValue arrayValue = 5; } }
  message ArrayValue { repeated AnyValue values = 1; }
  message SearchTagsRequest { string scope = 1; string query = 2; uint32 start = 3; uint32 end = 4; uint32 maxTagsPerScope = 5; }
  message ListingProgress { ListingDone metrics = 2; } message ListingDone { uint32 totalJobs = 2; uint32 completedJobs = 3; }
  message SearchTagsResponse { repeated string tagNames = 1; ListingMetrics metrics = 2; } message ListingMetrics { uint64 inspectedBytes = 1; }
  message SearchTagsV2Response { repeated Scope scopes = 1; ListingMetrics metrics = 2; }
  message Scope { string name = 1; repeated string tags = 2; }
  message SearchTagValuesRequest { string tagName = 1; string query = 2; uint32 start = 4; uint32 end = 5; uint32 maxTagValues = 6; }
  message SearchTagValuesResponse { repeated string tagValues = 1; ListingMetrics metrics = 2; }
  message SearchTagValuesV2Response { repeated TagValue tagValues = 1; ListingMetrics metrics = 2; }
  message TagValue { string type = 1; string value = 2; }
  message QueryRangeRequest { string query = 1; uint64 start = 2; uint64 end = 3; uint64 step = 4; uint32 exemplars = 16; }
  message QueryInstantRequest { string query = 1; uint64 start = 2; uint64 end = 3; }
  message QueryRangeResponse { repeated TimeSeries series = 1; Metrics metrics = 2; }
  message TimeSeries { repeated KeyValue labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 4; }
  message Sample { double value = 1; int64 timestampMs = 2; }
  message Exemplar { repeated KeyValue labels = 1; double value = 2; int64 timestampMs = 3; }
  message QueryInstantResponse { repeated InstantSeries series = 1; Metrics metrics = 2; }
  message InstantSeries { repeated KeyValue labels = 1; double value = 2; }`,
  { keepCase: true },
);

const seconds = Number(epoch / 1_000_000_000n);
const spans = drawSpans(`
  trace a1
    front svc=web kind=server dur=120ms http.response.status_code=200 ratio=0.5 ok=true tags=["x","y"]
      cart svc=cart kind=server at=20ms dur=80ms status=error http.response.status_code=500
  trace b2
    job svc=worker at=60000ms dur=2000ms
`);

const key = 'a key of queries';

/** Every method, its messages, a request, and the HTTP endpoint with the same question. */
const methods: [string, string, string, object, string][] = [
  [
    'Search',
    'SearchRequest',
    'SearchResponse',
    {
      ...{ Query: '{ .http.response.status_code > 0 } | by(.ratio) | select(.ok, .tags, status)' },
      ...{ start: seconds - 60, end: seconds + 600, Limit: 5, SpansPerSpanSet: 1 },
    },
    `/api/search?q=${encodeURIComponent('{ .http.response.status_code > 0 } | by(.ratio) | select(.ok, .tags, status)')}&start=${seconds - 60}&end=${seconds + 600}&limit=5&spss=1`,
  ],
  [
    'Search',
    'SearchRequest',
    'SearchResponse',
    {
      ...{ Tags: { 'service.name': 'cart', name: 'ca' }, MinDurationMs: 100, MaxDurationMs: 200 },
      ...{ start: seconds - 60, end: seconds + 600 },
    },
    `/api/search?tags=service.name%3Dcart%20name%3Dca&minDuration=100ms&maxDuration=200ms&start=${seconds - 60}&end=${seconds + 600}`,
  ],
  [
    'SearchTags',
    'SearchTagsRequest',
    'SearchTagsResponse',
    { scope: 'span', start: seconds - 60, end: seconds + 600 },
    `/api/search/tags?scope=span&start=${seconds - 60}&end=${seconds + 600}`,
  ],
  [
    'SearchTagsV2',
    'SearchTagsRequest',
    'SearchTagsV2Response',
    { start: seconds - 60, end: seconds + 600, query: '{ name = "front" }', maxTagsPerScope: 3 },
    `/api/v2/search/tags?q=${encodeURIComponent('{ name = "front" }')}&limit=3&start=${seconds - 60}&end=${seconds + 600}`,
  ],
  [
    'SearchTagValues',
    'SearchTagValuesRequest',
    'SearchTagValuesResponse',
    { tagName: 'service.name', start: seconds - 60, end: seconds + 600 },
    `/api/search/tag/service.name/values?start=${seconds - 60}&end=${seconds + 600}`,
  ],
  [
    'SearchTagValuesV2',
    'SearchTagValuesRequest',
    'SearchTagValuesV2Response',
    {
      tagName: '.http.response.status_code',
      query: '{ status = error }',
      start: seconds - 60,
      end: seconds + 600,
    },
    `/api/v2/search/tag/.http.response.status_code/values?q=${encodeURIComponent('{ status = error }')}&start=${seconds - 60}&end=${seconds + 600}`,
  ],
  [
    'MetricsQueryRange',
    'QueryRangeRequest',
    'QueryRangeResponse',
    {
      ...{ query: '{} | max_over_time(duration) by(resource.service.name)', step: String(60_000_000_000n) },
      ...{ start: String(epoch), end: String(epoch + 120_000_000_000n), exemplars: 10 },
    },
    `/api/metrics/query_range?q=${encodeURIComponent('{} | max_over_time(duration) by(resource.service.name)')}&start=${epoch}&end=${epoch + 120_000_000_000n}&step=60s&exemplars=10`,
  ],
  [
    'MetricsQueryInstant',
    'QueryInstantRequest',
    'QueryInstantResponse',
    {
      query: '({ status = error } | count_over_time()) / ({} | count_over_time())',
      ...{ start: String(epoch), end: String(epoch + 120_000_000_000n) },
    },
    `/api/metrics/query?q=${encodeURIComponent('({ status = error } | count_over_time()) / ({} | count_over_time())')}&start=${epoch}&end=${epoch + 120_000_000_000n}`,
  ],
];

describe('tempopb.StreamingQuerier', () => {
  let lake: TestLake;
  let app: FastifyInstance;
  let own: GrpcServer;
  let port: number;
  const clients = new Map<string, Client>();

  before(async () => {
    lake = await testLake();
    await lake.insert('spans', spans);
    const telemetry = createTelemetry('silent');
    const deps = { guard: lake.guard, telemetry };
    app = await createHttpApp({
      config: { bind: '127.0.0.1:0', apiKey: key, adminApiKey: undefined },
      telemetry,
      ready: () => Promise.resolve({ ready: true, reasons: [] }),
      query: [tempoApi(deps)],
      grpc: tempoStreaming(deps),
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    ({ port } = app.server.address() as AddressInfo);
    own = await startGrpcServer({
      ...{ bind: '127.0.0.1:0', telemetry },
      methods: withKey(keyCheck(key), tempoStreaming(deps)),
    });
    for (const address of [`127.0.0.1:${port}`, own.address]) {
      clients.set(address, new Client(address, ChannelCredentials.createInsecure()));
    }
  });
  after(async () => {
    for (const client of clients.values()) client.close();
    await closeHttpApp(app, 1000);
    await own.close(1000);
    await lake.close();
  });

  const call = (client: Client, method: string, request: Uint8Array, withAKey = true) => {
    const metadata = new Metadata();
    if (withAKey) metadata.set('authorization', `Bearer ${key}`);
    const same = (bytes: Buffer) => bytes;
    const path = `/tempopb.StreamingQuerier/${method}`;
    return client.makeServerStreamRequest<Buffer, Buffer>(path, same, same, Buffer.from(request), metadata);
  };
  /** The messages of an answer, or the error that it ends with. */
  const answers = async (...args: Parameters<typeof call>): Promise<Buffer[] | ServiceError> => {
    const messages: Buffer[] = [];
    try {
      for await (const message of call(...args)) messages.push(message as Buffer);
      return messages;
    } catch (error) {
      return error as ServiceError;
    }
  };
  const encoded = (type: string, value: object) => {
    const message = root.lookupType(type);
    return message.encode(message.fromObject(value)).finish();
  };
  const decoded = (type: string, bytes: Uint8Array) => {
    const message = root.lookupType(type);
    return message.toObject(message.decode(bytes), { longs: String, json: true });
  };
  const http = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${key}`, ...headers } });

  for (const [method, request, response, value, path] of methods) {
    it(`answers ${method} on both ports as HTTP does, in JSON and as protobuf`, async () => {
      const expected = (await (await http(path)).json()) as Record<string, object>;
      if (Object.keys(expected['metrics'] ?? {}).length === 0) delete expected['metrics'];
      const binary = await http(path, { accept: 'application/protobuf' });
      assert.equal(binary.headers.get('content-type'), 'application/protobuf');
      const message = decoded(response, Buffer.from(await binary.arrayBuffer()));
      if (Object.keys((message['metrics'] ?? {}) as object).length === 0) delete message['metrics'];
      assert.deepEqual(message, expected);
      for (const client of clients.values()) {
        const messages = await answers(client, method, encoded(request, value));
        assert.ok(Array.isArray(messages), String(messages));
        const last = decoded(response, messages.at(-1) ?? Buffer.alloc(0));
        // How many of its parts are done is told by streams alone.
        if (Object.keys((last['metrics'] ?? {}) as object).length === 0) delete last['metrics'];
        assert.deepEqual(last, expected);
      }
    });
  }

  it('sends the newest part of a long range first, and each trace once', async () => {
    const [client] = [...clients.values()] as [Client];
    const long = { start: seconds - 86_400, end: seconds + 900 };
    const ids = (messages: readonly Buffer[]) =>
      messages.map((message) =>
        ((decoded('SearchResponse', message)['traces'] ?? []) as { traceID: string }[]).map(
          ({ traceID }) => traceID,
        ),
      );
    const progress = (messages: readonly Buffer[]): unknown[] =>
      messages.map((message) => decoded('Progress', message)['metrics'] as unknown);
    const search = async (query: object) => {
      const messages = await answers(client, 'Search', encoded('SearchRequest', query));
      assert.ok(Array.isArray(messages), String(messages));
      return messages;
    };
    const whole = ids(await search({ Query: '{}', start: seconds - 60, end: seconds + 900 })).flat();
    assert.ok(whole.length > 1);
    const found = await search({ Query: '{}', ...long, end: seconds + 7200 });
    assert.deepEqual(ids(found), [[], whole]);
    const newest = await search({ Query: '{}', ...long });
    assert.deepEqual(ids(newest), [whole, []]);
    assert.deepEqual(progress(newest), [
      { completedJobs: 1, totalJobs: 2 },
      { completedJobs: 2, totalJobs: 2 },
    ]);
    const limited = await search({ Query: '{}', ...long, Limit: 1 });
    assert.deepEqual(ids(limited), [whole.slice(0, 1), []]);
    const nanos = (time: number) => String(BigInt(time) * 1_000_000_000n);
    const request = {
      ...{ query: '{} | count_over_time()', step: String(60_000_000_000n) },
      ...{ start: nanos(long.start), end: nanos(long.end) },
    };
    const metrics = await answers(client, 'MetricsQueryRange', encoded('QueryRangeRequest', request));
    assert.ok(Array.isArray(metrics), String(metrics));
    const points = metrics.map((message) => {
      const [one] = (decoded('QueryRangeResponse', message)['series'] ?? []) as {
        samples: { timestampMs: string; value?: number }[];
      }[];
      return new Map((one?.samples ?? []).map(({ timestampMs, value = 0 }) => [timestampMs, value]));
    });
    const [some, all] = points as [Map<string, number>, Map<string, number>];
    assert.ok(some.size > 1 && some.size < all.size);
    for (const [time, value] of some) assert.equal(all.get(time), value, time);
  });

  it('sends tags and values of a long range once, and instant metrics again', async () => {
    const [client] = [...clients.values()] as [Client];
    // The newest sixteenth begins between the traces.
    const end = seconds + 30 + 5400;
    const long = { start: end - 86_400, end };
    const messages = async (method: string, request: string, response: string, query: object) => {
      const found = await answers(client, method, encoded(request, query));
      assert.ok(Array.isArray(found), String(found));
      return found.map((one) => [
        decoded(response, one),
        decoded('ListingProgress', one)['metrics'] as unknown,
      ]);
    };
    const listed = async (method: string, query: object) => {
      const request = method.startsWith('SearchTagValues') ? 'SearchTagValuesRequest' : 'SearchTagsRequest';
      const found = await messages(method, request, `${method}Response`, { ...long, ...query });
      assert.deepEqual(
        found.map(([, progress]) => progress),
        [
          { totalJobs: 2, completedJobs: 1 },
          { totalJobs: 2, completedJobs: 2 },
        ],
      );
      return found.map(([message]) => {
        const { metrics, ...lists } = message as Record<string, unknown>;
        assert.deepEqual(metrics, {});
        return Object.values(lists)[0];
      });
    };
    const service = { tagName: 'resource.service.name' };
    assert.deepEqual(await listed('SearchTagValues', service), [['worker'], ['cart', 'web']]);
    assert.deepEqual(await listed('SearchTagValues', { ...service, maxTagValues: 2 }), [
      ['worker'],
      ['cart'],
    ]);
    assert.deepEqual(await listed('SearchTagValues', { ...service, maxTagValues: 1 }), [
      ['worker'],
      undefined,
    ]);
    assert.deepEqual(await listed('SearchTagValuesV2', { ...service, query: '{ name != "cart" }' }), [
      [{ type: 'string', value: 'worker' }],
      [{ type: 'string', value: 'web' }],
    ]);
    assert.deepEqual(await listed('SearchTags', { scope: 'resource' }), [['service.name'], undefined]);
    const [newest, rest] = (await listed('SearchTagsV2', {})) as { name: string; tags: string[] }[][];
    assert.deepEqual(
      newest?.map(({ name }) => name),
      ['resource', 'intrinsic'],
    );
    assert.deepEqual(rest, [{ name: 'span', tags: ['http.response.status_code', 'ok', 'ratio', 'tags'] }]);
    const nanos = (time: number) => String(BigInt(time) * 1_000_000_000n);
    const instant = await messages('MetricsQueryInstant', 'QueryInstantRequest', 'QueryInstantResponse', {
      ...{ query: '{} | count_over_time()', start: nanos(long.start), end: nanos(long.end) },
    });
    assert.deepEqual(
      instant.map(([message]) => (message as { series: { value: number }[] }).series[0]?.value),
      [1, 3],
    );
  });

  it('refuses callers without the key, and tells what is wrong', async () => {
    const good = encoded('SearchRequest', { Query: '{}' });
    for (const client of clients.values()) {
      const refused = async (method: string, request: Uint8Array, withAKey = true) => {
        const error = await answers(client, method, request, withAKey);
        assert.ok(!Array.isArray(error));
        return [error.code, error.details] as const;
      };
      assert.equal((await refused('Search', good, false))[0], status.UNAUTHENTICATED);
      const [code, details] = await refused('Search', encoded('SearchRequest', { Query: '{ .a = ' }));
      assert.equal(code, status.INVALID_ARGUMENT);
      assert.match(details, /parse error at line 1, col 8/);
      assert.equal((await refused('Search', Buffer.from([0x42, 0xff])))[0], status.INVALID_ARGUMENT);
      assert.equal(
        (await refused('MetricsQueryRange', encoded('QueryRangeRequest', {})))[0],
        status.INVALID_ARGUMENT,
      );
      assert.equal((await refused('Search', Buffer.alloc(2 * 1024 * 1024)))[0], status.RESOURCE_EXHAUSTED);
      assert.equal((await refused('Nothing', good))[0], status.UNIMPLEMENTED);
    }
  });

  it('ends a query whose client goes away or has no more time', async () => {
    await lake.connection.run(
      `INSERT INTO lake.spans BY NAME SELECT timestamp, start_time_unix_nano, 1::BIGINT AS duration_nano,
       md5(i::VARCHAR) AS trace_id, '00000000000000aa' AS span_id, 'bulk' AS span_name, '{"k":"' || i || '"}' AS span_attributes
       FROM (SELECT timestamp, start_time_unix_nano FROM lake.spans LIMIT 1), range(300000) t(i)`,
    );
    const slow = encoded('SearchRequest', {
      ...{ Query: '{ span.k + 1 > 5 && childCount > 3 }', start: seconds - 60, end: seconds + 600 },
    });
    for (const client of clients.values()) {
      const stream = call(client, 'Search', slow);
      while (lake.guard.running === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      stream.cancel();
      const [error] = (await once(stream, 'error')) as [ServiceError];
      assert.equal(error.code, status.CANCELLED);
      while (lake.guard.running > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  it('serves HTTP/1.1 beside it, however slowly its first bytes come', async () => {
    const slowly = async (text: string) => {
      const socket = connect(port, '127.0.0.1');
      let got = '';
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.on('data', (data) => (got += data.toString())).on('error', () => undefined);
      await once(socket, 'connect');
      socket.setNoDelay(true);
      for (const piece of text) {
        socket.write(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await closed;
      return got;
    };
    const rest = ' HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    assert.match(await slowly(`GET /healthz${rest}`), /^HTTP\/1.1 200 OK/);
    assert.match(await slowly(`PRI /healthz${rest}`), /^HTTP\/1.1 (400|404)/);
    assert.match(await slowly('PRI * HTTP/2.0\r\n\r\nSM\r\n\r!'), /^HTTP\/1.1 400|^$/);
    const body =
      'q=' + encodeURIComponent('{ name = "job" }') + `&start=${seconds - 60}&end=${seconds + 600}`;
    const posted = await fetch(`http://127.0.0.1:${port}/api/search`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-www-form-urlencoded' },
      body,
    });
    assert.equal(((await posted.json()) as { traces: object[] }).traces.length, 1);
  });
});
