/** Streams of Loki, syslog and journald, Zipkin's spans, and what hostile senders of any protocol are answered. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { after, before, describe, it } from 'node:test';
import { compressSync } from 'snappy';
import { hostileBodies, wrongAnswer } from '../../drill/hostile/doors.js';
import { DoorServer, json, linesOf, ns } from '../support/doors.js';
import { message, text, uint } from '../support/protobuf.js';
import { eventually, freePort } from '../support/server.js';

describe('streams', () => {
  let syslogPort: number;
  let server: DoorServer;
  before(async () => {
    syslogPort = await freePort();
    server = await DoorServer.start({ CANARDSTACK_SYSLOG_BIND: `127.0.0.1:${syslogPort}` });
  });
  after(async () => {
    assert.equal(await server.server.stop(), 0);
  });

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
      const answer = await server.post(
        '/loki/api/v1/push',
        { ...json, 'content-encoding': 'gzip' },
        gzipSync(JSON.stringify(body)),
      );
      assert.equal(answer.status, 204, await answer.text());
      const streams = await server.found('{job="varlogs", k8s_namespace_name="prod"}', 2);
      assert.deepEqual(linesOf(streams), ['with metadata', 'without']);
      assert.deepEqual(linesOf(await server.found(`{job="varlogs"} | user="u1" | trace_id="${traceId}"`)), [
        'with metadata',
      ]);
      const [row] = await server.sql(
        "SELECT time_unix_nano AS t, trace_id, service_name, source_format FROM lake.logs WHERE body = 'with metadata'",
      );
      assert.deepEqual(
        [String(row?.['t']), row?.['trace_id'], row?.['service_name'], row?.['source_format']],
        [ns(at), traceId, 'varlogs', 'loki_json'],
      );
    });

    it('takes the form of its oldest path', async () => {
      const ts = new Date().toISOString().replace('Z', '123456Z');
      const entries = [{ ts, line: 'old form' }];
      const push = (stream: object) =>
        server.post('/api/prom/push', json, JSON.stringify({ streams: [stream] }));
      assert.equal((await push({ labels: '{job="legacy", unit="a b"}', entries })).status, 204);
      assert.deepEqual(linesOf(await server.found('{job="legacy"}')), ['old form']);
      for (const [stream, why] of [
        [{ labels: 'job', entries }, /streams\[0\]\.labels are not a selector: job/],
        [{ labels: '{a="b"}', entries: [{ ts: 'now', line: '' }] }, /entries\[0\]\.ts must be a time/],
        [{ labels: '{a="b"}', entries: [{ ts, line: 1 }] }, /entries\[0\]\.line must be a string/],
      ] as const) {
        const refused = await push(stream);
        assert.equal(refused.status, 400);
        assert.match(await refused.text(), why);
      }
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
      const answer = await server.post(
        '/loki/api/v1/push',
        { 'content-type': 'application/x-protobuf' },
        compressSync(Buffer.from(stream)),
      );
      assert.equal(answer.status, 204, await answer.text());
      const streams = await server.found('{app="proto", unit="é"}', 2);
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
      const partly = await server.post('/loki/api/v1/push', json, JSON.stringify(old));
      assert.equal(partly.status, 400);
      assert.match(await partly.text(), /too old/);
      assert.deepEqual(linesOf(await server.found('{app="old"}')), ['kept']);
      for (const [body, why] of [
        ['{"streams":[{"stream":{"a":1}}]}', /streams\[0\].stream.a must be a string/],
        [
          '{"streams":[{"stream":{},"values":[["x","y"]]}]}',
          /streams\[0\].values\[0\]\[0\] must be nanoseconds/,
        ],
        ['{', /not JSON/],
        ['[]', /streams must be an array/],
      ] as const) {
        const answer = await server.post('/loki/api/v1/push', json, body);
        assert.equal(answer.status, 400);
        assert.match(await answer.text(), why);
      }
      const selector = await server.post(
        '/loki/api/v1/push',
        { 'content-type': 'application/x-protobuf' },
        compressSync(Buffer.from(message(1, text(1, '{a=b}')))),
      );
      assert.equal(selector.status, 400);
      assert.equal(
        (await server.post('/loki/api/v1/push', { 'content-type': 'text/plain' }, 'x')).status,
        415,
      );
      assert.equal(
        (await fetch(`${server.url}/loki/api/v1/push`, { method: 'POST', headers: json, body: '{}' })).status,
        401,
      );
    });
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
      // As the Collector and SDKs of OpenTelemetry write theirs.
      {
        traceId,
        parentId: '6b221d5bc9e6496c',
        id: '7b221d5bc9e6496c',
        name: 'looked up',
        timestamp: at + 200,
        duration: 500,
        localEndpoint: { serviceName: 'back' },
        tags: {
          'otel.status_code': 'ERROR',
          error: 'no such row',
          'otel.scope.name': 'db',
          'otel.library.version': '1.2',
          'w3c.tracestate': 'a=b',
          'host.name': 'h1',
          'otlp.link.0': `${traceId.padStart(32, '0')}|352bff9a74ca9ad2|c=d|{"n":1}|0`,
          'span.kind': 'internal',
          'service.name': 'back',
          rows: '0',
        },
        annotations: [
          { timestamp: at + 300, value: 'tried|{"n":1}|0' },
          { timestamp: at + 301, value: '"again": {"n":2}' },
          { timestamp: at + 302, value: 'odd: {"n":' },
        ],
      },
    ];
    const answer = await server.post('/api/v2/spans', json, JSON.stringify(spans));
    assert.equal(answer.status, 202, await answer.text());
    const rows = await eventually(async () => {
      const all =
        await server.sql(`SELECT service_name, span_name, span_kind, parent_span_id, duration_nano, status_code, status_message,
           events_json, links_json, span_attributes, scope_name, scope_version, trace_state, host_name
           FROM lake.spans WHERE trace_id = '${traceId.padStart(32, '0')}' ORDER BY start_time_unix_nano`);
      return all.length === 3 ? all : undefined;
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
        ['back', 'looked up', 1, '6b221d5bc9e6496c', '500000', 2, 'no such row'],
      ],
    );
    assert.match(rows[1]?.['events_json'] as string, /looked up/);
    const own = rows[2] ?? {};
    assert.deepEqual(
      ['scope_name', 'scope_version', 'trace_state', 'host_name', 'span_attributes'].map((name) => own[name]),
      ['db', '1.2', 'a=b', 'h1', '{"rows":"0"}'],
    );
    const list = (name: string) => JSON.parse(own[name] as string) as Record<string, unknown>[];
    assert.deepEqual(
      list('events_json').map(({ name, attributes }) => [name, attributes]),
      [
        ['tried', { n: 1 }],
        ['again', { n: 2 }],
        ['odd: {"n":', {}],
      ],
    );
    assert.deepEqual(
      list('links_json').map(({ span_id, trace_state, attributes }) => [span_id, trace_state, attributes]),
      [['352bff9a74ca9ad2', 'c=d', { n: 1 }]],
    );
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
    const headers = { ...server.key, 'content-type': 'application/vnd.fdo.journal' };
    const answer = await fetch(`${server.url}/upload`, {
      method: 'POST',
      headers,
      body,
      duplex: 'half',
    });
    assert.deepEqual([answer.status, await answer.text()], [200, 'OK.\n']);
    const [row] = await eventually(async () => {
      const rows =
        await server.sql(`SELECT count(*) AS n, count(DISTINCT log_attributes) AS different, min(length(body)) AS shortest
           FROM lake.logs WHERE service_name = 'journal' AND host_name = 'j1' AND detected_level = 'info'`);
      return Number(rows[0]?.['n']) >= entries ? rows : undefined;
    });
    assert.deepEqual([row?.['n'], row?.['different'], row?.['shortest']].map(Number), [
      entries,
      entries,
      20_000,
    ]);
    const bad = await server.post(
      '/insert/journald/upload',
      { 'content-type': headers['content-type'] },
      'MESSAGE=x\nhalf',
    );
    assert.equal(bad.status, 400);
    assert.match(await bad.text(), /at byte 10 is not whole/);
    assert.equal((await server.post('/upload', json, '{}')).status, 415);
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
    socket.write(':15 h7 su[9]: too old to keep\n');
    const [, day = '', month = '', clock = ''] =
      /^\w+, (\d+) (\w+) \d+ ([\d:]+)/.exec(new Date().toUTCString()) ?? [];
    socket.end(`<13>${month} ${day.replace(/^0/, ' ')} ${clock}.25 h7 cron[7] without a colon\n`);
    await once(socket, 'close');
    const udp = createSocket('udp4');
    udp.send('<13>sysapp: by datagram', syslogPort, '127.0.0.1', () => udp.close());
    const [stream] = await server.found('{service_name="sysapp", host_name="h7"}');
    assert.deepEqual(
      [
        stream?.values[0]?.[1],
        stream?.stream['detected_level'],
        stream?.stream['ex_1_a'],
        stream?.stream['msg_id'],
      ],
      ['two\nlines', 'info', 'x "y"', 'ID7'],
    );
    assert.deepEqual(linesOf(await server.found('{service_name=~".+"} |= "plain one" | facility="user"')), [
      'plain one',
    ]);
    const tagged = await server.found('{service_name="cron", host_name="h7"} | proc_id="7"');
    assert.deepEqual(linesOf(tagged), ['without a colon']);
    assert.match(tagged[0]?.values[0]?.[0] ?? '', /250000000$/);
    assert.deepEqual(linesOf(await server.found('{service_name="sysapp"} |= "datagram"')), ['by datagram']);
  });

  it('answers hostile bodies in the form of each protocol', async () => {
    const wrong: string[] = [];
    for (const hostile of hostileBodies()) {
      const { path, headers } = hostile.door;
      const encoding = hostile.encoding === 'identity' ? {} : { 'content-encoding': hostile.encoding };
      const answer = await server.post(path, { ...headers, ...encoding }, hostile.body);
      const why = wrongAnswer(
        hostile,
        answer.status,
        answer.headers.get('content-type') ?? '',
        await answer.text(),
      );
      if (why !== null) wrong.push(why);
    }
    assert.deepEqual(wrong, []);
    assert.equal(await server.metric('canardstack_decode_worker_restarts_total'), 0);
  });
});
