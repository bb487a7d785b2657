import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startCatalog, testCatalog, type TestCatalog } from '../support/catalog-server.js';
import { logsRequest } from '../support/otlp.js';
import { eventually, extensionDir, freePort, sql, startServer, temporaryFolder } from '../support/server.js';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A one-off task: a command with the settings of a service. */
async function command(args: string[], settings: Readonly<Record<string, string>>): Promise<Outcome> {
  const main = fileURLToPath(new URL('../../src/cli/bin.cjs', import.meta.url));
  const env = {
    PATH: process.env['PATH'],
    CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir(),
    // Where no server answers.
    CANARDSTACK_BIND: `127.0.0.1:${await freePort()}`,
    ...settings,
  };
  return new Promise((done) => {
    execFile(process.execPath, [main, ...args], { env }, (error, out, err) => {
      done({ code: error ? Number(error.code ?? 1) : 0, out, err });
    });
  });
}

async function send(url: string, bodies: readonly string[]): Promise<void> {
  const records = bodies.map((body) => ({ timeNs: BigInt(Date.now()) * 1_000_000n, body }));
  const response = await fetch(`${url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: logsRequest({ 'service.name': 'load' }, records),
  });
  assert.equal(response.status, 200);
}

const many = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}-${n}`);

/** The steps of "From a catalog on EBS" in docs/deploy/aws.md, with folders for volumes and buckets. */
describe('carrying a catalog over to a new volume', () => {
  let folder: string;
  let old: TestCatalog;
  let next: TestCatalog;
  const backups = () => join(folder, 'backups');

  before(async () => {
    folder = await temporaryFolder();
    old = await testCatalog(join(folder, 'old'));
    next = await testCatalog(join(folder, 'new'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('backs up through the old catalog task, once the nodes have drained', async () => {
    const catalog = await startCatalog(old);
    try {
      const node = await startServer({ env: { ...old.nodeEnv, CANARDSTACK_ROLE: 'ingest' } });
      // Enough rows for Parquet, and a few that stay in the catalog.
      await send(node.url, many('file', 3000));
      await eventually(async () =>
        (await sql(node, 'FROM lake.logs LIMIT 1')).length > 0 ? true : undefined,
      );
      await send(node.url, many('inlined', 5));
      assert.equal(await node.stop(), 0);
      const backup = await command(['catalog', 'backup', '--to', backups(), '--json'], {
        ...old.nodeEnv,
        CANARDSTACK_DATA_DIR: join(folder, 'one-off'),
      });
      assert.equal(backup.code, 0, backup.err);
    } finally {
      await catalog.kill();
    }
    // The task and its volume are gone; only the bucket stays.
    await rm(join(old.folder, 'catalog'), { recursive: true });
    await cp(old.dataPath, next.dataPath, { recursive: true });
  });

  it('refuses an empty catalog over the files', async () => {
    const catalog = await startCatalog(next, { waitReady: false });
    assert.equal((await catalog.exited).code, 1);
    assert.match(await readFile(next.log, 'utf8'), /catalog restore/);
  });

  it('restores on the new volume: no file is missing or orphaned, and no row', async () => {
    const restored = await command(['catalog', 'restore', '--from', backups(), '--json'], next.env);
    assert.equal(restored.code, 0, restored.err);
    const catalog = await startCatalog(next);
    try {
      const node = await startServer({ env: next.nodeEnv });
      await send(node.url, many('later', 3000));
      assert.equal(
        await eventually(async () => {
          const [row] = await sql(
            node,
            'SELECT count(*) AS n, count(DISTINCT body) AS bodies FROM lake.logs',
          );
          assert.equal(row?.['n'], row?.['bodies']);
          return Number(row?.['n']) >= 6005 ? Number(row?.['n']) : undefined;
        }),
        6005,
      );
      assert.equal(await node.stop(), 0);
      assert.equal(await catalog.stop(), 0);
      const verified = await command(['catalog', 'verify', '--min-age', '0', '--json'], next.env);
      assert.equal(verified.code, 0, verified.err);
      const { damaged, orphans } = JSON.parse(verified.out) as { damaged: unknown[]; orphans: unknown[] };
      assert.deepEqual({ damaged, orphans }, { damaged: [], orphans: [] });
    } finally {
      await catalog.kill();
    }
  });
});
