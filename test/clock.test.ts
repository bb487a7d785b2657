import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { cannotFakeTime } from '../drill/clock/faked.js';
import { nodesApart } from '../drill/clock/nodes.js';
import { skipWithoutPostgres, startPostgres } from './support/postgres.js';
import { temporaryFolder } from './support/server.js';

describe('a node whose wall clock is wrong', { skip: cannotFakeTime() || skipWithoutPostgres() }, () => {
  it('deletes nothing of a shared lake, stops no other, and is told of by all', async () => {
    const folder = await temporaryFolder();
    const postgres = await startPostgres();
    try {
      const catalog = { CANARDSTACK_POSTGRES_DSN: postgres.dsn };
      const offsets = [
        ['+400d', 'ahead'],
        ['-2d', 'behind'],
      ] as const;
      await nodesApart(folder, catalog, offsets, 2);
    } finally {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
