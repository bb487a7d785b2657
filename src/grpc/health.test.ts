import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ChannelCredentials, Client, status, type ServiceError } from '@grpc/grpc-js';
import { text, uint } from '../../test/support/protobuf.js';
import { recordedTelemetry } from '../../test/support/wire.js';
import { healthService, startGrpcServer, type GrpcServer, type HealthService } from './index.js';

const bytes = (value: Uint8Array) => Buffer.from(value);
const same = (value: Buffer) => value;
const [serving, notServing, serviceUnknown] = [1, 2, 3].map((code) => bytes(uint(1, code)));

describe('grpc.health.v1.Health', () => {
  let ready = true;
  let server: GrpcServer;
  let health: HealthService;
  let client: Client;

  before(async () => {
    health = await healthService({
      services: ['shop.v1.Orders'],
      serving: () => (ready ? Promise.resolve(true) : Promise.reject(new Error('no'))),
      refreshMs: 20,
      maxWatchers: 3,
    });
    server = await startGrpcServer({
      bind: '127.0.0.1:0',
      telemetry: recordedTelemetry(),
      methods: health.methods,
    });
    client = new Client(server.address, ChannelCredentials.createInsecure());
  });

  after(async () => {
    client.close();
    await server.close(1000);
  });

  function check(service: string, client_ = client): Promise<Buffer | ServiceError> {
    return new Promise((resolve) =>
      client_.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        same,
        same,
        bytes(text(1, service)),
        (error, answer) => resolve(error ?? answer ?? Buffer.alloc(0)),
      ),
    );
  }

  function watch(service: string) {
    const call = client.makeServerStreamRequest<Buffer, Buffer>(
      '/grpc.health.v1.Health/Watch',
      same,
      same,
      bytes(text(1, service)),
    );
    const told: Buffer[] = [];
    let waiting: (() => void) | undefined;
    const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve));
    call.on('data', (message: Buffer) => {
      told.push(message);
      waiting?.();
    });
    const next = async (count: number) => {
      while (told.length < count) await new Promise<void>((resolve) => (waiting = resolve));
      return told;
    };
    return { call, next, ended };
  }

  it('checks the server and each service by name', async () => {
    ready = true;
    assert.deepEqual(await check(''), serving);
    assert.deepEqual(await check('shop.v1.Orders'), serving);
    const unknown = await check('other');
    assert.ok('code' in unknown && unknown.code === status.NOT_FOUND);
    const settled = () => new Promise((resolve) => setTimeout(resolve, 30));
    ready = false;
    await settled();
    assert.deepEqual(await check('shop.v1.Orders'), notServing);
    ready = true;
    await settled();
  });

  it('takes compressed requests', async () => {
    const compressing = new Client(server.address, ChannelCredentials.createInsecure(), {
      'grpc.default_compression_algorithm': 2,
      'grpc.use_local_subchannel_pool': 1,
    });
    assert.deepEqual(await check('shop.v1.Orders', compressing), serving);
    compressing.close();
  });

  it('answers what is no request of its own', async () => {
    const answer = await new Promise<ServiceError | null>((resolve) =>
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', same, same, Buffer.from([0x0a, 9]), resolve),
    );
    assert.equal(answer?.code, status.INVALID_ARGUMENT);
    const large = await new Promise<ServiceError | null>((resolve) =>
      client.makeUnaryRequest('/grpc.health.v1.Health/Check', same, same, Buffer.alloc(5000), resolve),
    );
    assert.equal(large?.code, status.RESOURCE_EXHAUSTED);
  });

  it('tells watchers of changes, and ends their calls when it stops', async () => {
    const known = watch('shop.v1.Orders');
    const unknown = watch('other');
    assert.deepEqual(await unknown.next(1), [serviceUnknown]);
    assert.deepEqual(await known.next(1), [serving]);
    ready = false;
    assert.deepEqual(await known.next(2), [serving, notServing]);
    ready = true;
    assert.deepEqual(await known.next(3), [serving, notServing, serving]);
    const third = watch('');
    await third.next(1);
    const fourth = watch('');
    assert.equal((await fourth.ended).code, status.RESOURCE_EXHAUSTED);
    third.call.cancel();
    await third.ended;
    health.stop();
    assert.equal((await known.ended).code, status.UNAVAILABLE);
    assert.deepEqual((await known.next(4)).at(-1), notServing);
    assert.deepEqual(await check(''), notServing);
  });
});
