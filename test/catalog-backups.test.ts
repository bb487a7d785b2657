import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  startCatalog,
  testCatalog,
  type CatalogProcess,
  type TestCatalog,
} from './support/catalog-server.js';
import { logsRequest } from './support/otlp.js';
import { eventually, extensionDir, startServer, temporaryFolder, type TestServer } from './support/server.js';

const loadMs = 8000;
const wanted = 5;

async function send(url: string, count: number): Promise<boolean> {
  const records = Array.from({ length: count }, (_, i) => ({
    timeNs: BigInt(Date.now()) * 1_000_000n,
    body: `row ${i}`,
  }));
  const response = await fetch(`${url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: logsRequest({ 'service.name': 'load' }, records),
  });
  return response.status === 200;
}

describe('backups of a served catalog', () => {
  let catalog: TestCatalog;
  let server: CatalogProcess;
  const nodes: TestServer[] = [];
  let folder: string;

  const good = async () => {
    const names = await readdir(folder).catch(() => []);
    const found: { name: string; manifest: Record<string, unknown> }[] = [];
    for (const name of names) {
      const text = await readFile(join(folder, name, 'manifest.json'), 'utf8').catch(() => null);
      if (text !== null) found.push({ name, manifest: JSON.parse(text) as Record<string, unknown> });
    }
    return found.sort((a, b) => Number(a.manifest['sequence']) - Number(b.manifest['sequence']));
  };
  const metric = async (url: string, pattern: RegExp) =>
    Number(pattern.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);

  before(async () => {
    catalog = await testCatalog(await temporaryFolder());
    folder = join(catalog.folder, 'catalog', 'backups');
    server = await startCatalog(catalog, {
      env: { CANARDSTACK_CATALOG_BACKUP_INTERVAL_SECS: '1', CANARDSTACK_CATALOG_BACKUP_KEEP: '100' },
    });
    for (const name of ['node-1', 'node-2']) {
      const env = {
        ...catalog.nodeEnv,
        CANARDSTACK_ROLE: 'ingest',
        CANARDSTACK_SEAL_INTERVAL_MS: '200',
        CANARDSTACK_DUCKLAKE_MAINTENANCE_ENABLED: 'true',
        CANARDSTACK_CHECKPOINT_INTERVAL_SECS: '1',
        CANARDSTACK_CATALOG_BACKUP_INTERVAL_SECS: '1',
        CANARDSTACK_DUCKLAKE_QUACK_TIMEOUT_MS: '10000',
      };
      nodes.push(await startServer({ dataDir: join(catalog.folder, name), env }));
    }
  });
  after(async () => {
    for (const node of nodes) await node.kill();
    await server.kill();
    await rm(catalog.folder, { recursive: true, force: true });
  });

  it('are made by its server alone, each one snapshot, while nodes commit and CHECKPOINT', async () => {
    let stop = false;
    let taken = 0;
    const loads = nodes.map(async ({ url }) => {
      while (!stop) {
        if (await send(url, 40)) taken++;
        await sleep(40);
      }
    });
    await sleep(loadMs);
    await eventually(async () => ((await good()).length >= wanted ? true : undefined));
    stop = true;
    await Promise.all(loads);
    assert.ok(taken > 20, `${taken} requests`);
    // One of those that follow has what was sent.
    const rowsOf = ({ manifest }: { manifest: Record<string, unknown> } = { manifest: {} }) =>
      (manifest['tables'] as { table: string; rows: number }[]).find(({ table }) => table === 'logs')?.rows;
    await eventually(async () => (rowsOf((await good()).at(-1)) === taken * 40 ? true : undefined));
    const log = await readFile(catalog.log, 'utf8');
    assert.doesNotMatch(log, /the backup of the catalog failed/);
    for (const node of nodes) {
      const text = await node.logs();
      assert.doesNotMatch(text, /backed up the catalog|backup of the catalog failed|must be opened again/);
      assert.ok((await readdir(node.dataDir)).every((name) => name !== 'backups'));
    }
    assert.match(
      await (await fetch(`${catalog.healthUrl}/metrics`)).text(),
      /backups_total\{status="error"\} 0/,
    );
    assert.ok((await metric(catalog.healthUrl, /backup_age_seconds (\d+)/)) < 60);
    // Every second is asked for; a slow machine is late for a moment.
    await eventually(async () => ((await fetch(`${catalog.healthUrl}/backupz`)).ok ? true : undefined));

    const instance = await DuckDBInstance.create(':memory:', { extension_directory: extensionDir() });
    const connection = await instance.connect();
    await connection.run('LOAD ducklake');
    let [rows, snapshot] = [0, -1];
    const backups = await good();
    const seen = JSON.stringify(backups.map(({ name, manifest }) => [name, manifest['tables']]));
    assert.ok(backups.length >= wanted);
    for (const { name, manifest } of backups) {
      await connection.run(
        `ATTACH 'ducklake:${join(folder, name, 'catalog.ducklake')}' AS b (READ_ONLY, DATA_PATH '${catalog.dataPath}/')`,
      );
      const read = async (sql: string) => Number((await connection.runAndReadAll(sql)).getRows()[0]?.[0]);
      const tables = manifest['tables'] as { table: string; rows: number; files: number }[];
      const logs = tables.find(({ table }) => table === 'logs');
      // Old files may be gone by now, for later merges; all those of the catalog's own snapshot are listed.
      assert.equal(await read(`SELECT count(*) FROM ducklake_list_files('b', 'logs')`), logs?.files, name);
      assert.equal(await read(`SELECT max(snapshot_id) FROM b.snapshots()`), manifest['snapshotId'], name);
      // Each commit is whole: requests of 40 records, so never half of one.
      assert.equal((logs?.rows ?? 0) % 40, 0, `${name} has ${logs?.rows} rows`);
      assert.ok((logs?.rows ?? 0) >= rows && Number(manifest['snapshotId']) >= snapshot, `${name}: ${seen}`);
      [rows, snapshot] = [logs?.rows ?? 0, Number(manifest['snapshotId'])];
      await connection.run('DETACH b');
    }
    assert.ok(rows > 0);
    connection.closeSync();
    instance.closeSync();
  });

  it('can be asked for with the token, at the server and not at a node', async () => {
    const ask = (token: string) =>
      fetch(`${catalog.healthUrl}/backup`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    assert.equal((await ask('wrong')).status, 401);
    const made = await ask(catalog.token);
    assert.equal(made.status, 200, await made.clone().text());
    const { name } = (await made.json()) as { name: string };
    assert.ok((await good()).some((each) => each.name === name));
    const refused = await fetch(`${nodes[0]?.url}/api/admin/catalog/backup`, { method: 'POST' });
    assert.equal(refused.status, 503);
    assert.match(await refused.text(), /the catalog server backs its catalog up/);
  });
});
