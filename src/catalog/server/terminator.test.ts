import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Agent, request } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { rawExchange, recordedTelemetry, testCertificate } from '../../../test/support/wire.js';
import type { CertificatePair } from '../../config/tls-files.js';
import { catalogServerMetrics } from './metrics.js';
import { Terminator, type TerminatorOptions } from './terminator.js';

const answerBytes = 300_000;

describe('the terminator before the Quack server', () => {
  let tls: CertificatePair;
  let backend: Server;
  let backendPort: number;
  let terminator: Terminator;
  let lease = true;
  let release: (() => void) | null = null;
  const telemetry = recordedTelemetry();
  const metrics = catalogServerMetrics(telemetry.registry);

  before(async () => {
    const made = await testCertificate();
    tls = { cert: Buffer.from(made.cert), key: Buffer.from(made.key) };
    backend = createServer((req, res) => {
      req.resume().on('end', () => {
        if (req.headers['content-length'] !== '4') return res.end(Buffer.alloc(answerBytes, 1));
        // "wait": the answer comes when the test says so.
        release = () => res.end('late');
      });
    }).listen(0, '127.0.0.1');
    await once(backend, 'listening');
    backendPort = (backend.address() as AddressInfo).port;
  });
  after(() => backend.close());
  afterEach(() => terminator.sever());

  const start = async (options: Partial<TerminatorOptions> = {}) => {
    lease = true;
    terminator = await Terminator.start({
      listen: { host: '127.0.0.1', port: 0 },
      backend: { host: '127.0.0.1', port: backendPort },
      tls,
      confirm: () => lease,
      valid: () => lease,
      maxConnections: 8,
      metrics,
      log: telemetry.log,
      ...options,
    });
  };
  const post = (body: string, agent: Agent | false = false) =>
    new Promise<{ status: number; bytes: number }>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: terminator.port, method: 'POST', path: '/quack', agent };
      const sent = request({
        ...options,
        rejectUnauthorized: false,
        headers: { 'content-length': body.length },
      });
      sent.on('error', reject).on('response', (response) => {
        let bytes = 0;
        response.on('data', (piece: Buffer) => (bytes += piece.length));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
      });
      sent.end(body);
    });

  it('passes requests on, several on one connection', async () => {
    await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 3; i++) assert.deepEqual(await post('x', agent), { status: 200, bytes: answerBytes });
    assert.equal(terminator.connections, 1);
    agent.destroy();
  });

  it('lets no byte of an answer out once the lease is gone, and cuts everybody off', async () => {
    await start();
    const { port } = terminator;
    const answer = post('wait');
    const lost = assert.rejects(answer);
    while (release === null) await new Promise((resolve) => setTimeout(resolve, 5));
    lease = false;
    release();
    await lost;
    await assert.rejects(once(connect(port, '127.0.0.1'), 'connect'), /ECONNREFUSED/);
    assert.match(await telemetry.registry.metrics(), /refused_total\{reason="lease"\} 1/);
  });

  it('lets requests under way end before it closes', async () => {
    await start();
    release = null;
    const answer = post('wait');
    while (release === null) await new Promise((resolve) => setTimeout(resolve, 5));
    const closed = terminator.close(10_000);
    (release as () => void)();
    assert.deepEqual(await answer, { status: 200, bytes: 4 });
    await closed;
  });

  it('refuses what is not a Quack request', async () => {
    await start();
    const answer = await rawExchange(terminator.port, 'POST /quack HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*TLS/);
  });

  it('bounds connections, and those that never begin to speak', async () => {
    await start({ maxConnections: 2, timeouts: { handshakeMs: 200 } });
    const silent = [connect(terminator.port, '127.0.0.1'), connect(terminator.port, '127.0.0.1')];
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    const refused = connect(terminator.port, '127.0.0.1').on('error', () => undefined);
    await once(refused, 'close');
    await Promise.all(silent.map((socket) => once(socket, 'close')));
    assert.deepEqual(await post('x'), { status: 200, bytes: answerBytes });
  });
});
