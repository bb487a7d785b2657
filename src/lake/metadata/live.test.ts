import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { flushInlined } from '../../../test/support/flush.js';
import { FileLists } from './live.js';

describe('lists of files', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
  });
  after(() => lake.close());
  const run = async (sql: string) => (await lake.connection.runAndReadAll(sql)).getRows();

  it('are those of DuckLake, whatever was done to the table', async () => {
    const [[id] = []] = await run(
      `SELECT table_id::VARCHAR FROM ducklake_table_info('lake') WHERE table_name = 'logs'`,
    );
    const [own, ducklake] = [new FileLists('here'), new FileLists('postgres')];
    const states: (() => Promise<unknown>)[] = [
      ...[1, 2].map(() => () => insert(lake)),
      () => run(`DELETE FROM lake.main.logs WHERE service_name = 's1'`),
      () => insert(lake),
      () => flushInlined(lake.connection),
      () => run(`CALL ducklake_merge_adjacent_files('lake')`),
      () => lake.compact('logs'),
    ];
    let asked = 0;
    for (const [i, state] of states.entries()) {
      await state();
      const [[snapshot] = []] = await run(`SELECT id FROM ducklake_current_snapshot('lake')`);
      const list = async (lists: FileLists) => {
        const counted = (sql: string) => {
          if (lists === own && sql.includes('ducklake_list_files')) asked++;
          return run(sql);
        };
        const { sizes, touched, inlined, inlinedTables } = await lists.of(
          ...(['logs', id as string, snapshot as bigint, counted] as const),
        );
        return { sizes, touched, inlined, inlinedTables: inlinedTables.toSorted() };
      };
      assert.deepEqual(await list(own), await list(ducklake), `state ${i}`);
    }
    assert.equal(asked, 1, 'DuckLake is asked once for its folder');
  });
});

async function insert(lake: TestLake): Promise<void> {
  const rows = Array.from({ length: 20 }, (_, i) => ({
    timestamp: `2026-03-0${1 + (i % 3)} 00:00:0${i % 10}`,
    time_unix_nano: BigInt(i),
    service_name: `s${i % 4}`,
    body: 'a line',
  }));
  await lake.insert('logs', rows);
}
