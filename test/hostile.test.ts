import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ChannelCredentials, Client, status, type ServiceError } from '@grpc/grpc-js';
import { hostileFields, hostileRequest } from '../drill/hostile/requests.js';
import { runTrial } from '../drill/hostile/trial.js';
import { broken, startSmallServer } from '../drill/hostile/verdict.js';
import { defaultDecodeLimits, type Payload } from '../src/schema/index.js';
import { openSpool } from '../src/spool/index.js';
import { createTelemetry } from '../src/telemetry/index.js';
import { logsRequest } from './support/otlp.js';
import { eventually, sql, temporaryFolder, type TestServer } from './support/server.js';

const fieldOf = (name: string) => {
  const field = hostileFields.find((candidate) => candidate.name === name);
  assert.ok(field, name);
  return field;
};

async function metric(server: TestServer, name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

describe('requests that become far more than was sent', () => {
  it('are answered with the limit and its setting, and leave the server as it was', async () => {
    const server = await startSmallServer();
    try {
      const cases = [
        ['log attributes', 'protobuf', 20_000_000, 'gzip', 200, 'MAX_RECORD_ELEMENTS'],
        ['log attributes', 'json', 2_000_000, 'identity', 200, 'MAX_RECORD_ELEMENTS'],
        ['log records', 'protobuf', 20_000_000, 'snappy', 413, 'MAX_REQUEST_RECORDS'],
        ['records of a resource of 100 kB', 'protobuf', 100_000, 'gzip', 413, 'MAX_REQUEST_ROW_BYTES'],
        ['events', 'protobuf', 20_000_000, 'deflate', 200, 'MAX_RECORD_ELEMENTS'],
        ['positive buckets', 'protobuf', 20_000_000, 'gzip', 200, 'MAX_RECORD_ELEMENTS'],
        ['quantiles', 'json', 20_000_000, 'gzip', 413, 'MAX_REQUEST_ROW_BYTES'],
        ['body of control characters', 'protobuf', 20_000_000, 'gzip', 200, 'MAX_RECORD_BYTES'],
      ] as const;
      for (const [name, format, count, encoding, status, setting] of cases) {
        const trial = await runTrial(server, fieldOf(name), format, count, encoding);
        assert.ok(trial, name);
        const said = JSON.stringify(trial);
        assert.equal(trial.status, status, said);
        assert.match(trial.answer, new RegExp(`\\d+ .*CANARDSTACK_${setting}`), said);
        // How long it takes depends on what else the machine does; the drill measures that.
        assert.equal(broken({ ...trial, visibleMs: trial.visibleMs === null ? null : 0 }), null, said);
      }
      assert.equal(await metric(server, 'canardstack_decode_rejected_records_total'), 5);
      assert.equal(
        await metric(server, 'canardstack_decode_payloads_total{signal="logs",outcome="too_large"}'),
        2,
      );
      assert.equal(await metric(server, 'canardstack_decode_worker_restarts_total'), 0);
      assert.equal(await server.stop(), 0);
    } finally {
      await server.kill();
      await rm(server.dataDir, { recursive: true, force: true });
    }
  });

  it('are refused over gRPC as over HTTP when they are too large once decompressed', async () => {
    const server = await startSmallServer({
      CANARDSTACK_MAX_BODY_BYTES: '64KiB',
      CANARDSTACK_MAX_DECODED_BODY_BYTES: '128KiB',
    });
    const records = (bytes: number) =>
      logsRequest({ 'service.name': 'large' }, [
        { timeNs: BigInt(Date.now()) * 1_000_000n, body: 'x'.repeat(bytes) },
      ]);
    const same = (bytes: Buffer) => bytes;
    const [deflate, gzip] = [1, 2];
    try {
      for (const algorithm of [deflate, gzip]) {
        const client = new Client(server.grpc, ChannelCredentials.createInsecure(), {
          'grpc.default_compression_algorithm': algorithm,
          'grpc.enable_retries': 0,
          'grpc.use_local_subchannel_pool': 1,
        });
        const send = (bytes: number) =>
          new Promise<ServiceError | null>((resolve) =>
            client.makeUnaryRequest(
              '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
              same,
              same,
              Buffer.from(records(bytes)),
              resolve,
            ),
          );
        const refused = await send(1_000_000);
        assert.equal(refused?.code, status.RESOURCE_EXHAUSTED);
        assert.match(refused.details, /131072.*CANARDSTACK_MAX_DECODED_BODY_BYTES/);
        // With a RetryInfo a client would send it again.
        assert.deepEqual(refused.metadata.get('grpc-status-details-bin'), []);
        assert.equal(await send(100_000), null);
        client.close();
      }
      const overHttp = await fetch(`${server.url}/v1/logs`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
        body: Uint8Array.from(gzipSync(records(1_000_000))),
      });
      assert.equal(overHttp.status, 413);
      assert.equal(
        await metric(server, 'canardstack_decode_payloads_total{signal="logs",outcome="too_large"}'),
        3,
      );
      assert.equal(await server.stop(), 0);
    } finally {
      await server.kill();
      await rm(server.dataDir, { recursive: true, force: true });
    }
  });

  it('are set aside when an older version has acknowledged them, and decoded alike under later limits', async () => {
    const dataDir = await temporaryFolder();
    const now = BigInt(Date.now()) * 1_000_000n;
    const attributes = hostileRequest(fieldOf('log attributes'), 'protobuf', 15_000_000)!.body;
    const payload = (body: Buffer, more: Partial<Payload> = {}): Payload => ({
      format: 'protobuf',
      encoding: 'identity',
      receivedAtNs: now,
      minTimeNs: 0n,
      maxTimeNs: now * 2n,
      body,
      ...more,
    });
    const good = (body: string, attributeCount: number) =>
      Buffer.from(
        JSON.stringify({
          resourceLogs: [
            {
              scopeLogs: [
                {
                  logRecords: [
                    {
                      timeUnixNano: String(now),
                      body: { stringValue: body },
                      attributes: Array.from({ length: attributeCount }, (_, i) => ({ key: `k${i}` })),
                    },
                  ],
                },
              ],
            },
          ],
        }),
      );
    const spool = await openSpool({
      dir: join(dataDir, 'spool'),
      capacityBytes: 2 ** 30,
      segmentBytes: 2 ** 26,
      groupCommitMs: 0,
      telemetry: createTelemetry('silent'),
    });
    const json = { format: 'json' } as const;
    await spool
      .stream('logs')
      .append([
        payload(good('before', 1), json),
        payload(attributes),
        payload(good('within', 30), json),
        payload(good('as received', 60), { ...json, limits: defaultDecodeLimits }),
        payload(good('over', 60), json),
      ]);
    await spool.close();
    const server = await startSmallServer({ CANARDSTACK_MAX_RECORD_ELEMENTS: '50' }, dataDir);
    try {
      const rows = await eventually(async () => {
        const found = await sql(server, 'SELECT body FROM lake.logs ORDER BY body');
        return found.length === 3 ? found : undefined;
      });
      assert.deepEqual(
        rows.map((row) => row['body']),
        ['as received', 'before', 'within'],
      );
      assert.equal(await metric(server, 'canardstack_spool_poison_total'), 2);
      assert.match(await server.logs(), /CANARDSTACK_MAX_RECORD_ELEMENTS.*set aside/);
      assert.equal(await server.stop(), 0);
    } finally {
      await server.kill();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
