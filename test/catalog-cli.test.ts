import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CatalogStatus } from '../src/recovery/index.js';
import { eventually, extensionDir, sql, startServer, type TestServer } from './support/server.js';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const main = fileURLToPath(new URL('../src/cli/bin.cjs', import.meta.url));

function canardstack(server: TestServer, ...args: string[]): Promise<Ran> {
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    CANARDSTACK_BIND: new URL(server.url).host,
    CANARDSTACK_DATA_DIR: server.dataDir,
    CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir(),
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, 'catalog', ...args], { env }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, err });
    });
  });
}

async function send(server: TestServer, count: number): Promise<void> {
  const nano = `${Date.now()}000000`;
  const logRecords = Array.from({ length: count }, (_, i) => ({
    timeUnixNano: nano,
    body: { stringValue: `line ${i}` },
  }));
  const response = await fetch(`${server.url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }),
  });
  assert.equal(response.status, 200);
}

describe('canardstack catalog', () => {
  let server: TestServer;
  const rows = async () => Number((await sql(server, 'SELECT count(*) AS n FROM lake.logs'))[0]?.['n']);
  const env = { CANARDSTACK_DATA_INLINING_ROW_LIMIT: '50' };

  before(async () => {
    server = await startServer({ env });
  });

  after(async () => {
    await server.stop();
    await rm(server.dataDir, { recursive: true, force: true });
  });

  it('asks the running server, and the lake itself when none runs', async () => {
    await send(server, 200);
    await eventually(async () => ((await rows()) === 200 ? true : undefined));
    const backup = await canardstack(server, 'backup', '--json');
    assert.equal(backup.code, 0, backup.err);
    const { path, manifest } = JSON.parse(backup.out) as {
      path: string;
      manifest: { tables: { table: string; rows: number }[] };
    };
    assert.equal(manifest.tables.find(({ table }) => table === 'logs')?.rows, 200);
    assert.deepEqual((await readdir(path)).sort(), ['catalog.ducklake', 'manifest.json']);

    const online = JSON.parse((await canardstack(server, 'status', '--json')).out) as CatalogStatus;
    assert.equal(online.kind, 'local');
    assert.deepEqual([online.lease?.pid, online.lease?.released], [server.pid, false]);
    assert.equal(online.lastBackup?.path, path);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    assert.match(metrics, /canardstack_catalog_backups_total\{status="ok"\} 1/);
    assert.match(
      metrics,
      new RegExp(`canardstack_catalog_backup_snapshot_id ${online.lastBackup?.snapshotId}\n`),
    );
    assert.equal((await canardstack(server, 'verify')).code, 0);
    const refused = await canardstack(server, 'restore', '--force');
    assert.deepEqual([refused.code, /in use/.test(refused.err)], [1, true]);
    assert.equal((await canardstack(server, 'migrate')).code, 2);

    await server.stop();
    const offline = JSON.parse((await canardstack(server, 'status', '--json')).out) as CatalogStatus;
    assert.deepEqual([offline.snapshotId, offline.lease?.released], [online.snapshotId, true]);
    assert.deepEqual(offline.tables, online.tables);
    const parquet = (await readdir(join(server.dataDir, 'data/main/logs'), { recursive: true })).find(
      (name) => name.endsWith('.parquet'),
    );
    await rm(join(server.dataDir, 'data/main/logs', parquet ?? ''));
    const verified = await canardstack(server, 'verify', '--json');
    assert.equal(verified.code, 1);
    assert.match(verified.out, /"problem": "missing"/);
    server = await startServer({ dataDir: server.dataDir, env });
  });

  it('names a lost file in queries and in health, and gives it up on a word', async () => {
    const deep = await canardstack(server, 'verify', '--deep', '--json');
    assert.equal(deep.code, 1);
    const [lost] = (JSON.parse(deep.out) as { damaged: { key: string; problem: string }[] }).damaged;
    assert.equal(lost?.problem, 'missing');
    const query = encodeURIComponent('{service_name=~".+"}');
    const answer = await fetch(`${server.url}/loki/api/v1/query_range?query=${query}`);
    const text = await answer.text();
    assert.deepEqual([answer.status, text.includes(lost.key)], [500, true], text);
    const health = await fetch(`${server.url}/api/admin/health/storage`);
    const { checks } = (await health.json()) as { checks: { name: string; ok: boolean; reason: string }[] };
    const files = checks.find(({ name }) => name === 'files');
    assert.deepEqual([health.status, files?.ok, files?.reason.includes(lost.key)], [503, false, true]);
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200);

    const dry = await canardstack(server, 'forget-file', '--dry-run', lost.key);
    assert.deepEqual([dry.code, /200 rows would be given up/.test(dry.out)], [0, true], dry.out + dry.err);
    const unknown = await canardstack(server, 'forget-file', 'main/logs/nothing.parquet');
    assert.deepEqual([unknown.code, /refused .* no such file/.test(unknown.out)], [1, true], unknown.out);
    const given = await canardstack(server, 'forget-file', lost.key);
    assert.deepEqual([given.code, /200 rows given up/.test(given.out)], [0, true], given.out + given.err);
    assert.equal(await rows(), 0);
    assert.equal((await canardstack(server, 'verify', '--deep')).code, 0);
    assert.equal((await fetch(`${server.url}/api/admin/health/storage`)).status, 200);
  });

  it('rebuilds after the loss of the catalog beside a spool that holds what was not committed', async () => {
    await send(server, 300);
    await eventually(async () => {
      const response = await fetch(`${server.url}/api/admin/maintenance/seal`, { method: 'POST' });
      return response.ok ? true : undefined;
    });
    await server.kill();
    for (const name of await readdir(server.dataDir)) {
      if (name.startsWith('canardstack.ducklake')) await rm(join(server.dataDir, name));
    }
    const dry = await canardstack(server, 'rebuild', '--dry-run');
    assert.deepEqual([dry.code, /dry run.*300 rows of logs/s.test(dry.out)], [0, true], dry.out + dry.err);
    const rebuilt = await canardstack(server, 'rebuild');
    assert.equal(rebuilt.code, 0, rebuilt.err);
    server = await startServer({ dataDir: server.dataDir, env });
    await send(server, 100);
    await eventually(async () => ((await rows()) >= 400 ? true : undefined));
    assert.equal(await rows(), 400);
  });
});
