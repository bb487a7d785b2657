import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { concat, message, text, uint } from '../../../test/support/protobuf.js';
import { eventually } from '../../../test/support/server.js';
import {
  accepted,
  rawExchange,
  recordedTelemetry,
  refusedWith,
  StubIntake,
} from '../../../test/support/wire.js';
import { createHttpApp } from '../../http/index.js';
import type { IntakeResult, RefusalReason } from '../../seal/types.js';
import { otlpHttp, type HttpReceiverOptions } from '../index.js';

const maxBodyBytes = 256 * 1024;
const limits = { acceptLateSecs: 100, acceptFutureSecs: 10, maxBodyBytes, maxDecodedBodyBytes: 1024 * 1024 };

interface Running {
  readonly app: FastifyInstance;
  readonly port: number;
  readonly intake: StubIntake;
  readonly telemetry: ReturnType<typeof recordedTelemetry>;
}

async function start(
  options: Partial<HttpReceiverOptions> = {},
  apiKey?: string,
  corsAllowedOrigins?: string,
): Promise<Running> {
  const intake = new StubIntake();
  const telemetry = recordedTelemetry();
  const app = await createHttpApp({
    config: { bind: '127.0.0.1:0', apiKey, adminApiKey: undefined, corsAllowedOrigins },
    telemetry,
    ready: async () => ({ ready: true, reasons: [] }),
    ingest: [otlpHttp({ intake, config: limits, telemetry, lingerMs: 300, ...options })],
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { app, intake, telemetry, port };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const protobuf = { 'content-type': 'application/x-protobuf' };
const json = { 'content-type': 'application/json' };

function send(
  port: number,
  path: string,
  headers: Record<string, string>,
  body: Uint8Array | string | null,
  method = 'POST',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port, path, method, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    // An error after the answer has come is of no interest.
    request.on('error', reject);
    request.end(body ?? undefined);
  });
}

/** google.rpc.Status as the test's own writer would write it. */
function statusBytes(code: number, text_: string): Buffer {
  return Buffer.from(concat([uint(1, code), text(2, text_)]));
}

/** Waits until the metrics show `pattern`. */
function measured(server: Running, pattern: RegExp): Promise<string> {
  return eventually(async () => {
    const text_ = await server.telemetry.registry.metrics();
    return pattern.test(text_) ? text_ : undefined;
  });
}

function linesWith(server: Running, part: string): string[] {
  return server.telemetry
    .lines()
    .split('\n')
    .filter((line) => line.includes(part));
}

describe('OTLP over HTTP', () => {
  let server: Running;
  const post = (path: string, headers: Record<string, string>, body: Uint8Array | string | null) =>
    send(server.port, path, headers, body);

  before(async () => (server = await start()));
  beforeEach(() => {
    server.intake.received.length = 0;
    server.intake.refuses = null;
    server.intake.answer = () => accepted();
  });
  after(() => server.app.close());

  it('answers 200 with an empty response in the format of the request', async () => {
    for (const signal of ['logs', 'traces', 'metrics'] as const) {
      const binary = await post(`/v1/${signal}`, protobuf, 'abc');
      assert.equal(binary.status, 200);
      assert.equal(binary.headers['content-type'], 'application/x-protobuf');
      assert.equal(binary.body.length, 0);
      const textual = await post(`/v1/${signal}`, json, '{}');
      assert.equal(textual.status, 200);
      assert.equal(textual.headers['content-type'], 'application/json');
      assert.equal(textual.body.toString(), '{}');
    }
    assert.deepEqual(
      server.intake.received.map(({ signal, payload }) => [signal, payload.format]),
      ['logs', 'traces', 'metrics'].flatMap((signal) => [
        [signal, 'protobuf'],
        [signal, 'json'],
      ]),
    );
  });

  it('hands over the body in memory of its own, with the time limits', async () => {
    const body = Buffer.alloc(200_000, 'x');
    const begun = BigInt(Date.now()) * 1_000_000n;
    await post('/v1/logs', protobuf, body);
    const chunked = { ...protobuf, 'transfer-encoding': 'chunked' };
    await post('/v1/logs', chunked, body);
    await post('/v1/logs', protobuf, null);
    const payloads = server.intake.received.map(({ payload }) => payload);
    assert.deepEqual(
      payloads.map((payload) => payload.body.byteLength),
      [200_000, 200_000, 0],
    );
    for (const payload of payloads) {
      assert.equal(payload.body.byteOffset, 0);
      assert.deepEqual(Buffer.from(payload.body), body.subarray(0, payload.body.byteLength));
      assert.ok(payload.receivedAtNs >= begun);
      assert.equal(payload.receivedAtNs - payload.minTimeNs, 100_000_000_000n);
      assert.equal(payload.maxTimeNs - payload.receivedAtNs, 10_000_000_000n);
    }
  });

  it('keeps bytes as they came, in order', async () => {
    const body = Buffer.from(Array.from({ length: 150_000 }, (_, i) => (i * 31) % 251));
    await post('/v1/traces', protobuf, body);
    await post('/v1/traces', { ...protobuf, 'transfer-encoding': 'chunked' }, body);
    for (const { payload } of server.intake.received) assert.ok(body.equals(payload.body));
    assert.equal(server.intake.received.length, 2);
  });

  it('reads content types with parameters and in any case', async () => {
    assert.equal(
      (await post('/v1/logs', { 'content-type': 'Application/JSON; charset=utf-8' }, '{}')).status,
      200,
    );
    assert.equal((await post('/v1/logs', { 'content-type': 'application/x-protobuf;v=1' }, 'a')).status, 200);
    assert.deepEqual(
      server.intake.received.map(({ payload }) => payload.format),
      ['json', 'protobuf'],
    );
  });

  it('takes OTLP at the paths of Loki, Tempo and Prometheus, and with a slash behind', async () => {
    for (const signal of ['logs', 'traces', 'metrics'] as const) {
      for (const prefix of ['', '/otlp', '/api/v1/otlp']) {
        for (const slash of ['', '/']) {
          const path = `${prefix}/v1/${signal}${slash}`;
          const answer = await post(path, { 'content-type': 'application/protobuf' }, 'a');
          assert.equal(answer.status, 200, path);
          assert.equal(answer.headers['content-type'], 'application/x-protobuf');
          assert.equal(server.intake.received.pop()?.signal, signal, path);
          assert.equal((await send(server.port, path, {}, null, 'GET')).headers.allow, 'POST', path);
        }
      }
    }
    assert.equal((await post('/otlp/v1/others', protobuf, 'a')).status, 404);
  });

  it('refuses other content types with 415', async () => {
    for (const type of ['text/plain', 'application/grpc', 'not a type', 'application/x-protobufs']) {
      const answer = await post('/v1/logs', { 'content-type': type }, 'abc');
      assert.equal(answer.status, 415, type);
      const status = JSON.parse(answer.body.toString()) as { code: number; message: string };
      assert.equal(status.code, 3);
      assert.match(status.message, /must be application\/x-protobuf or application\/json/);
    }
    const missing = await post('/v1/logs', {}, 'abc');
    assert.equal(missing.status, 415);
    assert.match(missing.body.toString(), /missing/);
    assert.equal(server.intake.received.length, 0);
  });

  it('passes encodings on and refuses unknown ones with 415', async () => {
    const sent = [
      'identity',
      'none',
      '',
      'gzip',
      'x-gzip',
      'deflate',
      'zstd',
      'GZIP',
      'snappy',
      'x-snappy-framed',
    ];
    for (const encoding of sent) {
      assert.equal((await post('/v1/logs', { ...protobuf, 'content-encoding': encoding }, 'a')).status, 200);
    }
    assert.deepEqual(
      server.intake.received.map(({ payload }) => payload.encoding),
      ['identity', 'identity', 'identity', 'gzip', 'gzip', 'deflate', 'zstd', 'gzip', 'snappy', 'snappy'],
    );
    for (const encoding of ['br', 'gzip, gzip', 'toString']) {
      const answer = await post('/v1/logs', { ...json, 'content-encoding': encoding }, 'a');
      assert.equal(answer.status, 415, encoding);
      assert.match(answer.body.toString(), /must be one of gzip, deflate, zstd, snappy/);
      assert.equal(answer.headers['accept-encoding'], 'gzip, deflate, zstd, snappy, identity');
    }
  });

  it('tells how many records were rejected and why', async () => {
    server.intake.answer = () => accepted(5, 300, 'too old');
    const names = { logs: 'rejectedLogRecords', traces: 'rejectedSpans', metrics: 'rejectedDataPoints' };
    for (const [signal, name] of Object.entries(names)) {
      const textual = await post(`/v1/${signal}`, json, '{}');
      assert.equal(textual.status, 200);
      assert.deepEqual(JSON.parse(textual.body.toString()), {
        partialSuccess: { [name]: '300', errorMessage: 'too old' },
      });
      const binary = await post(`/v1/${signal}`, protobuf, 'a');
      const expected = message(1, uint(1, 300), text(2, 'too old'));
      assert.deepEqual(binary.body, Buffer.from(expected));
    }
  });

  it('answers what is wrong with a payload', async () => {
    const cases: [IntakeResult & { kind: 'invalid' }, number, number][] = [
      [{ kind: 'invalid', code: 'malformed', message: 'field 3 é' }, 400, 3],
      [{ kind: 'invalid', code: 'too_large', message: 'over 64 MiB' }, 413, 8],
      [{ kind: 'invalid', code: 'unsupported_encoding', message: 'no' }, 415, 3],
    ];
    for (const [result, http, code] of cases) {
      server.intake.answer = () => result;
      const textual = await post('/v1/logs', json, '{}');
      assert.equal(textual.status, http);
      assert.deepEqual(JSON.parse(textual.body.toString()), { code, message: result.message });
      const binary = await post('/v1/logs', protobuf, 'a');
      assert.equal(binary.status, http);
      assert.equal(binary.headers['content-type'], 'application/x-protobuf');
      assert.deepEqual(binary.body, statusBytes(code, result.message));
      assert.equal(binary.headers['retry-after'], undefined);
    }
  });

  const refusals: [RefusalReason, number, number][] = [
    ['raw_spool_full', 429, 8],
    ['queue_full', 429, 8],
    ['freshness_budget_exceeded', 429, 8],
    ['raw_spool_unavailable', 503, 14],
    ['dependency_unhealthy', 503, 14],
    ['shutting_down', 503, 14],
  ];
  for (const [reason, http, code] of refusals) {
    it(`answers ${http} when refused for ${reason}, before and after the body`, async () => {
      const check = (answer: Answer) => {
        assert.equal(answer.status, http);
        assert.equal(answer.headers['retry-after'], '7');
        assert.equal(answer.headers['x-canardstack-reason'], reason);
        assert.deepEqual(answer.body, statusBytes(code, `${reason}: not now`));
      };
      server.intake.answer = () => refusedWith(reason);
      check(await post('/v1/logs', protobuf, 'abc'));
      assert.equal(server.intake.received.length, 1);
      server.intake.refuses = refusedWith(reason);
      check(await post('/v1/logs', protobuf, Buffer.alloc(200_000)));
      check(await post('/v1/logs', { ...protobuf, 'transfer-encoding': 'chunked' }, Buffer.alloc(200_000)));
      assert.equal(server.intake.received.length, 1);
    });
  }

  it('keeps the connection when it refuses an ordinary body unread', async () => {
    server.intake.refuses = refusedWith('queue_full');
    const head = `POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n`;
    const body = Buffer.alloc(200_000, ' ');
    const last = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const text_ = await rawExchange(server.port, head, body, head, body, last);
    assert.equal(text_.match(/HTTP\/1\.1 429/g)?.length, 2);
    assert.equal(text_.match(/HTTP\/1\.1 200/g)?.length, 1);
  });

  it('refuses by the declared length, and the client sees it', async () => {
    const exact = await post('/v1/logs', protobuf, Buffer.alloc(maxBodyBytes));
    assert.equal(exact.status, 200);
    const answer = await post('/v1/logs', json, Buffer.alloc(maxBodyBytes + 1));
    assert.equal(answer.status, 413);
    assert.match(answer.body.toString(), /larger than the limit of 262144 bytes/);
    assert.equal(server.intake.received.length, 1);
  });

  it('answers 413 to a huge declared length although nothing of the body comes', async () => {
    const head = `POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n`;
    assert.match(await rawExchange(server.port, head), /^HTTP\/1\.1 413 /);
  });

  it('refuses a chunked body as soon as it is too large', async () => {
    const answer = await post(
      '/v1/logs',
      { ...json, 'transfer-encoding': 'chunked' },
      Buffer.alloc(maxBodyBytes * 3),
    );
    assert.equal(answer.status, 413);
    assert.equal(server.intake.received.length, 0);
  });

  it('warns client and operator of fields that were ignored', async () => {
    server.intake.answer = () => ({ ...accepted(0), warning: 'ignored: resource_logs' });
    const textual = await post('/v1/logs', json, '{}');
    assert.equal(textual.status, 200);
    assert.deepEqual(JSON.parse(textual.body.toString()), {
      partialSuccess: { rejectedLogRecords: '0', errorMessage: 'ignored: resource_logs' },
    });
    const binary = await post('/v1/logs', protobuf, 'a');
    assert.deepEqual(binary.body, Buffer.from(message(1, text(2, 'ignored: resource_logs'))));
    await measured(server, /canardstack_otlp_warnings_total\{signal="logs"\} 2/);
    const warned = linesWith(server, '"reason":"ignored_fields"');
    assert.equal(warned.length, 1);
    assert.match(warned[0] ?? '', /ignored: resource_logs/);
  });

  it('tells the operator what is rejected, each kind once in a while', async () => {
    const rejected = (service: string, count: number) => ({
      service,
      reason: 'too_old' as const,
      count,
      example: 'too old: timeUnixNano',
    });
    server.intake.answer = () => ({
      ...accepted(1, 5, 'too old'),
      rejections: { too_old: 5 },
      rejectedRecords: [rejected('cart', 2), rejected('pay', 3)],
    });
    for (let i = 0; i < 5; i++) await post('/v1/traces', protobuf, 'a');
    const lines = linesWith(server, '"reason":"too_old"').map(
      (line) => JSON.parse(line) as Record<string, unknown>,
    );
    assert.deepEqual(
      lines.map(({ level, signal, service, records, requests }) => [
        level,
        signal,
        service,
        records,
        requests,
      ]),
      [
        [40, 'traces', 'cart', 2, 1],
        [40, 'traces', 'pay', 3, 1],
      ],
    );
    for (let i = 0; i < 3; i++) await post('/v1/metrics', { ...json, 'content-encoding': 'br' }, 'a');
    const whole = linesWith(server, '"signal":"metrics","reason":"unsupported_encoding"');
    assert.equal(whole.length, 1);
    assert.match(whole[0] ?? '', /content-encoding is br/);
  });

  it('answers 405 with Allow to other methods', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']) {
      const answer = await send(server.port, '/v1/logs', {}, null, method);
      assert.equal(answer.status, 405, method);
      assert.equal(answer.headers.allow, 'POST');
      if (method !== 'HEAD') assert.match(answer.body.toString(), /takes POST, not/);
    }
  });

  it('answers 500 without detail, and logs it, when the intake fails', async () => {
    server.intake.answer = () => Promise.reject(new Error('secret detail'));
    const answer = await post('/v1/logs', json, '{}');
    assert.equal(answer.status, 500);
    assert.deepEqual(JSON.parse(answer.body.toString()), { code: 13, message: 'internal error' });
    assert.match(server.telemetry.lines(), /secret detail/);
  });

  it('goes on after a client left in the middle of a body', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write(
      'POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\nabc',
    );
    const aborted = /requests_total\{signal="logs",transport="http",code="499"\} 1/;
    await measured(server, /canardstack_otlp_body_bytes_held\{transport="http"\} 100/);
    socket.destroy();
    const metrics = await measured(server, aborted);
    assert.match(metrics, /canardstack_otlp_body_bytes_held\{transport="http"\} 0/);
    assert.match(metrics, /requests_in_flight\{transport="http"\} 0/);
    assert.equal((await post('/v1/logs', json, '{}')).status, 200);
  });
});

describe('OTLP over HTTP: bounds', () => {
  let server: Running;
  afterEach(() => server.app.close());

  it('answers 408 to a body that does not come', async () => {
    server = await start({ bodyTimeoutMs: 100 });
    for (const framing of [
      'Content-Length: 10\r\n\r\nabc',
      'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    ]) {
      const head = `POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${framing}`;
      const answer = await rawExchange(server.port, head);
      assert.match(answer, /^HTTP\/1\.1 408 /);
      assert.match(answer, /did not arrive in 0\.1 s/);
    }
    assert.equal(server.intake.received.length, 0);
  });

  it('refuses with queue_full what finds no room in memory', async () => {
    server = await start({ maxHeldBytes: 100_000 });
    for (const headers of [protobuf, { ...protobuf, 'transfer-encoding': 'chunked' }]) {
      const answer = await send(server.port, '/v1/logs', headers, Buffer.alloc(100_001));
      assert.equal(answer.status, 429);
      assert.equal(answer.headers['x-canardstack-reason'], 'queue_full');
      assert.equal(answer.headers['retry-after'], '1');
      assert.equal((await send(server.port, '/v1/logs', headers, Buffer.alloc(100_000))).status, 200);
    }
  });

  it('counts memory over all connections and gives it back', async () => {
    server = await start({ maxHeldBytes: 150_000 });
    const slow = connect(server.port, '127.0.0.1');
    slow.write(
      'POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n',
    );
    const held = /canardstack_otlp_body_bytes_held\{transport="http"\} 100000/;
    await measured(server, held);
    assert.equal((await send(server.port, '/v1/logs', json, Buffer.alloc(100_000))).status, 429);
    const answer = new Promise<string>((resolve) =>
      slow.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    slow.write(Buffer.alloc(100_000));
    assert.match(await answer, /^HTTP\/1\.1 200 /);
    slow.destroy();
    assert.equal((await send(server.port, '/v1/logs', json, Buffer.alloc(100_000))).status, 200);
  });

  it('answers 503 when durability takes too long', async () => {
    server = await start({ ackTimeoutMs: 50 });
    server.intake.answer = () => new Promise(() => {});
    const answer = await send(server.port, '/v1/logs', json, '{}');
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['x-canardstack-reason'], 'dependency_unhealthy');
  });

  it('asks for the key before it reads, in the form of the protocol', async () => {
    server = await start({}, 'correct horse');
    const ok = [
      { authorization: 'Bearer correct horse' },
      { authorization: 'bearer correct horse' },
      { 'x-api-key': 'correct horse' },
      { authorization: `Basic ${Buffer.from('any:correct horse').toString('base64')}` },
    ];
    for (const headers of ok) {
      assert.equal((await send(server.port, '/v1/logs', { ...json, ...headers }, '{}')).status, 200);
    }
    const bad: [Record<string, string>, RegExp][] = [
      [{}, /an API key is required/],
      [{ authorization: 'Digest x' }, /an API key is required/],
      [{ authorization: 'Basic bm9jb2xvbg==' }, /an API key is required/],
      [{ authorization: 'Bearer correct hors' }, /not valid/],
      [{ 'x-api-key': 'wrong' }, /not valid/],
      [{ authorization: `Basic ${Buffer.from('correct horse:').toString('base64')}` }, /not valid/],
    ];
    for (const [headers, why] of bad) {
      const answer = await send(server.port, '/v1/logs', { ...json, ...headers }, '{}');
      assert.equal(answer.status, 401, JSON.stringify(headers));
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
      const status = JSON.parse(answer.body.toString()) as { code: number; message: string };
      assert.equal(status.code, 16);
      assert.match(status.message, why);
      assert.doesNotMatch(status.message, /correct|wrong/);
    }
    const binary = await send(server.port, '/v1/logs', protobuf, Buffer.alloc(maxBodyBytes * 2));
    assert.equal(binary.status, 401);
    assert.equal(binary.headers['content-type'], 'application/x-protobuf');
    assert.equal(server.intake.received.length, ok.length);
    assert.doesNotMatch(server.telemetry.lines(), /correct horse/);
  });

  it('measures requests, bytes, records and refusals', async () => {
    server = await start();
    server.intake.answer = () => ({ ...accepted(10, 2, 'late'), rejections: { too_old: 2 } });
    await send(server.port, '/v1/metrics', json, '12345');
    server.intake.answer = () => refusedWith('raw_spool_full');
    await send(server.port, '/v1/metrics', json, '123');
    const text_ = await server.telemetry.registry.metrics();
    for (const line of [
      'canardstack_otlp_requests_total{signal="metrics",transport="http",code="200"} 1',
      'canardstack_otlp_requests_total{signal="metrics",transport="http",code="429"} 1',
      'canardstack_otlp_request_bytes_total{signal="metrics",transport="http"} 8',
      'canardstack_otlp_records_total{signal="metrics",outcome="accepted"} 10',
      'canardstack_otlp_records_total{signal="metrics",outcome="rejected",reason="too_old"} 2',
      'canardstack_otlp_refusals_total{signal="metrics",reason="raw_spool_full"} 1',
      'canardstack_otlp_ack_seconds_count{signal="metrics",transport="http"} 1',
    ]) {
      assert.ok(text_.includes(line), `${line}\nis missing in\n${text_}`);
    }
  });
});

describe('OTLP over HTTP from web pages', () => {
  let server: Running;
  afterEach(() => server.app.close());

  const page = 'https://shop.example';
  const preflight = (origin: string, more: Record<string, string> = {}) =>
    send(
      server.port,
      '/v1/traces',
      { origin, 'access-control-request-method': 'POST', ...more },
      null,
      'OPTIONS',
    );

  it('allows none without the setting', async () => {
    server = await start();
    const answer = await preflight(page);
    assert.equal(answer.status, 405);
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
    const posted = await send(server.port, '/v1/traces', { ...json, origin: page }, '{}');
    assert.equal(posted.status, 200);
    assert.equal(posted.headers['access-control-allow-origin'], undefined);
  });

  it('answers a preflight of an allowed origin without a key, and marks every answer', async () => {
    server = await start({}, 'correct horse', `${page}, https://*.pages.example:8443`);
    for (const origin of [page, 'https://a.b.pages.example:8443']) {
      const answer = await preflight(origin, { 'access-control-request-headers': 'content-type,x-tenant' });
      assert.equal(answer.status, 204);
      assert.equal(answer.headers['access-control-allow-origin'], origin);
      assert.equal(answer.headers['access-control-allow-methods'], 'POST');
      assert.equal(
        answer.headers['access-control-allow-headers'],
        'authorization, content-encoding, content-type, x-api-key, x-tenant',
      );
      assert.equal(answer.headers['access-control-max-age'], '7200');
      assert.match(String(answer.headers.vary), /\bOrigin\b/i);
      assert.equal(answer.headers['access-control-allow-credentials'], 'true');
      assert.equal(answer.body.length, 0);
    }
    const key = { 'x-api-key': 'correct horse', origin: page };
    const cases: [number, Record<string, string>, Uint8Array | string][] = [
      [200, { ...json, ...key }, '{}'],
      [401, { ...json, origin: page }, '{}'],
      [415, { 'content-type': 'text/plain', ...key }, '{}'],
      [413, { ...json, ...key, 'transfer-encoding': 'chunked' }, Buffer.alloc(maxBodyBytes * 2)],
    ];
    for (const [status, headers, body] of cases) {
      const answer = await send(server.port, '/v1/traces', headers, body);
      assert.equal(answer.status, status);
      assert.equal(answer.headers['access-control-allow-origin'], page, String(status));
      assert.match(String(answer.headers.vary), /\bOrigin\b/i);
    }
  });

  it('gives other origins nothing', async () => {
    server = await start({}, undefined, `${page},https://*.pages.example`);
    for (const origin of [
      'https://shop.example.evil',
      'http://shop.example',
      'https://shop.example:444',
      'https://evilpages.example',
      'https://pages.example',
      'https://x.pages.example/',
      'null',
    ]) {
      const answer = await preflight(origin);
      assert.notEqual(answer.status, 204, origin);
      const posted = await send(server.port, '/v1/traces', { ...json, origin }, '{}');
      for (const { headers } of [answer, posted]) {
        assert.equal(headers['access-control-allow-origin'], undefined, origin);
        assert.equal(headers['access-control-allow-credentials'], undefined, origin);
      }
    }
    const plain = await send(server.port, '/v1/traces', { origin: page }, null, 'OPTIONS');
    assert.equal(plain.status, 405, 'OPTIONS that is no preflight');
  });

  it('allows every origin with "*", without credentials', async () => {
    server = await start({}, undefined, '*');
    const answer = await preflight('null');
    assert.equal(answer.status, 204);
    assert.equal(answer.headers['access-control-allow-origin'], '*');
    assert.equal(answer.headers['access-control-allow-credentials'], undefined);
  });
});
