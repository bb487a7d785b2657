import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pausedPastTheLease, SharedCatalog } from '../drill/lease/paused.js';
import { startServer } from './support/server.js';

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
});
