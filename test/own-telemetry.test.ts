import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { eventually, startServer, temporaryFolder } from './support/server.js';

describe('own telemetry', () => {
  it('tells the query nodes of a lake apart', async () => {
    const seen = new Set<string>();
    const receiver = createServer((request, response) => {
      seen.add(String(request.headers['x-canardstack-export']));
      request.resume().on('end', () => response.end('{}'));
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const folders = [await temporaryFolder(), await temporaryFolder()];
    const env = {
      CANARDSTACK_ROLE: 'query',
      CANARDSTACK_OTLP_EXPORT_ENDPOINT: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
      CANARDSTACK_OTLP_EXPORT_INTERVAL_SECS: '1',
    };
    const nodes = await Promise.all(folders.map((dataDir) => startServer({ dataDir, env })));
    try {
      await eventually(async () => (seen.size === 2 ? true : undefined));
      for (const id of seen) assert.match(id, /^[0-9a-f-]{36}$/);
    } finally {
      await Promise.all(nodes.map((node) => node.kill()));
      receiver.close();
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    }
  });
});
