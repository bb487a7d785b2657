import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { WebSocket } from 'ws';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { eventually } from '../../../../test/support/server.js';
import { closeHttpApp, createHttpApp } from '../../../http/index.js';
import { createTelemetry, type Telemetry } from '../../../telemetry/index.js';
import { QueryThreads } from '../../threads/index.js';
import { lokiApi } from '../index.js';

interface Frame {
  readonly streams: readonly { stream: Record<string, string>; values: [string, string, object?][] }[];
  readonly dropped_entries?: readonly { timestamp: string; labels: Record<string, string> }[];
  readonly encodingFlags?: readonly string[];
}

const key = 'tail-key';
const nowNs = () => BigInt(Date.now()) * 1_000_000n;

function row(body: string, time = nowNs(), service = 'cart'): Record<string, unknown> {
  return {
    timestamp: new Date(Number(time / 1_000_000n)).toISOString().replace('Z', ''),
    time_unix_nano: time,
    service_name: service,
    severity_number: 9,
    body,
    log_attributes: '{"user.id":"u1"}',
  };
}

/** A client as `logcli query --tail` is one: the key in a header, the parameters in the URL. */
class Client {
  readonly frames: Frame[] = [];
  readonly socket: WebSocket;

  constructor(
    url: string,
    params: Record<string, string>,
    headers: Record<string, string> = {},
    path = '/loki/api/v1/tail',
  ) {
    const query = new URLSearchParams(params).toString();
    this.socket = new WebSocket(`${url}${path}?${query}`, {
      headers: { authorization: `Bearer ${key}`, ...headers },
    });
    this.socket.on('message', (data: Buffer) => this.frames.push(JSON.parse(data.toString()) as Frame));
    this.socket.on('error', () => undefined);
  }

  async open(): Promise<this> {
    await once(this.socket, 'open');
    return this;
  }

  get lines(): string[] {
    return this.frames.flatMap(({ streams }) =>
      streams.flatMap(({ values }) => values.map(([, line]) => line)),
    );
  }

  /** Waits until that many lines came. */
  async lined(count: number): Promise<string[]> {
    while (this.lines.length < count) await once(this.socket, 'message');
    return this.lines;
  }

  async closed(): Promise<number> {
    const [code] = (await once(this.socket, 'close')) as [number];
    return code;
  }
}

/** Status and body of a handshake that is refused. */
async function refused(url: string, params: Record<string, string>, headers = {}): Promise<[number, string]> {
  const { socket } = new Client(url, params, headers);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return [response.statusCode ?? 0, body];
}

describe('the tail of logs', () => {
  let lake: TestLake;
  let app: FastifyInstance;
  let threads: QueryThreads;
  let url: string;
  let port: number;
  let metrics: Telemetry['registry'];

  before(async () => {
    lake = await testLake();
    const telemetry = createTelemetry('silent');
    metrics = telemetry.registry;
    // As a server has it: answers come as bytes.
    threads = await QueryThreads.start({ threads: 1, telemetry });
    app = await createHttpApp({
      config: { bind: '127.0.0.1:0', apiKey: key, adminApiKey: undefined },
      telemetry,
      ready: () => Promise.resolve({ ready: true, reasons: [] }),
      query: [lokiApi({ guard: lake.guard, telemetry, threads, maxTails: 3, tailPingMs: 600_000 })],
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    ({ port } = app.server.address() as AddressInfo);
    url = `ws://127.0.0.1:${port}`;
    await lake.insert('logs', [row('first', nowNs() - 3_000_000_000n), row('other', nowNs(), 'ad')]);
  });
  after(async () => {
    await closeHttpApp(app, 1000);
    await threads.close();
    await lake.close();
  });

  it('sends what there was, and what is committed, once each and in order', async () => {
    const client = await new Client(url, { query: '{service_name="cart"}', limit: '10' }).open();
    assert.deepEqual(await client.lined(1), ['first']);
    await lake.insert('logs', [row('second'), row('not shown', nowNs(), 'ad')]);
    await client.lined(2);
    const late = nowNs() - 60_000_000_000n;
    await lake.insert('logs', [row('late', late), row('third')]);
    assert.deepEqual(await client.lined(4), ['first', 'second', 'late', 'third']);
    // As after a compaction: the rows are written again.
    await lake.connection.run(`CREATE TEMP TABLE again AS SELECT * FROM lake.main.logs`);
    await lake.connection.run(`DELETE FROM lake.main.logs`);
    await lake.connection.run(`INSERT INTO lake.main.logs SELECT * FROM again`);
    await lake.insert('logs', [row('fourth')]);
    assert.deepEqual(await client.lined(5), ['first', 'second', 'late', 'third', 'fourth']);
    const [time, , more] = client.frames[0]?.streams[0]?.values[0] ?? [];
    assert.match(time ?? '', /^\d{19}$/);
    assert.equal(more, undefined);
    assert.deepEqual(client.frames[0]?.streams[0]?.stream['user_id'], 'u1');
    client.socket.close();
    await client.closed();
  });

  it('runs the pipeline, shows labels apart when asked, and holds entries back for delay_for', async () => {
    const query = '{service_name="pipe"} |= "a" | line_format "<{{ __line__ }}>"';
    const flags = { 'x-loki-response-encoding-flags': 'categorize-labels' };
    const client = await new Client(url, { query, delay_for: '1' }, flags).open();
    const begun = Date.now();
    await lake.insert('logs', [row('a1', nowNs() + 500_000_000n, 'pipe'), row('b', nowNs(), 'pipe')]);
    assert.deepEqual(await client.lined(1), ['<a1>']);
    assert.ok(Date.now() - begun >= 1500, 'held back');
    const [frame] = client.frames;
    assert.deepEqual(frame?.encodingFlags, ['categorize-labels']);
    assert.deepEqual(frame?.streams[0]?.stream, { service_name: 'pipe' });
    assert.deepEqual(frame?.streams[0]?.values[0]?.[2], {
      structuredMetadata: { detected_level: 'info', severity_number: '9', user_id: 'u1' },
    });
    client.socket.close();
    await client.closed();
  });

  it('gives old clients the form of their path', async () => {
    const client = await new Client(url, { query: '{service_name="old"}' }, {}, '/api/prom/tail').open();
    await lake.insert('logs', [row('of old', nowNs(), 'old')]);
    while (client.frames.length === 0) await once(client.socket, 'message');
    const frame = client.frames[0] as unknown as {
      streams: { labels: string; entries: { ts: string; line: string }[] }[];
      dropped_entries: null;
    };
    const [stream] = frame.streams;
    assert.match(stream?.labels ?? '', /^\{.*service_name="old".*\}$/);
    assert.match(stream?.entries[0]?.ts ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual([stream?.entries[0]?.line, frame.dropped_entries], ['of old', null]);
    client.socket.close();
    await client.closed();
  });

  it('names what a slow client did not take', async () => {
    const droppedSoFar = async () =>
      (await metrics.getSingleMetric('canardstack_tail_dropped_entries_total')?.get())?.values[0]?.value ?? 0;
    const client = await new Client(url, { query: '{service_name="slow"}' }).open();
    client.socket.pause();
    const { timestamp, time_unix_nano: time } = row('');
    // More than the system's buffers and the server's own hold.
    await lake.connection.run(
      `INSERT INTO lake.main.logs BY NAME SELECT TIMESTAMP '${String(timestamp)}' AS timestamp, ${String(time)} + i AS time_unix_nano,
         'slow' AS service_name, i || repeat('x', 100000) AS body FROM range(450) r(i)`,
    );
    await eventually(async () => ((await droppedSoFar()) > 0 ? true : undefined));
    client.socket.resume();
    // What was sent is taken, so nothing more is dropped.
    await eventually(async () => (client.lines.length + (await droppedSoFar()) === 450 ? true : undefined));
    await lake.insert('logs', [row('last', nowNs(), 'slow')]);
    await eventually(() => Promise.resolve(client.lines.includes('last') ? true : undefined));
    const dropped = client.frames.flatMap(({ dropped_entries = [] }) => dropped_entries);
    assert.equal(dropped.length + client.lines.length, 451);
    assert.equal(dropped.length, await droppedSoFar());
    assert.equal(dropped[0]?.labels['service_name'], 'slow');
    client.socket.close();
    await client.closed();
  });

  it('refuses in the form of the API', async () => {
    const query = '{service_name="cart"}';
    for (const [params, status, message] of [
      [{ query: '{' }, 400, /^parse error/],
      [{ query: 'rate({a="b"}[1m])' }, 400, /log query/],
      [{ query: '{a="b"} | line_format "{{"' }, 400, /unclosed action/],
      [{ query, delay_for: '6' }, 400, /^delay_for can.t be greater than 5$/],
      [{ query, limit: '5001' }, 400, /limit > max_entries_limit_per_query/],
      [{}, 400, /unexpected \$end$/],
    ] as const) {
      const [code, body] = await refused(url, params);
      assert.equal(code, status, body);
      assert.match(body, message);
    }
    assert.equal((await refused(url, { query }, { authorization: 'Bearer wrong' }))[0], 401);
    const plain = await fetch(
      `http://127.0.0.1:${port}/loki/api/v1/tail?query=${encodeURIComponent(query)}`,
      {
        headers: { 'x-api-key': key },
      },
    );
    assert.deepEqual([plain.status, /upgrade/.test(await plain.text())], [400, true]);
    const tails = await Promise.all([1, 2, 3].map(() => new Client(url, { query }).open()));
    const [code, body] = await refused(url, { query });
    assert.deepEqual(
      [code, body],
      [400, 'max concurrent tail requests limit exceeded, count > limit (4 > 3)'],
    );
    for (const { socket } of tails) socket.close();
    await Promise.all(tails.map((tail) => tail.closed()));
  });

  it('answers requests that offer another protocol as if they had not', async () => {
    const body = `query=${encodeURIComponent('{service_name="cart"}')}`;
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += data.toString()));
    socket.write(
      `POST /loki/api/v1/query_range HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n` +
        `HTTP2-Settings: AAEA\r\nX-Api-Key: ${key}\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
    );
    await sleep(100);
    socket.write(body.slice(10));
    while (!answer.includes('"first"')) await once(socket, 'data');
    assert.match(answer, /^HTTP\/1\.1 200 OK[^]*"first"/);
    // The connection goes on.
    answer = '';
    socket.write(
      `GET /loki/api/v1/status/buildinfo HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: ${key}\r\n\r\n`,
    );
    while (!answer.includes('version')) await once(socket, 'data');
    assert.match(answer, /^HTTP\/1\.1 200 OK/);
    socket.destroy();
  });

  it('ends when the server does', async () => {
    const client = await new Client(url, { query: '{service_name="cart"}' }).open();
    const [code] = await Promise.all([client.closed(), closeHttpApp(app, 5000)]);
    assert.equal(code, 1001);
  });
});
