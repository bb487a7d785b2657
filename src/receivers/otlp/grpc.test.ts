import assert from 'node:assert/strict';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  ChannelCredentials,
  Client,
  Metadata,
  status,
  type ChannelOptions,
  type ServiceError,
} from '@grpc/grpc-js';
import { concat, message, text, uint } from '../../../test/support/protobuf.js';
import { eventually, longestWaitMs } from '../../../test/support/server.js';
import {
  accepted,
  recordedTelemetry,
  refusedWith,
  StubIntake,
  testCertificate,
  type TestCertificate,
} from '../../../test/support/wire.js';
import { openTls, type TlsFiles } from '../../http/index.js';
import type { RefusalReason } from '../../seal/types.js';
import { startOtlpGrpc, type OtlpGrpcOptions, type OtlpGrpcServer } from '../index.js';

const limits = {
  acceptLateSecs: 100,
  acceptFutureSecs: 10,
  maxBodyBytes: 512 * 1024,
  maxDecodedBodyBytes: 1024 * 1024,
};
const logs = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
const traces = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const metrics = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';

interface Running {
  readonly server: OtlpGrpcServer;
  readonly intake: StubIntake;
  readonly telemetry: ReturnType<typeof recordedTelemetry>;
}

async function start(options: Partial<OtlpGrpcOptions> = {}): Promise<Running> {
  const intake = new StubIntake();
  const telemetry = recordedTelemetry();
  const server = await startOtlpGrpc({
    intake,
    telemetry,
    config: limits,
    bind: '127.0.0.1:0',
    apiKey: undefined,
    ...options,
  });
  return { server, intake, telemetry };
}

type Outcome =
  | { readonly code: status.OK; readonly response: Buffer }
  | { readonly code: status; readonly error: ServiceError };

function call(
  client: Client,
  path: string,
  body: Uint8Array,
  metadata: Record<string, string> = {},
): Promise<Outcome> {
  const sent = new Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  const identity = (bytes: Buffer) => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      identity,
      identity,
      Buffer.from(body),
      sent,
      { deadline: Date.now() + longestWaitMs },
      (error, response) =>
        resolve(
          error ? { code: error.code, error } : { code: status.OK, response: response ?? Buffer.alloc(0) },
        ),
    );
  });
}

interface RawAnswer {
  readonly head: IncomingHttpHeaders;
  /** Of the head, when the answer has nothing else. */
  readonly trailers: IncomingHttpHeaders;
}

/** One call on a connection of its own; without a body its stream stays open. */
async function raw(
  address: string,
  path: string,
  body: Uint8Array | null,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  const session = connect(`http://${address}`);
  try {
    return await new Promise<RawAnswer>((resolve, reject) => {
      session.on('error', reject);
      const head_ = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
      const stream = session.request({ ...head_, ...headers }, { endStream: false });
      let head: IncomingHttpHeaders = {};
      let trailers: IncomingHttpHeaders | null = null;
      stream.on('error', reject);
      stream.once('response', (received) => (head = received));
      stream.once('trailers', (received: IncomingHttpHeaders) => (trailers = received));
      stream.once('close', () => resolve({ head, trailers: trailers ?? head }));
      stream.resume();
      if (body === null) stream.write(Buffer.from([0, 0, 0, 0]));
      else stream.end(body);
    });
  } finally {
    session.destroy();
  }
}

function framed(message: Uint8Array | string, flag = 0): Buffer {
  const bytes = Buffer.from(message);
  const frame = Buffer.alloc(5 + bytes.length);
  frame[0] = flag;
  frame.writeUInt32BE(bytes.length, 1);
  bytes.copy(frame, 5);
  return frame;
}

function failure(outcome: Outcome): ServiceError {
  if (!('error' in outcome)) throw new Error('the call succeeded');
  return outcome.error;
}

// Retries of the client's own would hide what the server answered.
const clientOptions: ChannelOptions = { 'grpc.enable_retries': 0, 'grpc.use_local_subchannel_pool': 1 };

function clientFor(address: string, credentials = ChannelCredentials.createInsecure()): Client {
  return new Client(address, credentials, clientOptions);
}

describe('OTLP over gRPC', () => {
  let running: Running;
  let client: Client;
  before(async () => {
    running = await start();
    client = clientFor(running.server.address);
  });
  beforeEach(() => {
    running.intake.received.length = 0;
    running.intake.refuses = null;
    running.intake.answer = () => accepted();
  });
  after(async () => {
    client.close();
    await running.server.close(1000);
  });

  it('takes all three signals', async () => {
    const small = Buffer.from('abc');
    const large = Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i * 31) % 251));
    for (const path of [logs, traces, metrics]) {
      for (const body of [small, large]) {
        const outcome = await call(client, path, body);
        assert.deepEqual(outcome, { code: status.OK, response: Buffer.alloc(0) });
      }
    }
    const { received } = running.intake;
    assert.deepEqual(
      received.map(({ signal }) => signal),
      ['logs', 'logs', 'traces', 'traces', 'metrics', 'metrics'],
    );
    received.forEach(({ payload }, i) => {
      assert.equal(payload.format, 'protobuf');
      assert.equal(payload.encoding, 'identity');
      assert.equal(payload.body.byteOffset, 0);
      assert.ok((i % 2 ? large : small).equals(payload.body));
      assert.equal(payload.maxTimeNs - payload.minTimeNs, 110_000_000_000n);
    });
  });

  it('takes an empty message', async () => {
    assert.equal((await call(client, logs, Buffer.alloc(0))).code, status.OK);
    assert.equal(running.intake.received[0]?.payload.body.byteLength, 0);
  });

  it('hands on what is compressed as it came', async () => {
    const message = Buffer.from('compressed');
    for (const encoding of ['gzip', 'deflate', 'zstd', 'snappy'] as const) {
      const { head, trailers } = await raw(running.server.address, logs, framed(message, 1), {
        'grpc-encoding': encoding,
      });
      assert.equal(trailers['grpc-status'], String(status.OK));
      assert.equal(head['grpc-accept-encoding'], 'identity,gzip,deflate,zstd,snappy');
      const { payload } = running.intake.received.pop() ?? {};
      assert.equal(payload?.encoding, encoding);
      assert.ok(message.equals(payload?.body ?? Buffer.alloc(0)));
    }
    await raw(running.server.address, logs, framed(message, 0), { 'grpc-encoding': 'gzip' });
    assert.equal(running.intake.received.pop()?.payload.encoding, 'identity');
  });

  it('takes what a client compresses with gzip', async () => {
    const compressing = new Client(running.server.address, ChannelCredentials.createInsecure(), {
      ...clientOptions,
      'grpc.default_compression_algorithm': 2,
    });
    const body = Buffer.alloc(100_000, 'a');
    assert.equal((await call(compressing, logs, body)).code, status.OK);
    compressing.close();
    const { payload } = running.intake.received[0] ?? {};
    assert.equal(payload?.encoding, 'gzip');
    assert.ok(body.equals(gunzipSync(payload.body)));
  });

  it('answers what is not one message of a known compression', async () => {
    const { address } = running.server;
    const cases: [string, Buffer, Record<string, string>, status, RegExp][] = [
      [
        'unknown encoding',
        framed('a', 1),
        { 'grpc-encoding': 'br' },
        status.UNIMPLEMENTED,
        /gzip, deflate, zstd/,
      ],
      ['no encoding', framed('a', 1), {}, status.INVALID_ARGUMENT, /does not say how/],
      [
        'two messages',
        Buffer.concat([framed('a'), framed('b')]),
        {},
        status.INVALID_ARGUMENT,
        /more than one/,
      ],
      ['no message', Buffer.alloc(0), {}, status.INVALID_ARGUMENT, /no message/],
      ['a part', framed('abcdef').subarray(0, 8), {}, status.INVALID_ARGUMENT, /ends too early/],
      ['a wrong flag', framed('a', 7), {}, status.INVALID_ARGUMENT, /first byte is 7/],
    ];
    for (const [name, body, headers, code, why] of cases) {
      const { trailers } = await raw(address, logs, body, headers);
      assert.equal(trailers['grpc-status'], String(code), name);
      assert.match(decodeURIComponent(String(trailers['grpc-message'])), why);
    }
    assert.equal(running.intake.received.length, 0);
    assert.equal((await raw(address, logs, framed('a'), { ':method': 'GET' })).head[':status'], 405);
    assert.equal(
      (await raw(address, logs, framed('a'), { 'content-type': 'text/plain' })).head[':status'],
      415,
    );
  });

  it('tells how many records were rejected and why', async () => {
    running.intake.answer = () => accepted(5, 300, 'too old');
    const outcome = await call(client, traces, Buffer.from('abc'));
    const expected = Buffer.from(message(1, uint(1, 300), text(2, 'too old')));
    assert.deepEqual(outcome, { code: status.OK, response: expected });
  });

  const refusals: [RefusalReason, status][] = [
    ['raw_spool_full', status.RESOURCE_EXHAUSTED],
    ['queue_full', status.RESOURCE_EXHAUSTED],
    ['freshness_budget_exceeded', status.RESOURCE_EXHAUSTED],
    ['raw_spool_unavailable', status.UNAVAILABLE],
    ['dependency_unhealthy', status.UNAVAILABLE],
    ['shutting_down', status.UNAVAILABLE],
  ];
  for (const [reason, code] of refusals) {
    it(`answers ${status[code]} with RetryInfo when refused for ${reason}`, async () => {
      const check = (outcome: Outcome) => {
        const error = failure(outcome);
        assert.equal(error.code, code);
        assert.equal(error.details, `${reason}: not now`);
        assert.deepEqual(error.metadata.get('x-canardstack-reason'), [reason]);
        const retryInfo = message(
          3,
          text(1, 'type.googleapis.com/google.rpc.RetryInfo'),
          message(2, message(1, uint(1, 2), uint(2, 500_000_000))),
        );
        const expected = concat([uint(1, code), text(2, `${reason}: not now`), retryInfo]);
        assert.deepEqual(error.metadata.get('grpc-status-details-bin'), [Buffer.from(expected)]);
      };
      running.intake.answer = () => refusedWith(reason, 2.5);
      check(await call(client, logs, Buffer.from('abc')));
      assert.equal(running.intake.received.length, 1);
      running.intake.refuses = refusedWith(reason, 2.5);
      check(await call(client, logs, Buffer.alloc(400_000)));
      assert.equal(running.intake.received.length, 1);
    });
  }

  it('answers what is wrong with a payload, without asking for a retry', async () => {
    const cases = [
      ['malformed', status.INVALID_ARGUMENT],
      ['too_large', status.RESOURCE_EXHAUSTED],
      ['unsupported_encoding', status.INVALID_ARGUMENT],
    ] as const;
    for (const [code, expected] of cases) {
      running.intake.answer = () => ({ kind: 'invalid', code, message: 'field 3' });
      const error = failure(await call(client, logs, Buffer.from('abc')));
      assert.equal(error.code, expected);
      assert.equal(error.details, 'field 3');
      assert.deepEqual(error.metadata.get('grpc-status-details-bin'), []);
    }
  });

  it('takes messages up to the limit of HTTP exactly, compressed or not', async () => {
    const { maxBodyBytes } = limits;
    for (const compressed of [0, 1]) {
      const encoding = { 'grpc-encoding': 'gzip' };
      const exact = framed(Buffer.alloc(maxBodyBytes), compressed);
      const { trailers } = await raw(running.server.address, logs, exact, encoding);
      assert.equal(trailers['grpc-status'], String(status.OK));
      const over = framed(Buffer.alloc(maxBodyBytes + 1), compressed);
      const refused = await raw(running.server.address, logs, over, encoding);
      assert.equal(refused.trailers['grpc-status'], String(status.RESOURCE_EXHAUSTED));
      assert.match(
        String(refused.trailers['grpc-message']),
        /larger than the limit of 524288 bytes .CANARDSTACK_MAX_BODY/,
      );
      assert.equal(refused.trailers['grpc-status-details-bin'], undefined, 'no RetryInfo: it is final');
    }
    assert.equal(running.intake.received.length, 2);
    const error = failure(await call(client, logs, Buffer.alloc(maxBodyBytes + 1)));
    assert.equal(error.code, status.RESOURCE_EXHAUSTED);
    assert.equal((await call(client, logs, Buffer.from('abc'))).code, status.OK);
  });

  it('ends a call at its deadline', async () => {
    running.intake.answer = () => new Promise(() => {});
    const { trailers } = await raw(running.server.address, logs, framed('a'), { 'grpc-timeout': '100m' });
    assert.equal(trailers['grpc-status'], String(status.DEADLINE_EXCEEDED));
    const { trailers: reading } = await raw(running.server.address, logs, null, { 'grpc-timeout': '100m' });
    assert.equal(reading['grpc-status'], String(status.DEADLINE_EXCEEDED));
  });

  it('answers INTERNAL without detail, and logs it, when the intake fails', async () => {
    running.intake.answer = () => Promise.reject(new Error('secret detail'));
    const error = failure(await call(client, logs, Buffer.from('abc')));
    assert.equal(error.code, status.INTERNAL);
    assert.equal(error.details, 'internal error');
    assert.match(running.telemetry.lines(), /secret detail/);
  });

  it('answers UNIMPLEMENTED to other methods', async () => {
    assert.equal((await call(client, '/other.Service/Method', Buffer.alloc(0))).code, status.UNIMPLEMENTED);
  });
});

describe('OTLP over gRPC: bounds', () => {
  it('asks for the key before it reads', async () => {
    const { server, intake, telemetry } = await start({ apiKey: 'correct horse' });
    const client = clientFor(server.address);
    const ok = [
      { authorization: 'Bearer correct horse' },
      { 'x-api-key': 'correct horse' },
      { authorization: `Basic ${Buffer.from(':correct horse').toString('base64')}` },
    ];
    for (const metadata of ok)
      assert.equal((await call(client, logs, Buffer.from('a'), metadata)).code, status.OK);
    const bad: [Record<string, string>, RegExp][] = [
      [{}, /an API key is required/],
      [{ authorization: 'Bearer nope' }, /not valid/],
      [{ 'x-api-key': 'nope' }, /not valid/],
    ];
    for (const [metadata, why] of bad) {
      const error = failure(await call(client, logs, Buffer.alloc(100_000), metadata));
      assert.equal(error.code, status.UNAUTHENTICATED);
      assert.match(error.details, why);
    }
    assert.equal(intake.received.length, ok.length);
    const text_ = await telemetry.registry.metrics();
    assert.match(text_, /requests_total\{signal="logs",transport="grpc",code="UNAUTHENTICATED"\} 3/);
    assert.match(text_, /requests_total\{signal="logs",transport="grpc",code="OK"\} 3/);
    client.close();
    await server.close(1000);
  });

  it('ends calls whose message does not come, and refuses more than may be read at once', async () => {
    const { server, telemetry } = await start({ readTimeoutMs: 300, maxReading: 1 });
    const session = connect(`http://${server.address}`);
    const open = () =>
      session.request({
        ':method': 'POST',
        ':path': logs,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
    const answer = (stream: ReturnType<typeof open>) =>
      new Promise((resolve) => stream.once('response', (head) => resolve(head['grpc-status'])));
    const stuck = open();
    stuck.write(Buffer.from([0, 0, 0, 1]));
    const first = answer(stuck);
    assert.equal(await answer(open()), String(status.RESOURCE_EXHAUSTED));
    assert.equal(await first, String(status.DEADLINE_EXCEEDED));
    const next = open();
    const message_ = answer(next);
    next.end(Buffer.from([0, 0, 0, 0, 0]));
    await message_;
    session.destroy();
    const text_ = await telemetry.registry.metrics();
    assert.match(text_, /refusals_total\{signal="logs",reason="queue_full"\} 1/);
    assert.match(text_, /transport="grpc",code="OK"\} 1/);
    await server.close(1000);
  });

  it('gives back the place of a call whose client left', async () => {
    const { server, telemetry } = await start({ maxReading: 1 });
    const session = connect(`http://${server.address}`);
    session.on('error', () => {});
    const stuck = session.request({
      ':method': 'POST',
      ':path': logs,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stuck.on('error', () => {});
    stuck.write(Buffer.from([0, 0, 0, 1]));
    setTimeout(() => session.destroy(), 100);
    await eventually(async () =>
      /code="CANCELLED"\} 1/.test(await telemetry.registry.metrics()) ? true : undefined,
    );
    const client = clientFor(server.address);
    assert.equal((await call(client, logs, Buffer.from('a'))).code, status.OK);
    client.close();
    await server.close(1000);
  });

  it('lets calls under way finish when it closes, and cuts them after the grace time', async () => {
    for (const finishes of [true, false]) {
      const { server, intake } = await start();
      const client = clientFor(server.address);
      let answer: (() => void) | undefined;
      intake.answer = () => new Promise((resolve) => (answer = () => resolve(accepted())));
      const outcome = call(client, logs, Buffer.from('a'));
      await eventually(async () => (intake.received.length > 0 ? true : undefined));
      const closed = server.close(finishes ? 5000 : 100);
      if (finishes) answer?.();
      const { code } = await outcome;
      if (finishes) assert.equal(code, status.OK);
      // Not the client's own deadline.
      else assert.ok([status.CANCELLED, status.UNAVAILABLE].includes(code), status[code]);
      await closed;
      client.close();
    }
  });

  it('says which address it could not bind', async () => {
    const { server } = await start();
    await assert.rejects(
      start({ bind: server.address }),
      new RegExp(`gRPC cannot listen on ${server.address}`),
    );
    await server.close(1000);
  });
});

describe('OTLP over gRPC with TLS', () => {
  let certificate: TestCertificate;
  let tls: TlsFiles | undefined;
  let running: Running;
  before(async () => {
    certificate = await testCertificate();
    tls = await openTls(
      { tlsCert: certificate.certFile, tlsKey: certificate.keyFile },
      recordedTelemetry(),
      3_600_000,
    );
    running = await start({ tls });
  });
  after(async () => {
    await running.server.close(1000);
    tls?.close();
  });

  it('serves with the certificate, then with the one that replaced it', async () => {
    const trusting = (cert: string) =>
      clientFor(
        running.server.address.replace('127.0.0.1', 'localhost'),
        ChannelCredentials.createSsl(Buffer.from(cert)),
      );
    const before_ = trusting(certificate.cert);
    assert.equal((await call(before_, logs, Buffer.from('a'))).code, status.OK);
    const { certFile } = certificate;
    const replaced = await testCertificate(certFile.slice(0, certFile.lastIndexOf('/')));
    await tls?.check();
    const after_ = trusting(replaced.cert);
    assert.equal((await call(after_, logs, Buffer.from('a'))).code, status.OK);
    const stale = trusting(certificate.cert);
    assert.equal((await call(stale, logs, Buffer.from('a'))).code, status.UNAVAILABLE);
    // Connections made before the change live on.
    assert.equal((await call(before_, logs, Buffer.from('a'))).code, status.OK);
    for (const client of [before_, after_, stale]) client.close();
  });

  it('does not serve plain text', async () => {
    const plain = clientFor(running.server.address);
    assert.equal((await call(plain, logs, Buffer.from('a'))).code, status.UNAVAILABLE);
    plain.close();
  });
});
