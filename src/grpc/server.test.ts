import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { recordedTelemetry } from '../../test/support/wire.js';
import { startGrpcServer } from './index.js';

describe('a gRPC connection', () => {
  it('is cut when its peer gives no sign of life, and kept when it does', async () => {
    const telemetry = recordedTelemetry();
    const server = await startGrpcServer({
      bind: '127.0.0.1:0',
      telemetry,
      methods: new Map(),
      keepaliveMs: 100,
      keepaliveTimeoutMs: 3000,
    });
    const open = async () =>
      (await telemetry.registry.getSingleMetric('canardstack_grpc_connections')?.get())?.values[0]?.value;
    const alive = connectHttp2(`http://${server.address}`);
    try {
      await once(alive, 'connect');
      const port = Number(server.address.split(':').at(-1));
      const mute = connect(port, '127.0.0.1');
      // The preface and empty settings (RFC 9113, 3.4), and nothing more, whatever the server asks.
      mute.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      mute.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
      const received: Buffer[] = [];
      mute.on('data', (chunk: Buffer) => received.push(chunk));
      const cut = once(mute, 'close');
      await once(mute, 'data');
      assert.equal(await open(), 2);
      await cut;
      const pings = frameTypes(Buffer.concat(received)).filter((type) => type === 6);
      assert.ok(pings.length > 0, 'it was cut without being asked');
      assert.equal(await open(), 1);
      // It has been asked as often, and once more now.
      await once(alive, 'ping');
      assert.ok(!alive.destroyed);
    } finally {
      alive.destroy();
      await server.close(0);
    }
  });
});

/** Types of the HTTP/2 frames in these bytes. */
function frameTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    types.push(bytes.readUInt8(at + 3));
  return types;
}
