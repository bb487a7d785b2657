import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pausedPastTheLease, SharedCatalog } from '../drill/lease/paused.js';
import { extensionDir, sql, startServer } from './support/server.js';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../src/cli/bin.cjs', import.meta.url));

describe('two servers on one catalog', () => {
  let shared: SharedCatalog;
  before(async () => {
    shared = await SharedCatalog.make(4);
  });
  after(() => shared.remove());

  it('refuses the second while the first runs, with a code of its own', async () => {
    const first = await startServer({ dataDir: shared.dataDir('first'), env: shared.env() });
    try {
      const second = await startServer({
        dataDir: shared.dataDir('second'),
        env: shared.env(),
        waitReady: false,
      });
      assert.equal((await second.exited).code, 3);
      assert.match(await second.logs(), /lock is held by process \d+; lease held by process \d+/);
      const metrics = await (await fetch(`${first.url}/metrics`)).text();
      assert.match(metrics, /^canardstack_catalog_lease_epoch 1$/m);
      assert.match(metrics, /^canardstack_catalog_lease_valid 1$/m);
      assert.match(metrics, /^canardstack_catalog_lease_renewals_total \d+$/m);
    } finally {
      assert.equal(await first.stop(), 0);
    }
  });

  it('lets a paused one change nothing after the other took over', async () => {
    await pausedPastTheLease(shared, 'paused');
  });

  it('is backed up, restored and rebuilt under the name that the takeover gave its file', async () => {
    const [dataDir, env] = [shared.dataDir('first'), shared.env()];
    const catalog = async (...args: string[]) => {
      const ran = await run(process.execPath, [main, 'catalog', ...args], {
        env: {
          ...process.env,
          CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir(),
          CANARDSTACK_DATA_DIR: dataDir,
          ...env,
        },
      });
      return ran.stdout;
    };
    const rows = async () => {
      const server = await startServer({ dataDir, env });
      // Rows that lie in the catalog itself can't be rebuilt.
      const flushed = await fetch(`${server.url}/api/admin/maintenance/checkpoint`, { method: 'POST' });
      assert.equal(((await flushed.json()) as { status: string }).status, 'ok');
      const [counted] = await sql(server, 'SELECT count(*) AS n FROM lake.logs');
      assert.equal(await server.stop(), 0);
      return Number(counted?.['n']);
    };
    const before = await rows();
    assert.ok(before > 0);
    const folder = join(shared.folder, 'catalog');
    assert.ok((await readdir(folder)).some((name) => /\.ducklake\.e\d+$/.test(name)));
    await catalog('backup');
    await catalog('restore', '--force');
    await catalog('verify');
    assert.equal(await rows(), before);
    await catalog('rebuild', '--force');
    await catalog('verify');
    assert.equal(await rows(), before);
  });
});
