import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../test/support/promql.js';
import { loadUnit } from '../samples/load.js';
import { addFile, createTables, Gone, setsTable } from './store.js';

describe('data files that the table has no more', () => {
  const kind = 'metric_gauge';
  let lake: TestLake;
  let connection: DuckDBConnection;
  const texts = async (sql: string) =>
    (await connection.runAndReadAll(sql)).getRows().map(([text]) => String(text));
  const files = () =>
    texts(`SELECT data_file FROM ducklake_list_files('lake', '${kind}', schema => 'main') ORDER BY 1`);

  before(async () => {
    lake = await testLake({}, 'one commit', 0);
    connection = await lake.connect();
    await createTables(connection);
    await lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '0')`);
    for (const at of [1, 2, 3])
      await lake.insert(kind, [
        { ...metricPoint(scriptStart + at * 1000, 'g', { route: `/${at}` }), value: at },
      ]);
  });

  after(async () => {
    connection.closeSync();
    await lake.close();
  });

  it('are not kept as files of no rows, nor their samples as none', async () => {
    const [first = '', second = '', ...others] = await files();
    assert.equal(others.length, 1);
    const { entries, first: time } = await addFile(
      connection,
      { kind, path: first, file: 1, lastId: 0 },
      100,
    );
    assert.equal(entries, 1);
    const unit = () =>
      loadUnit(connection, { kind, file: 1, path: first, first: time }, { name: 'g', part: 'value' }, 100);
    assert.notEqual(await unit(), null);
    await lake.connection.run(`CALL ducklake_merge_adjacent_files('lake')`);
    assert.equal((await files()).length, 1);
    assert.equal(await unit(), null);
    await assert.rejects(addFile(connection, { kind, path: second, file: 2, lastId: 1 }, 100), Gone);
    assert.deepEqual(await texts(`SELECT count(*) FROM ${setsTable(kind)}`), ['1']);
  });
});
