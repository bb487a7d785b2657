import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../../test/support/server.js';
import { recordedTelemetry } from '../../../test/support/wire.js';
import { catalogServerMetrics } from '../server/metrics.js';
import { Terminator } from '../server/terminator.js';
import { CatalogTunnel } from './index.js';
import { UnansweredRequests } from './repeats.js';

describe('the tunnel to a catalog server', () => {
  let server: Server;
  let tunnel: CatalogTunnel;
  let answer: (res: ServerResponse) => void = (res) => res.end('ok');
  let received = 0;

  before(async () => {
    server = createServer((req, res) => {
      received++;
      req.resume().on('end', () => answer(res));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    tunnel = await CatalogTunnel.open({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
      tls: false,
      insecureTls: false,
      caFile: undefined,
      timeoutMs: 300,
      token: undefined,
    });
  });
  after(async () => {
    await tunnel.close();
    server.closeAllConnections();
    server.close();
  });
  const post = (body: string) => fetch(`http://127.0.0.1:${tunnel.port}/quack`, { method: 'POST', body });

  it('passes answers back', async () => {
    const response = await post('SELECT 1');
    assert.deepEqual([response.status, await response.text()], [200, 'ok']);
    assert.equal(tunnel.reason, null);
  });

  it('gives up on a server that does not answer, and says so', async () => {
    answer = () => undefined;
    const response = await post('SELECT 1');
    assert.equal(response.status, 424);
    assert.match(await response.text(), /no answer within 0\.3 s/);
    await eventually(async () => (tunnel.reason === null ? undefined : true));
  });

  it('does not send a change again whose answer was lost', async () => {
    answer = (res) => res.destroy();
    await post('SELECT * FROM ducklake_commit(1)');
    answer = (res) => res.end('ok');
    const before = received;
    const again = await post('SELECT * FROM ducklake_commit(1)');
    assert.equal(again.status, 424);
    assert.match(await again.text(), /sent before/);
    assert.equal(received, before, 'the server does not see it twice');
    assert.equal((await post('SELECT * FROM ducklake_commit(2)')).status, 200);
    await eventually(async () => (tunnel.reason === null ? true : undefined));
  });

  it('remembers a bounded number of them', () => {
    const requests = new UnansweredRequests();
    const key = (n: number) => requests.key(Buffer.from(`INSERT INTO t VALUES (${n})`));
    for (let n = 0; n < 1000; n++) requests.add(key(n));
    assert.ok(requests.refuses(key(999)));
    assert.ok(!requests.refuses(key(0)));
    assert.equal(requests.key(Buffer.from('SELECT 1')), null);
  });
});

describe('the tunnel and a catalog server that takes long', () => {
  let backend: Server;
  let terminator: Terminator;
  let tunnel: CatalogTunnel;
  let lease = true;
  let held: ServerResponse[] = [];
  const telemetry = recordedTelemetry();
  const metrics = catalogServerMetrics(telemetry.registry);
  const open = (port: number) =>
    CatalogTunnel.open({
      host: '127.0.0.1',
      port,
      tls: false,
      insecureTls: false,
      caFile: undefined,
      timeoutMs: 200,
      token: undefined,
    });

  before(async () => {
    backend = createServer((req, res) => {
      req.resume().on('end', () => held.push(res));
    }).listen(0, '127.0.0.1');
    await once(backend, 'listening');
    terminator = await Terminator.start({
      listen: { host: '127.0.0.1', port: 0 },
      backend: { host: '127.0.0.1', port: (backend.address() as AddressInfo).port },
      tls: undefined,
      confirm: () => lease,
      valid: () => lease,
      maxConnections: 16,
      metrics,
      log: telemetry.log,
    });
    tunnel = await open(terminator.port);
  });
  after(async () => {
    await tunnel.close();
    terminator.sever();
    backend.closeAllConnections();
    backend.close();
  });
  beforeEach(() => {
    held = [];
    lease = true;
  });
  const send = (body: string, to = tunnel) => {
    let ended = false;
    const response = fetch(`http://127.0.0.1:${to.port}/quack`, { method: 'POST', body }).then(
      async (res) => {
        const text = await res.text();
        ended = true;
        return { status: res.status, text };
      },
    );
    return { response, ended: () => ended };
  };
  const commit = 'SELECT * FROM ducklake_commit(7)';

  it('waits for a commit for as long as the server is at work on it', async () => {
    const sent = send(commit);
    await eventually(async () => (held.length === 1 ? true : undefined));
    await sleep(1000);
    assert.equal(sent.ended(), false, 'five times its time-out');
    held[0]?.end('done');
    assert.deepEqual(await sent.response, { status: 200, text: 'done' });
    assert.equal(tunnel.reason, null);
  });

  it('waits for no query', async () => {
    const { status, text } = await send('SELECT 1').response;
    assert.equal(status, 424);
    assert.match(text, /no answer within/);
  });

  it('gives a commit up when the server has lost its lease', async () => {
    const sent = send('SELECT * FROM ducklake_commit(8)');
    await eventually(async () => (held.length === 1 ? true : undefined));
    lease = false;
    assert.equal((await sent.response).status, 424);
  });

  it('gives a commit up when the server hangs, or is another one by now', async () => {
    for (const other of [false, true]) {
      // Takes requests and never answers; `other`: it answers that it knows nothing of them.
      const silent = createServer((req, res) => {
        if (other && req.method === 'GET') res.writeHead(404).end();
      }).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const way = await open((silent.address() as AddressInfo).port);
      const { status, text } = await send(commit, way).response;
      assert.equal(status, 424);
      assert.match(text, /no answer within/);
      await way.close();
      silent.closeAllConnections();
      silent.close();
    }
  });

  it('gives a commit up soon when the instance that waits for it is closed', async () => {
    const way = await open(terminator.port);
    const sent = send('SELECT * FROM ducklake_commit(9)', way);
    await eventually(async () => (held.length === 1 ? true : undefined));
    way.part();
    assert.equal((await sent.response).status, 424);
    await way.close();
  });
});
