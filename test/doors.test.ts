/** Protocols beside OTLP and remote write, by the clients that people have. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { Client } from '@elastic/elasticsearch';
import { compressSync } from 'snappy';
import { hostileBodies, wrongAnswer } from '../drill/hostile/doors.js';
import { metricSum } from './support/metrics.js';
import { bytes, concat, message, text, uint } from './support/protobuf.js';
import { eventually, freePort, sql, startServer, type TestServer } from './support/server.js';

const json = { 'content-type': 'application/json' };
const ns = (ms: number) => `${ms}000000`;

/** A frame with one raw block, which needs no compressor. */
function zstdFrame(text: string): Uint8Array {
  const content = Buffer.from(text);
  const header = (content.length << 3) | 1;
  const start = Uint8Array.of(
    0x28,
    0xb5,
    0x2f,
    0xfd,
    0,
    0x38,
    header & 255,
    (header >> 8) & 255,
    header >> 16,
  );
  return Buffer.concat([start, content]);
}

describe('other protocols', () => {
  let server: TestServer;
  let syslogPort: number;
  before(async () => {
    syslogPort = await freePort();
    const env = { CANARDSTACK_API_KEY: 'door-key', CANARDSTACK_SYSLOG_BIND: `127.0.0.1:${syslogPort}` };
    server = await startServer({ env });
  });
  after(async () => {
    assert.equal(await server.stop(), 0);
  });

  const key = { authorization: 'Bearer door-key' };
  const post = (path: string, headers: Record<string, string>, body: string | Uint8Array) =>
    fetch(server.url + path, {
      method: 'POST',
      headers: { ...key, ...headers },
      body: typeof body === 'string' ? body : Uint8Array.from(body),
    });

  interface Stream {
    stream: Record<string, string>;
    values: [string, string][];
  }
  const loki = async (query: string): Promise<Stream[]> => {
    const response = await fetch(`${server.url}/loki/api/v1/query_range?query=${encodeURIComponent(query)}`, {
      headers: key,
    });
    const { data } = (await response.json()) as { data: { result: Stream[] } };
    return data.result;
  };
  const found = (query: string, lines = 1) =>
    eventually(async () => {
      const streams = await loki(query);
      return streams.flatMap(({ values }) => values).length >= lines ? streams : undefined;
    });
  const linesOf = (streams: readonly Stream[]) =>
    streams.flatMap(({ values }) => values.map(([, line]) => line)).sort();

  describe('Loki', () => {
    it('takes gzip, structured metadata and identifiers', async () => {
      const traceId = '0af7651916cd43dd8448eb211c80319c';
      const at = Date.now();
      const body = {
        streams: [
          {
            stream: { job: 'varlogs', k8s_namespace_name: 'prod' },
            values: [
              [ns(at), 'with metadata', { user: 'u1', trace_id: traceId }],
              [ns(at + 1), 'without'],
            ],
          },
          { stream: { job: 'other' }, values: [[ns(at), 'of another']] },
        ],
      };
      const answer = await post(
        '/loki/api/v1/push',
        { ...json, 'content-encoding': 'gzip' },
        gzipSync(JSON.stringify(body)),
      );
      assert.equal(answer.status, 204, await answer.text());
      const streams = await found('{job="varlogs", k8s_namespace_name="prod"}', 2);
      assert.deepEqual(linesOf(streams), ['with metadata', 'without']);
      assert.deepEqual(linesOf(await found(`{job="varlogs"} | user="u1" | trace_id="${traceId}"`)), [
        'with metadata',
      ]);
      const [row] = await sql(
        { ...server, headers: key },
        "SELECT time_unix_nano AS t, trace_id, service_name, source_format FROM lake.logs WHERE body = 'with metadata'",
      );
      assert.deepEqual(
        [String(row?.['t']), row?.['trace_id'], row?.['service_name'], row?.['source_format']],
        [ns(at), traceId, 'varlogs', 'loki_json'],
      );
    });

    it('takes protobuf, whose streams are named by a selector', async () => {
      const at = Date.now();
      const entry = (line: string, ...more: Uint8Array[]) =>
        message(
          2,
          message(1, uint(1, Math.floor(at / 1000)), uint(2, (at % 1000) * 1e6)),
          text(2, line),
          ...more,
        );
      const stream = message(
        1,
        text(1, String.raw`{app="proto", path="C:\\x \"q\"", unit="é"}`),
        entry('one', message(3, text(1, 'user'), text(2, 'u2'))),
        entry('two'),
      );
      const answer = await post(
        '/loki/api/v1/push',
        { 'content-type': 'application/x-protobuf' },
        compressSync(Buffer.from(stream)),
      );
      assert.equal(answer.status, 204, await answer.text());
      const streams = await found('{app="proto", unit="é"}', 2);
      assert.deepEqual(linesOf(streams), ['one', 'two']);
      assert.equal(streams[0]?.stream['path'], String.raw`C:\x "q"`);
    });

    it('refuses in its own words', async () => {
      const old = {
        streams: [
          {
            stream: { app: 'old' },
            values: [
              [ns(1), 'too old'],
              [ns(Date.now()), 'kept'],
            ],
          },
        ],
      };
      const partly = await post('/loki/api/v1/push', json, JSON.stringify(old));
      assert.equal(partly.status, 400);
      assert.match(await partly.text(), /too old/);
      assert.deepEqual(linesOf(await found('{app="old"}')), ['kept']);
      for (const [body, why] of [
        ['{"streams":[{"stream":{"a":1}}]}', /streams\[0\].stream.a must be a string/],
        [
          '{"streams":[{"stream":{},"values":[["x","y"]]}]}',
          /streams\[0\].values\[0\]\[0\] must be nanoseconds/,
        ],
        ['{', /not JSON/],
        ['[]', /streams must be an array/],
      ] as const) {
        const answer = await post('/loki/api/v1/push', json, body);
        assert.equal(answer.status, 400);
        assert.match(await answer.text(), why);
      }
      const selector = await post(
        '/loki/api/v1/push',
        { 'content-type': 'application/x-protobuf' },
        compressSync(Buffer.from(message(1, text(1, '{a=b}')))),
      );
      assert.equal(selector.status, 400);
      assert.equal((await post('/loki/api/v1/push', { 'content-type': 'text/plain' }, 'x')).status, 415);
      assert.equal(
        (await fetch(`${server.url}/loki/api/v1/push`, { method: 'POST', headers: json, body: '{}' })).status,
        401,
      );
    });
  });

  describe('Elasticsearch', () => {
    const client = (path: string) =>
      new Client({
        node: server.url + path,
        auth: { apiKey: Buffer.from('id:door-key').toString('base64') },
      });

    it("takes the official client's bulk helper, and what it asks before", async () => {
      const elastic = client('/elasticsearch');
      const info = await elastic.info();
      assert.equal(info.tagline, 'You Know, for Search');
      const documents = Array.from({ length: 250 }, (_, i) => ({
        '@timestamp': new Date(Date.now() - i).toISOString(),
        message: `document ${i}`,
        log: { level: i === 0 ? 'error' : 'info' },
        service: { name: 'bulk-js' },
        http: { response: { status_code: 200 + i } },
        tags: ['a', 'b'],
      }));
      const result = await elastic.helpers.bulk({
        datasource: documents,
        onDocument: () => ({ create: { _index: 'logs-app' } }),
        flushBytes: 20_000,
      });
      assert.deepEqual([result.total, result.successful, result.failed], [250, 250, 0]);
      await found('{service_name="bulk-js"} |= "document 249"');
      const [row] = await sql(
        { ...server, headers: key },
        `SELECT count(*) AS n, count(DISTINCT body) AS bodies, count(*) FILTER (detected_level = 'error') AS errors,
           max(log_attributes) FILTER (body = 'document 7') AS attributes FROM lake.logs WHERE service_name = 'bulk-js'`,
      );
      assert.deepEqual([row?.['n'], row?.['bodies'], row?.['errors']].map(Number), [250, 250, 1]);
      assert.deepEqual(JSON.parse(row?.['attributes'] as string), {
        'http.response.status_code': 207,
        tags: ['a', 'b'],
        _index: 'logs-app',
      });
      await elastic.close();
    });

    it('tells of each document what became of it', async () => {
      const elastic = client('/elasticsearch');
      const dropped: unknown[] = [];
      const documents = [
        { message: 'good one' },
        { message: 'from long ago', '@timestamp': '1999-01-01T00:00:00Z' },
        { message: 'no time', '@timestamp': 'yesterday' },
        { message: 'good two' },
      ];
      const result = await elastic.helpers.bulk({
        datasource: documents.map((one) => ({ ...one, app: 'bulk-mixed' })),
        onDocument: () => ({ index: { _index: 'x' } }),
        onDrop: ({ document }) => dropped.push(document.message),
        retries: 0,
      });
      assert.deepEqual([result.successful, result.failed], [2, 2]);
      assert.deepEqual(dropped, ['from long ago', 'no time']);
      assert.deepEqual(linesOf(await found('{service_name="bulk-mixed"}', 2)), ['good one', 'good two']);
      await elastic.index({ index: 'x', document: { message: 'alone', app: 'bulk-mixed' } });
      await found('{service_name="bulk-mixed"} |= "alone"');
      await elastic.close();
    });

    it('names index and identifier of each document, known or not, and loses none behind a slash', async () => {
      const lines = [
        '{"index":{"_index":"own","_id":"one"}}',
        '{"message":"a","app":"bulk-names"}',
        '{"create":{}}',
        '{"message":"b","app":"bulk-names"}',
        '{"delete":{"_index":"own","_id":7}}',
        '{"create":{}}',
        '{"message":"c","app":"bulk-names"}',
      ];
      const type = { 'content-type': 'application/x-ndjson' };
      const answer = await post('/elasticsearch/of-url/_bulk/?pipeline=x', type, `${lines.join('\n')}\n`);
      const { errors, items } = (await answer.json()) as {
        errors: boolean;
        items: Record<string, { _index: string; _id: string; status: number }>[];
      };
      const named = items
        .flatMap((item) => Object.entries(item))
        .map(([action, { _index, _id, status }]) => {
          return [action, _index, _id.length > 8 ? 'made' : _id, status];
        });
      assert.deepEqual(
        [errors, named],
        [
          true,
          [
            ['index', 'own', 'one', 201],
            ['create', 'of-url', 'made', 201],
            ['delete', 'own', '7', 400],
            ['create', 'of-url', 'made', 201],
          ],
        ],
      );
      assert.notEqual(items[1]?.['create']?._id, items[3]?.['create']?._id);
      assert.deepEqual(linesOf(await found('{service_name="bulk-names"}', 3)), ['a', 'b', 'c']);
      for (const path of ['/_documents', '/_search', '/an-index/_search']) {
        assert.equal((await post(`/elasticsearch${path}`, json, '{}')).status, 400, path);
      }
    });

    it('acknowledges what shippers set up', async () => {
      for (const [method, path] of [
        ['GET', '/_license'],
        ['GET', '/_nodes/_all/http'],
        ['HEAD', '/_index_template/filebeat'],
        ['PUT', '/_index_template/filebeat'],
        ['PUT', '/_ilm/policy/filebeat'],
        ['PUT', '/_ingest/pipeline/p'],
        ['HEAD', '/'],
        ['GET', '/_cluster/health'],
      ] as const) {
        const answer = await fetch(`${server.url}/elasticsearch${path}`, {
          method,
          headers: { ...key, ...json },
          ...(method === 'PUT' && { body: '{}' }),
        });
        assert.equal(answer.status, 200, path);
        assert.equal(answer.headers.get('x-elastic-product'), 'Elasticsearch');
      }
      const filtered = await post(
        '/elasticsearch/_bulk?filter_path=errors,items.*.error,items.*.status',
        json,
        '{"create":{}}\n{"message":"m","app":"filtered"}\n{"delete":{"_id":"1"}}\n',
      );
      const { items, ...rest } = (await filtered.json()) as { items: Record<string, object>[] };
      assert.deepEqual([rest, items[0]], [{ errors: true }, { create: { status: 201 } }]);
      assert.deepEqual(Object.keys(items[1]?.['delete'] ?? {}), ['status', 'error']);
      const bad = await post(
        '/elasticsearch/_bulk',
        { 'content-type': 'application/x-ndjson' },
        '{"message":"no action"}\n',
      );
      assert.equal(bad.status, 400);
      const { error } = (await bad.json()) as { error: { type: string; reason: string } };
      assert.deepEqual(
        [error.type, error.reason],
        ['illegal_argument_exception', 'line 1 must be an action'],
      );
    });
  });

  it('takes what Filebeat, Logstash, Fluent Bit and Vector send', async () => {
    const time = new Date().toISOString();
    const seconds = (Date.now() / 1000).toFixed(6);
    const lines = (...all: object[]) => all.map((one) => `${JSON.stringify(one)}\n`).join('');
    const name = (shipper: string) => ({ service: { name: shipper } });
    const requests: [string, string, Record<string, string>, string | Uint8Array][] = [
      [
        'filebeat',
        '/elasticsearch/_bulk?filter_path=errors%2Citems.%2A.error%2Citems.%2A.status',
        { 'content-type': 'application/json; charset=UTF-8', 'content-encoding': 'gzip' },
        gzipSync(
          lines(
            { create: { _index: 'filebeat-8.17.0', pipeline: 'p' } },
            {
              '@timestamp': time,
              message: 'line of filebeat',
              ...name('filebeat'),
              log: { offset: 0, file: { path: '/var/log/x.log' } },
              host: { name: 'h1' },
              ecs: { version: '8.0.0' },
            },
          ),
        ),
      ],
      [
        'logstash',
        '/elasticsearch/_bulk?filter_path=errors,items.*.error,items.*.status',
        { 'content-type': 'application/json' },
        lines(
          { create: { _index: 'logs-generic-default' } },
          {
            '@timestamp': time,
            '@version': '1',
            message: 'line of logstash',
            ...name('logstash'),
            host: { name: 'h1' },
            log: { file: { path: '/var/log/x.log' } },
            data_stream: { type: 'logs', dataset: 'generic', namespace: 'default' },
          },
        ),
      ],
      [
        'fluent-es',
        '/elasticsearch/_bulk/?pipeline=p',
        { 'content-type': 'application/x-ndjson', 'user-agent': 'Fluent-Bit' },
        lines(
          { create: { _index: 'fluent-bit', _type: '_doc' } },
          {
            '@timestamp': time,
            log: 'line of fluent-es',
            ...name('fluent-es'),
            host: { name: 'h1' },
            log_file: { path: '/var/log/x.log' },
          },
        ),
      ],
      [
        'fluent-lines',
        '/insert/jsonline?_msg_field=log&_time_field=date',
        { 'content-type': 'application/x-ndjson' },
        lines({
          date: Number(seconds),
          log: 'line of fluent-lines',
          ...name('fluent-lines'),
          host: { name: 'h1' },
        }),
      ],
      [
        'fluent-splunk',
        '/services/collector/event',
        { 'content-type': 'application/json', authorization: 'Splunk door-key' },
        lines({
          time: Number(seconds),
          host: 'h1',
          event: { log: 'line of fluent-splunk', 'service.name': 'fluent-splunk' },
        }),
      ],
      [
        'fluent-loki',
        '/loki/api/v1/push',
        json,
        JSON.stringify({
          streams: [
            {
              stream: { job: 'fluent-loki', host_name: 'h1' },
              values: [[ns(Date.now()), 'line of fluent-loki', { stream: 'stderr' }]],
            },
          ],
        }),
      ],
      [
        'vector-es',
        '/elasticsearch/_bulk',
        { 'content-type': 'application/x-ndjson', 'content-encoding': 'zstd' },
        zstdFrame(
          lines(
            { create: { _index: 'vector-2026.11.29', _type: '_doc' } },
            { '@timestamp': time, message: 'line of vector-es', ...name('vector-es'), host: { name: 'h1' } },
          ),
        ),
      ],
      [
        'vector-lines',
        '/insert/jsonline?_msg_field=message&_time_field=timestamp&_stream_fields=source_type',
        { 'content-type': 'application/x-ndjson' },
        lines({
          timestamp: time,
          message: 'line of vector-lines',
          source_type: 'file',
          ...name('vector-lines'),
          host: { name: 'h1' },
        }),
      ],
    ];
    for (const [shipper, path, headers, body] of requests) {
      const answer = await post(path, headers, body);
      const told = await answer.text();
      assert.ok(answer.ok, `${shipper}: ${answer.status} ${told}`);
      if (path.includes('_bulk')) assert.match(told, /"errors":false/);
    }
    const services = requests.map(([shipper]) => shipper).sort();
    const rows = await eventually(async () => {
      const all = await sql(
        { ...server, headers: key },
        `SELECT service_name AS s, body, host_name AS h FROM lake.logs WHERE starts_with(body, 'line of ') ORDER BY s`,
      );
      return all.length >= services.length ? all : undefined;
    });
    assert.deepEqual(
      rows.map((row) => [row['s'], row['body'], row['h']]),
      services.map((shipper) => [shipper, `line of ${shipper}`, 'h1']),
    );
  });

  it('takes JSON lines with fields named by the request', async () => {
    const lines = [
      {
        when: Date.now() / 1000,
        text: 'line one',
        host: { name: 'h1' },
        level: 'warn',
        n: 7,
      },
      { when: new Date().toISOString(), text: 'line two', secret: 'x' },
    ].map((line) => JSON.stringify(line));
    const query =
      '_msg_field=text&_time_field=when&_stream_fields=cluster&ignore_fields=secret&extra_fields=cluster=c1';
    const answer = await post(
      `/insert/jsonline?${query}`,
      { 'content-type': 'application/stream+json' },
      `${lines.join('\n')}\n`,
    );
    assert.equal(answer.status, 200, await answer.text());
    assert.deepEqual(linesOf(await found('{cluster="c1"}', 2)), ['line one', 'line two']);
    assert.deepEqual(linesOf(await found('{host_name="h1"} | level="warn"')), ['line one']);
    assert.equal((await loki('{cluster="c1"} | secret="x"')).length, 0);
    const partly = await post('/insert/jsonline', json, '{"_msg":"good","app":"partly"}\nnot json\n');
    assert.equal(partly.status, 400);
    assert.deepEqual(linesOf(await found('{service_name="partly"}')), ['good']);
  });

  it("takes Zipkin's spans", async () => {
    const traceId = '5af7247fb2d4686c';
    const at = Date.now() * 1000;
    const spans = [
      {
        traceId,
        id: '352bff9a74ca9ad2',
        name: 'get /api',
        kind: 'CLIENT',
        timestamp: at,
        duration: 1431,
        localEndpoint: { serviceName: 'front', ipv4: '10.0.0.1' },
        remoteEndpoint: { serviceName: 'back', port: 9000 },
        tags: { 'http.method': 'GET', error: 'timed out' },
      },
      {
        traceId,
        parentId: '352bff9a74ca9ad2',
        id: '6b221d5bc9e6496c',
        name: 'serve',
        kind: 'SERVER',
        timestamp: at + 100,
        duration: 1000,
        localEndpoint: { serviceName: 'back' },
        annotations: [{ timestamp: at + 200, value: 'looked up' }],
      },
      { traceId: 'nothex', id: '1' },
    ];
    const answer = await post('/api/v2/spans', json, JSON.stringify(spans));
    assert.equal(answer.status, 202, await answer.text());
    const rows = await eventually(async () => {
      const all = await sql(
        { ...server, headers: key },
        `SELECT service_name, span_name, span_kind, parent_span_id, duration_nano, status_code, status_message, events_json
           FROM lake.spans WHERE trace_id = '${traceId.padStart(32, '0')}' ORDER BY start_time_unix_nano`,
      );
      return all.length === 2 ? all : undefined;
    });
    assert.deepEqual(
      rows.map((row) => [
        row['service_name'],
        row['span_name'],
        row['span_kind'],
        row['parent_span_id'],
        String(row['duration_nano']),
        row['status_code'],
        row['status_message'],
      ]),
      [
        ['front', 'get /api', 3, null, '1431000', 2, 'timed out'],
        ['back', 'serve', 2, '352bff9a74ca9ad2', '1000000', 0, null],
      ],
    );
    assert.match(rows[1]?.['events_json'] as string, /looked up/);
  });

  it("takes Datadog's and Splunk's logs", async () => {
    const datadog = await fetch(`${server.url}/api/v2/logs`, {
      method: 'POST',
      headers: { ...json, 'dd-api-key': 'door-key' },
      body: JSON.stringify([
        {
          message: 'from the agent',
          service: 'dd-app',
          hostname: 'h9',
          ddtags: 'env:prod,team:a',
          status: 'error',
          timestamp: Date.now(),
        },
      ]),
    });
    assert.equal(datadog.status, 202, await datadog.text());
    const [stream] = await found('{service_name="dd-app", deployment_environment_name="prod"} | team="a"');
    assert.equal(stream?.stream['host_name'], 'h9');
    assert.equal(stream?.stream['detected_level'], 'error');
    const at = Math.floor(Date.now() / 1000);
    const splunk = await fetch(`${server.url}/services/collector/event`, {
      method: 'POST',
      headers: { authorization: 'Splunk door-key' },
      body: `{"time": ${at}.5, "host": "h8", "event": "plain {text}", "fields": {"app": "hec"}}{"event": {"message": "in an object", "app": "hec"}}`,
    });
    assert.deepEqual(await splunk.json(), { text: 'Success', code: 0 });
    assert.deepEqual(linesOf(await found('{service_name="hec"}', 2)), ['in an object', 'plain {text}']);
  });

  describe('Splunk', () => {
    const token = { authorization: 'Splunk door-key' };
    const hec = async (path: string, body: string | Uint8Array, headers = {}) => {
      const answer = await post(`/services/collector${path}`, { ...token, ...headers }, body);
      return [answer.status, await answer.json()];
    };

    it('takes raw lines, and acknowledges by channel', async () => {
      const at = Math.floor(Date.now() / 1000);
      const query = `?host=h10&source=app.log&sourcetype=raw-app&time=${at}.25&_stream_fields=sourcetype`;
      const body = gzipSync('raw one\r\n\nraw {two}\n');
      const channel = { 'x-splunk-request-channel': 'c0ffee', 'content-encoding': 'gzip' };
      const [status, answer] = await hec(`/raw${query}`, body, channel);
      const { ackId } = answer as { ackId: number };
      assert.deepEqual([status, answer], [200, { text: 'Success', code: 0, ackId }]);
      const acks = JSON.stringify({ acks: [ackId] });
      assert.deepEqual(await hec('/ack?channel=c0ffee', acks), [200, { acks: { [ackId]: true } }]);
      assert.deepEqual(await hec('/ack', acks), [400, { text: 'Data channel is missing', code: 10 }]);
      assert.deepEqual(await hec('/ack?channel=c', '{"acks":[-1]}'), [
        400,
        { text: 'Invalid data format', code: 6 },
      ]);
      const streams = await found('{sourcetype="raw-app", host_name="h10"} | source="app.log"', 2);
      assert.deepEqual(linesOf(streams), ['raw one', 'raw {two}']);
      assert.equal(streams[0]?.values[0]?.[0], `${at}250000000`);
    });

    it('answers by its codes', async () => {
      assert.deepEqual(await hec('/raw', ''), [400, { text: 'No data', code: 5 }]);
      for (const [body, code, why] of [
        ['', 5, /has no event/],
        ['{"fields":{}}', 12, /Event field is required/],
        ['{"event":""}', 13, /Event field cannot be blank/],
        ['{"event":', 6, /ends within a JSON object/],
      ] as const) {
        const [status, answer] = await hec('/event', body);
        const said = answer as { code: number; text: string };
        assert.deepEqual([status, said.code], [400, code], body);
        assert.match(said.text, why);
      }
      const url = `${server.url}/services/collector`;
      const health = await fetch(`${url}/health/1.0`, { headers: token });
      assert.deepEqual(await health.json(), { text: 'HEC is healthy', code: 17 });
      const options = await fetch(`${url}/event/1.0`, { method: 'OPTIONS', headers: token });
      assert.equal(options.status, 200, "Docker's driver asks so");
      const wrong = await fetch(`${url}/raw`, {
        method: 'POST',
        headers: { authorization: 'Splunk x' },
        body: 'x',
      });
      assert.deepEqual([wrong.status, ((await wrong.json()) as { code: number }).code], [401, 3]);
    });
  });

  it("takes a journal's upload without an end in sight, piece by piece", async () => {
    const now = Date.now() * 1000;
    const filler = 'x'.repeat(20_000);
    const entries = 1200;
    const journal = async function* () {
      for (let i = 0; i < entries; i++) {
        yield Buffer.from(
          `__REALTIME_TIMESTAMP=${now + i}\n_HOSTNAME=j1\nPRIORITY=6\nSYSLOG_IDENTIFIER=journal\nN=${i}\nMESSAGE=${filler}\n\n`,
        );
      }
    };
    // Three times the limit of a body.
    const body = ReadableStream.from(journal());
    const headers = { ...key, 'content-type': 'application/vnd.fdo.journal' };
    const answer = await fetch(`${server.url}/upload`, {
      method: 'POST',
      headers,
      body,
      duplex: 'half',
    });
    assert.deepEqual([answer.status, await answer.text()], [200, 'OK.\n']);
    const [row] = await eventually(async () => {
      const rows = await sql(
        { ...server, headers: key },
        `SELECT count(*) AS n, count(DISTINCT log_attributes) AS different, min(length(body)) AS shortest
           FROM lake.logs WHERE service_name = 'journal' AND host_name = 'j1' AND detected_level = 'info'`,
      );
      return Number(rows[0]?.['n']) >= entries ? rows : undefined;
    });
    assert.deepEqual([row?.['n'], row?.['different'], row?.['shortest']].map(Number), [
      entries,
      entries,
      20_000,
    ]);
    const bad = await post(
      '/insert/journald/upload',
      { 'content-type': headers['content-type'] },
      'MESSAGE=x\nhalf',
    );
    assert.equal(bad.status, 400);
    assert.match(await bad.text(), /at byte 10 is not whole/);
    assert.equal((await post('/upload', json, '{}')).status, 415);
    const endless = ReadableStream.from(
      (async function* () {
        for (let i = 0; i < 20; i++) yield Buffer.alloc(512 * 1024, i === 0 ? 'MESSAGE=' : 'x');
      })(),
    );
    const large = await fetch(`${server.url}/upload`, {
      method: 'POST',
      headers,
      body: endless,
      duplex: 'half',
    });
    assert.equal(large.status, 413, await large.text());
  });

  it('takes syslog by octet counting, lines and datagrams', async () => {
    const modern = `<165>1 ${new Date().toISOString()} h7 sysapp 42 ID7 [ex@1 a="x \\"y\\"" b="2"] \uFEFFtwo\nlines`;
    const socket = connect(syslogPort, '127.0.0.1');
    socket.write(`${Buffer.byteLength(modern)} ${modern}<11>plain one\n`);
    socket.write('<34>Oct 11 22:14');
    socket.end(':15 h7 su[9]: too old to keep\n');
    await once(socket, 'close');
    const udp = createSocket('udp4');
    udp.send('<13>sysapp: by datagram', syslogPort, '127.0.0.1', () => udp.close());
    const [stream] = await found('{service_name="sysapp", host_name="h7"}');
    assert.deepEqual(
      [
        stream?.values[0]?.[1],
        stream?.stream['detected_level'],
        stream?.stream['ex_1_a'],
        stream?.stream['msg_id'],
      ],
      ['two\nlines', 'info', 'x "y"', 'ID7'],
    );
    assert.deepEqual(linesOf(await found('{service_name=~".+"} |= "plain one" | facility="user"')), [
      'plain one',
    ]);
    assert.deepEqual(linesOf(await found('{service_name="sysapp"} |= "datagram"')), ['by datagram']);
  });

  it('answers hostile bodies in the form of each protocol', async () => {
    const wrong: string[] = [];
    for (const hostile of hostileBodies()) {
      const { path, headers } = hostile.door;
      const encoding = hostile.encoding === 'identity' ? {} : { 'content-encoding': hostile.encoding };
      const answer = await post(path, { ...headers, ...encoding }, hostile.body);
      const why = wrongAnswer(
        hostile,
        answer.status,
        answer.headers.get('content-type') ?? '',
        await answer.text(),
      );
      if (why !== null) wrong.push(why);
    }
    assert.deepEqual(wrong, []);
    assert.equal(await metricSum(server, 'canardstack_decode_worker_restarts_total'), 0);
  });

  it('finds all of it again after a kill', async () => {
    const ownSyslog = await freePort();
    const own = await startServer({
      env: {
        CANARDSTACK_SEAL_INTERVAL_MS: '600000',
        CANARDSTACK_FRESHNESS_BUDGET_SLA_SECS: '3600',
        CANARDSTACK_SYSLOG_BIND: `127.0.0.1:${ownSyslog}`,
      },
    });
    const line = `{"_msg":"k","app":"killed","_time":"${new Date().toISOString()}"}`;
    const requests: [string, Record<string, string>, string | Uint8Array][] = [
      [
        '/loki/api/v1/push',
        json,
        `{"streams":[{"stream":{"app":"killed"},"values":[["${ns(Date.now())}","k"]]}]}`,
      ],
      [
        '/loki/api/v1/push',
        { 'content-type': 'application/x-protobuf' },
        compressSync(
          Buffer.from(
            message(
              1,
              text(1, '{app="killed"}'),
              message(2, message(1, uint(1, Math.floor(Date.now() / 1000))), text(2, 'k')),
            ),
          ),
        ),
      ],
      ['/_bulk', json, `{"create":{}}\n${line}\n{"create":{}}\n${line}\n`],
      ['/elasticsearch/x/_doc', json, line],
      ['/insert/jsonline?extra_fields=a=b', json, line],
      ['/api/v2/logs', json, line],
      ['/services/collector', json, `{"event":${line}}`],
      ['/services/collector/raw', json, 'k'],
      ['/upload', { 'content-type': 'application/vnd.fdo.journal' }, 'MESSAGE=k\n\n'],
      [
        '/api/v2/spans',
        json,
        JSON.stringify([
          {
            traceId: 'a1',
            id: 'b1',
            name: 'k',
            timestamp: Date.now() * 1000,
            localEndpoint: { serviceName: 'killed' },
          },
        ]),
      ],
    ];
    const remote = concat([
      message(1, message(1, text(1, '__name__'), text(2, 'killed')), message(2, uint(2, Date.now()))),
    ]);
    const second = concat([
      ...['', '__name__', 'killed'].map((symbol) => text(4, symbol)),
      message(5, bytes(1, Uint8Array.of(1, 2)), message(2, uint(2, Date.now()))),
    ]);
    for (const [version, body] of [
      ['prometheus.WriteRequest', remote],
      ['io.prometheus.write.v2.Request', second],
    ] as const) {
      const type = `application/x-protobuf;proto=${version}`;
      requests.push(['/api/v1/write', { 'content-type': type }, compressSync(Buffer.from(body))]);
    }
    try {
      for (const [path, headers, body] of requests) {
        const answer = await fetch(own.url + path, {
          method: 'POST',
          headers,
          body: typeof body === 'string' ? body : Uint8Array.from(body),
        });
        assert.ok(answer.ok, `${path}: ${await answer.text()}`);
      }
      connect(ownSyslog, '127.0.0.1').end('<13>k: one\n<13>k: two\n12 <13>k: three');
      // It has no answers, but tells when all of it is durable.
      await eventually(async () => {
        const durable = { transport: 'syslog', code: 'ok' };
        return (await metricSum(own, 'canardstack_otlp_requests_total', durable)) > 0 ? true : undefined;
      });
    } finally {
      await own.kill();
    }
    const again = await startServer({ dataDir: own.dataDir });
    try {
      const counted = await eventually(async () => {
        const rows = await sql(
          again,
          `SELECT source_format, count(*)::INTEGER AS n FROM lake.logs GROUP BY ALL UNION ALL
           SELECT source_format, count(*)::INTEGER FROM lake.spans GROUP BY ALL UNION ALL
           SELECT source_format, count(*)::INTEGER FROM lake.metric_gauge GROUP BY ALL ORDER BY ALL`,
        );
        return rows.length === 11
          ? rows.map(({ source_format, n }) => `${String(source_format)} ${String(n)}`)
          : undefined;
      });
      assert.deepEqual(counted, [
        'datadog_json 1',
        'elasticsearch_bulk 3',
        'journald 1',
        'json_lines 1',
        'loki_json 1',
        'loki_protobuf 1',
        'prometheus_remote_write_1 1',
        'prometheus_remote_write_2 1',
        'splunk_hec 2',
        'syslog 3',
        'zipkin_json 1',
      ]);
    } finally {
      assert.equal(await again.stop(), 0);
    }
  });
});
