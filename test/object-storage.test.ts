import assert from 'node:assert/strict';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { startFaultProxy, type Fault, type FaultProxy } from './support/fault-proxy.js';
import { logsRequest } from './support/otlp.js';
import { skipWithoutS3, startS3, type TestS3 } from './support/s3.js';
import { eventually, sql, startServer, temporaryFolder, type TestServer } from './support/server.js';

const perRequest = 400;

/** Names of all files that the catalog of an idle server knows, past snapshots included, read by DuckDB from a copy. */
async function knownFiles(dataDir: string): Promise<Set<string>> {
  const folder = await temporaryFolder();
  try {
    for (const name of ['canardstack.ducklake', 'canardstack.ducklake.wal']) {
      await copyFile(join(dataDir, name), join(folder, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT' || !name.endsWith('.wal')) throw error;
      });
    }
    const instance = await DuckDBInstance.create(join(folder, 'canardstack.ducklake'));
    try {
      const connection = await instance.connect();
      const reader = await connection.runAndReadAll(
        `SELECT parse_filename(path) FROM ducklake_data_file
         UNION ALL SELECT parse_filename(path) FROM ducklake_delete_file
         UNION ALL SELECT parse_filename(path) FROM ducklake_files_scheduled_for_deletion`,
      );
      connection.closeSync();
      return new Set(reader.getRows().map(([name]) => String(name)));
    } finally {
      instance.closeSync();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('a server whose Parquet is in an object store', { skip: skipWithoutS3() }, () => {
  let s3: TestS3;
  let proxy: FaultProxy;
  let dataDir: string;
  let server: TestServer;
  let sent = 0;

  const start = () =>
    startServer({
      dataDir,
      env: {
        ...s3.env({ endpoint: proxy.endpoint }),
        CANARDSTACK_DUCKLAKE_DATA_PATH: `s3://${s3.bucket}/lake`,
        CANARDSTACK_DATA_INLINING_ROW_LIMIT: '100',
        CANARDSTACK_SEAL_INTERVAL_MS: '100',
        CANARDSTACK_S3_TIMEOUT_MS: '500',
        CANARDSTACK_S3_ATTEMPTS: '2',
        CANARDSTACK_FRESHNESS_BUDGET_SLA_SECS: '300',
      },
    });
  const ingest = async () => {
    const now = BigInt(Date.now()) * 1_000_000n;
    const records = Array.from({ length: perRequest }, (_, i) => ({
      timeNs: now,
      body: `record ${sent + i}`,
    }));
    const response = await fetch(`${server.url}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Buffer.from(logsRequest({ 'service.name': 'remote' }, records)),
    });
    assert.equal(response.status, 200, await response.text());
    sent += perRequest;
  };
  const exact = async () => {
    const count = async () => {
      const [row] = await sql(server, 'SELECT count(*) AS n, count(DISTINCT body) AS d FROM lake.logs');
      return [Number(row?.['n']), Number(row?.['d'])];
    };
    await eventually(async () => ((await count())[0] === sent ? true : undefined));
    assert.deepEqual(await count(), [sent, sent]);
  };
  const orphans = async () => {
    const names = await knownFiles(dataDir);
    return (await s3.keys('lake/')).filter((key) => !names.has(key.slice(key.lastIndexOf('/') + 1)));
  };
  const checkpoint = async () => {
    const response = await fetch(`${server.url}/api/admin/maintenance/checkpoint`, { method: 'POST' });
    return (await response.json()) as { ran: boolean; status: string };
  };

  before(async () => {
    s3 = await startS3();
    proxy = await startFaultProxy(s3.endpoint);
    dataDir = await temporaryFolder();
    server = await start();
  });
  after(async () => {
    proxy.set(null);
    await server.stop();
    await proxy.close();
    await s3.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('goes on acknowledging while the store fails, and has every record once afterwards', async () => {
    await ingest();
    await exact();
    const faults: Fault[] = [
      { kind: 'status', status: 500 },
      { kind: 'status', status: 503 },
      { kind: 'reset', at: 'after' },
      { kind: 'hang' },
    ];
    for (const fault of faults) {
      proxy.set(fault);
      const before = proxy.requests.length;
      for (let i = 0; i < 4; i++) {
        await ingest();
        await sleep(100);
      }
      // The writer has met the fault.
      await eventually(async () => (proxy.requests.length > before ? true : undefined));
      proxy.set(null);
      await ingest();
      await exact();
    }
    proxy.set({ kind: 'status', status: 503 }, { share: 0.3 });
    for (let i = 0; i < 8; i++) await ingest();
    await sleep(500);
    proxy.set(null);
    await ingest();
    await exact();
    assert.deepEqual(await orphans(), []);
  });

  it('compacts, and is whole after a kill and after a stop', async () => {
    const { ran, status } = await checkpoint();
    assert.deepEqual({ ran, status }, { ran: true, status: 'ok' });
    await exact();
    await ingest();
    await server.kill();
    server = await start();
    await ingest();
    await exact();
    assert.deepEqual(await orphans(), []);
    assert.equal(await server.stop(), 0);
    server = await start();
    await exact();
    const logs = await server.logs();
    assert.ok(!logs.includes(s3.root.secretAccessKey));
  });

  it('has no orphan of a process killed between the upload and its commit', async () => {
    await server.stop();
    const fault = { CANARDSTACK_FAULT: 'lake.before_commit' };
    server = await startServer({
      dataDir,
      waitReady: true,
      env: {
        ...s3.env({ endpoint: proxy.endpoint }),
        CANARDSTACK_DUCKLAKE_DATA_PATH: `s3://${s3.bucket}/lake`,
        CANARDSTACK_DATA_INLINING_ROW_LIMIT: '100',
        ...fault,
      },
    });
    await ingest();
    const { signal } = await server.exited;
    assert.equal(signal, 'SIGKILL');
    server = await start();
    await exact();
    await eventually(async () => ((await orphans()).length === 0 ? true : undefined));
  });
});
