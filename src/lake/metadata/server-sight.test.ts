import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../test/support/promql.js';
import { quackCatalog, type SharedCatalog } from '../../../test/support/shared-catalog.js';
import type { TableName } from '../../schema/index.js';
import { newKept } from './kept.js';
import { ServerSight } from './server-sight.js';

let catalog: SharedCatalog;
let lake: TestLake;
before(async () => {
  catalog = await quackCatalog();
  lake = await testLake({}, 'one commit', 0, catalog);
});
after(async () => {
  await lake.close();
  await catalog.stop();
});

it('tells of a table as it is in the newest snapshot, or that there is a newer one', async () => {
  const reader = await lake.connect(true);
  const run = async (sql: string) => (await reader.runAndReadAll(sql)).getRows();
  const ids = new Map(
    (await run(`SELECT table_id::VARCHAR, table_name FROM ducklake_table_info('lake')`)) as [
      string,
      TableName,
    ][],
  );
  const kept = newKept(0, ids, Promise.resolve(), 0, 'quack');
  const sight = new ServerSight();
  const inlining = (limit: number) =>
    lake.connection.run(`SET SESSION ducklake_default_data_inlining_row_limit = ${limit}`);
  const commit = () =>
    lake.insert(
      'metric_gauge',
      [1, 2].map((value) => ({ ...metricPoint(scriptStart, 'g'), value })),
    );
  const seen = async (snapshot: bigint, since: bigint | null = null) => {
    const table = await sight.table(kept, 'metric_gauge', snapshot, since, run);
    if (table === 'newer' || table === null) return table;
    const { live, fresh } = table;
    const [renamed, deletions] = [await table.hasRenamed(), await table.hasDeletions()];
    return {
      files: live.sizes.size,
      touched: live.touched.size,
      inlined: live.inlined,
      fresh,
      renamed,
      deletions,
    };
  };
  const told = { files: 0, touched: 0, inlined: 0, fresh: 0, renamed: false, deletions: false };

  await inlining(1000);
  await commit();
  const first = await sight.begin(kept, false, run);
  assert.deepEqual(await seen(first), { ...told, inlined: 2, fresh: 2 });
  await commit();
  assert.equal(await seen(first), 'newer');
  const second = await sight.begin(kept, false, run);
  assert.deepEqual(await seen(second, first), { ...told, inlined: 4, fresh: 2 });

  await lake.connection.run('DELETE FROM lake.main.metric_gauge WHERE value = 1');
  const third = await sight.begin(kept, false, run);
  assert.deepEqual(await seen(third, second), { ...told, inlined: 2, fresh: 0 });

  await inlining(0);
  await commit();
  const fourth = await sight.begin(kept, false, run);
  // Where its files are, only DuckLake has told.
  assert.equal(await seen(fourth), null);
  await kept.lists.of('metric_gauge', [...ids].find(([, name]) => name === 'metric_gauge')?.[0], fourth, run);
  assert.deepEqual(await seen(fourth, third), { ...told, files: 1, inlined: 2, fresh: 0 });

  await inlining(1000);
  await lake.connection.run('DELETE FROM lake.main.metric_gauge WHERE value = 1');
  const fifth = await sight.begin(kept, false, run);
  assert.deepEqual(await seen(fifth, fourth), { ...told, files: 1, inlined: 2, fresh: 0, deletions: true });
  reader.closeSync();
});
