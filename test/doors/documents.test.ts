/** Documents of Elasticsearch, JSON lines, Datadog and Splunk, by the clients that people have. */
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { Client } from '@elastic/elasticsearch';
import { DoorServer, json, linesOf, ns } from '../support/doors.js';
import { eventually } from '../support/server.js';

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

describe('documents', () => {
  let server: DoorServer;
  before(async () => {
    server = await DoorServer.start();
  });
  after(async () => {
    assert.equal(await server.server.stop(), 0);
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
      await server.found('{service_name="bulk-js"} |= "document 249"');
      const [row] =
        await server.sql(`SELECT count(*) AS n, count(DISTINCT body) AS bodies, count(*) FILTER (detected_level = 'error') AS errors,
           max(log_attributes) FILTER (body = 'document 7') AS attributes FROM lake.logs WHERE service_name = 'bulk-js'`);
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
      assert.deepEqual(linesOf(await server.found('{service_name="bulk-mixed"}', 2)), [
        'good one',
        'good two',
      ]);
      await elastic.index({ index: 'x', document: { message: 'alone', app: 'bulk-mixed' } });
      await server.found('{service_name="bulk-mixed"} |= "alone"');
      await elastic.close();
    });

    it('names index and identifier of each document, known or not, and loses none behind a slash', async () => {
      const lines = [
        '{"index":{"_index":"own","_id":"one","require_alias":true}}',
        '{"message":"a","app":"bulk-names"}',
        '{"create":{}}',
        '{"message":"b","app":"bulk-names"}',
        '{"delete":{"_index":"own","_id":7}}',
        '{"create":{}}',
        '{"message":"c","app":"bulk-names"}',
      ];
      const type = { 'content-type': 'application/x-ndjson' };
      const answer = await server.post(
        '/elasticsearch/of-url/_bulk/?pipeline=x&require_alias=true',
        type,
        `${lines.join('\n')}\n`,
      );
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
      assert.deepEqual(linesOf(await server.found('{service_name="bulk-names"}', 3)), ['a', 'b', 'c']);
      for (const path of ['/_documents', '/_search', '/an-index/_search']) {
        assert.equal((await server.post(`/elasticsearch${path}`, json, '{}')).status, 400, path);
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
          headers: { ...server.key, ...json },
          ...(method === 'PUT' && { body: '{}' }),
        });
        assert.equal(answer.status, 200, path);
        assert.equal(answer.headers.get('x-elastic-product'), 'Elasticsearch');
      }
      const filtered = await server.post(
        '/elasticsearch/_bulk?filter_path=errors,items.*.error,items.*.status',
        json,
        '{"create":{}}\n{"message":"m","app":"filtered"}\n{"delete":{"_id":"1"}}\n',
      );
      const { items, ...rest } = (await filtered.json()) as { items: Record<string, object>[] };
      assert.deepEqual([rest, items[0]], [{ errors: true }, { create: { status: 201 } }]);
      assert.deepEqual(Object.keys(items[1]?.['delete'] ?? {}), ['status', 'error']);
      const bad = await server.post(
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
      const answer = await server.post(path, headers, body);
      const told = await answer.text();
      assert.ok(answer.ok, `${shipper}: ${answer.status} ${told}`);
      if (path.includes('_bulk')) assert.match(told, /"errors":false/);
    }
    const services = requests.map(([shipper]) => shipper).sort();
    const rows = await eventually(async () => {
      const all = await server.sql(
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
    const answer = await server.post(
      `/insert/jsonline?${query}`,
      { 'content-type': 'application/stream+json' },
      `${lines.join('\n')}\n`,
    );
    assert.equal(answer.status, 200, await answer.text());
    assert.deepEqual(linesOf(await server.found('{cluster="c1"}', 2)), ['line one', 'line two']);
    assert.deepEqual(linesOf(await server.found('{host_name="h1"} | level="warn"')), ['line one']);
    assert.equal((await server.loki('{cluster="c1"} | secret="x"')).length, 0);
    const partly = await server.post('/insert/jsonline', json, '{"_msg":"good","app":"partly"}\nnot json\n');
    assert.equal(partly.status, 400);
    assert.deepEqual(linesOf(await server.found('{service_name="partly"}')), ['good']);
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
    const [stream] = await server.found(
      '{service_name="dd-app", deployment_environment_name="prod"} | team="a"',
    );
    assert.equal(stream?.stream['host_name'], 'h9');
    assert.equal(stream?.stream['detected_level'], 'error');
    const at = Math.floor(Date.now() / 1000);
    const splunk = await fetch(`${server.url}/services/collector/event`, {
      method: 'POST',
      headers: { authorization: 'Splunk door-key' },
      body: `{"time": ${at}.5, "host": "h8", "event": "plain {text}", "fields": {"app": "hec"}}{"event": {"message": "in an object", "app": "hec"}}`,
    });
    assert.deepEqual(await splunk.json(), { text: 'Success', code: 0 });
    assert.deepEqual(linesOf(await server.found('{service_name="hec"}', 2)), [
      'in an object',
      'plain {text}',
    ]);
  });

  describe('Splunk', () => {
    const token = { authorization: 'Splunk door-key' };
    const hec = async (path: string, body: string | Uint8Array, headers = {}) => {
      const answer = await server.post(`/services/collector${path}`, { ...token, ...headers }, body);
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
      const streams = await server.found('{sourcetype="raw-app", host_name="h10"} | source="app.log"', 2);
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
});
