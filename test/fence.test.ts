import { after, before, describe, it } from 'node:test';
import { pausedCatalogServer } from '../drill/fence/paused-server.js';
import { SharedServerCatalog } from '../drill/fence/shared-server.js';

describe('two catalog servers on one file', () => {
  let shared: SharedServerCatalog;
  before(async () => {
    shared = await SharedServerCatalog.make(5);
  });
  after(() => shared.remove());

  it('lets a paused one change nothing, and nobody believes it, after the other took over', async () => {
    await pausedCatalogServer(shared, 'paused', { clients: 1, pauseAfterMs: 1000, crash: false });
  });
});
