import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { eventually } from '../../test/support/server.js';
import {
  rawExchange,
  recordedTelemetry,
  testCertificate,
  type TestCertificate,
} from '../../test/support/wire.js';
import { status } from '../grpc/index.js';
import { createHttpApp, openTls, type TlsFiles } from './index.js';

function get(port: number, ca: string, more: object = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/healthz',
      ca,
      servername: 'localhost',
      agent: false,
      ...more,
    };
    request(options, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}

describe('HTTP with TLS', () => {
  const telemetry = recordedTelemetry();
  let certificate: TestCertificate;
  let tls: TlsFiles;
  let app: FastifyInstance;
  let port: number;

  before(async () => {
    certificate = await testCertificate();
    const opened = await openTls(
      { tlsCert: certificate.certFile, tlsKey: certificate.keyFile },
      telemetry,
      20,
    );
    assert.ok(opened);
    tls = opened;
    app = await createHttpApp({
      config: { bind: '127.0.0.1:0', apiKey: undefined, adminApiKey: undefined },
      telemetry,
      ready: async () => ({ ready: true, reasons: [] }),
      tls,
      grpc: new Map([['/test.Service/Call', async (call) => void call.end(status.OK, '')]]),
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    port = (app.server.address() as AddressInfo).port;
  });
  after(async () => {
    await app.close();
    tls.close();
  });

  it('serves gRPC to clients that offer HTTP/2 alone', async () => {
    const client = connect(`https://127.0.0.1:${port}`, { ca: certificate.cert, servername: 'localhost' });
    const stream = client.request({
      ':method': 'POST',
      ':path': '/test.Service/Call',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end();
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    assert.equal(headers[':status'], 200);
    assert.equal(headers['content-type'], 'application/grpc');
    stream.resume();
    await once(stream, 'close');
    client.close();
    // Others speak HTTP/1.1, whatever they would rather have.
    assert.equal(await get(port, certificate.cert, { ALPNProtocols: ['h2', 'http/1.1'] }), 200);
  });

  it('serves with the certificate of the files', async () => {
    assert.equal(await get(port, certificate.cert), 200);
    const metrics = await telemetry.registry.metrics();
    const [, expiry = ''] = /expiry_timestamp_seconds (\d+)/.exec(metrics) ?? [];
    assert.ok(Number(expiry) * 1000 > Date.now());
  });

  it('closes plain connections and goes on', async () => {
    assert.doesNotMatch(await rawExchange(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'), /200/);
    assert.equal(await get(port, certificate.cert), 200);
  });

  it('takes a new pair without being told, and keeps the old one while the new is broken', async () => {
    const other = await testCertificate();
    const { certFile, keyFile } = certificate;
    const old = await readFile(certFile, 'utf8');

    const swap = async (file: string, content: string) => {
      await writeFile(`${file}.new`, content);
      await rename(`${file}.new`, file);
    };
    await swap(certFile, 'not PEM');
    await eventually(async () =>
      /cannot be used; the one before/.test(telemetry.lines()) ? true : undefined,
    );
    assert.equal(await get(port, old), 200);

    // The certificate comes before its key, as when files are copied one by one.
    await swap(certFile, other.cert);
    await tls.check();
    assert.equal(await get(port, old), 200);
    await swap(keyFile, other.key);
    await eventually(async () => ((await get(port, other.cert)) === 200 ? true : undefined));
    await assert.rejects(get(port, old));
    assert.match(await telemetry.registry.metrics(), /canardstack_tls_reloads_total\{outcome="loaded"\} 1/);
    assert.doesNotMatch(telemetry.lines(), /PRIVATE KEY/);
  });

  it('says at start what is wrong with the files', async () => {
    const { certFile, keyFile } = await testCertificate();
    const other = await testCertificate();
    const opened = (tlsCert?: string, tlsKey?: string) => openTls({ tlsCert, tlsKey }, recordedTelemetry());
    assert.equal(await opened(), undefined);
    await assert.rejects(opened(certFile), /CANARDSTACK_TLS_CERT is set but CANARDSTACK_TLS_KEY is not/);
    await assert.rejects(opened(undefined, keyFile), /CANARDSTACK_TLS_KEY is set but/);
    await assert.rejects(
      opened(`${dirname(certFile)}/none`, keyFile),
      /TLS_CERT: .*none cannot be read \(ENOENT\)/,
    );
    await assert.rejects(opened(certFile, other.keyFile), /cannot be used together/);
  });
});
