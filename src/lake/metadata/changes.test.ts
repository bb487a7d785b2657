import assert from 'node:assert/strict';
import { it } from 'node:test';
import { testLake } from '../../../test/support/lake.js';
import { flushInlined } from '../../../test/support/flush.js';
import { beginAt } from './changes.js';

it('begins where the tables of the catalog and DuckLake see one snapshot, whatever is flushed afterwards', async () => {
  const lake = await testLake({}, 'one commit');
  const reader = await lake.connect();
  const run = async (sql: string) => (await reader.runAndReadAll(sql)).getRows();
  try {
    await lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '100')`);
    const rows = Array.from({ length: 20 }, (_, i) => ({
      timestamp: '2026-03-01 00:00:00',
      time_unix_nano: BigInt(i),
      service_name: 's',
    }));
    await lake.insert('logs', rows);
    const [[inlined] = []] = await run(
      `SELECT table_name FROM __ducklake_metadata_lake.ducklake_inlined_data_tables i
       WHERE table_id = (SELECT table_id FROM ducklake_table_info('lake') WHERE table_name = 'logs')`,
    );
    const { snapshot } = await beginAt(null, 'here', run);
    await run('ROLLBACK');
    // Nothing has changed since, so that no other statement reads the catalog's tables.
    assert.equal((await beginAt(snapshot, 'here', run)).snapshot, snapshot);
    await flushInlined(lake.connection);
    const counted = await run(
      `SELECT (SELECT count(*) FROM __ducklake_metadata_lake.${String(inlined)} WHERE end_snapshot IS NULL),
         (SELECT count(*) FROM lake.main.logs)`,
    );
    assert.deepEqual(counted, [[20n, 20n]]);
  } finally {
    reader.closeSync();
    await lake.close();
  }
});
