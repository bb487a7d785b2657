import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../../../test/support/server.js';
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
