import assert from 'node:assert/strict';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { recordedTelemetry, StubIntake, testCertificate } from '../../test/support/wire.js';
import { createHttpApp, openTls, type TlsFiles } from '../http/index.js';
import { httpReceivers } from './index.js';

const paths = [
  '/v1/logs',
  '/api/v1/write',
  '/loki/api/v1/push',
  '/elasticsearch/_bulk',
  '/insert/jsonline',
  '/api/v2/spans',
  '/api/v2/logs',
  '/services/collector/event',
  '/services/collector/raw',
  '/upload',
];

describe('all protocols over HTTP', () => {
  const telemetry = recordedTelemetry();
  const intake = new StubIntake();
  let tls: TlsFiles | undefined;
  let app: FastifyInstance;
  let ca: string;

  before(async () => {
    const certificate = await testCertificate();
    ca = certificate.cert;
    tls = await openTls({ tlsCert: certificate.certFile, tlsKey: certificate.keyFile }, telemetry);
    const config = { acceptLateSecs: 100, acceptFutureSecs: 10, maxBodyBytes: 1e6, maxDecodedBodyBytes: 1e6 };
    app = await createHttpApp({
      config: {
        bind: '127.0.0.1:0',
        apiKey: 'key',
        adminApiKey: undefined,
        corsAllowedOrigins: 'https://shop.example',
      },
      telemetry,
      ready: async () => ({ ready: true, reasons: [] }),
      tls,
      ingest: httpReceivers({ intake, config, telemetry }),
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
  });
  after(async () => {
    await app.close();
    tls?.close();
  });

  function ask(method: string, path: string, headers: Record<string, string>) {
    const { port } = app.server.address() as AddressInfo;
    return new Promise<{ status: number; origin: unknown }>((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers,
        ca,
        servername: 'localhost',
        agent: false,
      };
      request(options, (response) => {
        response.resume();
        const origin = response.headers['access-control-allow-origin'];
        response.on('end', () => resolve({ status: response.statusCode ?? 0, origin }));
      })
        .on('error', reject)
        .end();
    });
  }

  for (const path of paths) {
    it(`${path}: by TLS, for pages of an origin that is allowed, with a key`, async () => {
      const preflight = { 'access-control-request-method': 'POST' };
      const origin = 'https://shop.example';
      assert.deepEqual(await ask('OPTIONS', path, { origin, ...preflight }), { status: 204, origin });
      const foreign = await ask('OPTIONS', path, { origin: 'https://other.example', ...preflight });
      assert.equal(foreign.origin, undefined);
      const before = intake.received.length;
      const keyless = await ask('POST', path, { origin, 'content-type': 'application/json' });
      assert.deepEqual(keyless, { status: 401, origin });
      assert.equal(intake.received.length, before);
      const types: Record<string, string> = {
        '/api/v1/write': 'application/x-protobuf',
        '/upload': 'application/vnd.fdo.journal',
      };
      const type = { 'content-type': types[path] ?? 'application/json' };
      const sent = await ask('POST', path, { origin, 'x-api-key': 'key', ...type });
      assert.ok(sent.status < 300, `${sent.status}`);
      assert.equal(sent.origin, origin);
    });
  }
});
