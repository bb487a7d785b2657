import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rowsOf } from '../support/open-lake.js';
import { keepsDeletions, losesNothing } from './cases.js';
import { commit, lakeOfSuite, position } from './flushed-lake.js';

describe('the flush of inlined rows on a catalog server', () => {
  const made = lakeOfSuite('quack');

  losesNothing('quack', made);

  keepsDeletions(made);

  it("is refused when it is DuckLake's own, over Quack, and takes nothing away", async () => {
    await made().opened(async (lake) => {
      const first = await position(lake);
      await commit(lake, first);
      const count = async () =>
        Number((await rowsOf(lake, 'SELECT count(body) n FROM lake.main.logs'))[0]?.['n']);
      const there = await count();
      await lake.withConnection(async (connection) => {
        await connection.run('BEGIN');
        await assert.rejects(
          connection.run(
            `CALL ducklake_flush_inlined_data('lake', schema_name => 'main', table_name => 'logs')`,
          ),
          /not authorized|Authorization failed/i,
        );
        await connection.run('ROLLBACK');
      });
      assert.equal(await count(), there);
    });
  });
});
