import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { testLake } from '../../../test/support/lake.js';
import { CatalogFiles } from './catalog-files.js';

it('what the catalog tells of new files stays known when an older list of files is asked for', async () => {
  const lake = await testLake({}, 'one commit');
  try {
    await lake.connection.run('SET SESSION ducklake_default_data_inlining_row_limit = 0');
    await lake.insert('logs', [
      { timestamp: '2026-01-01 00:00:00', time_unix_nano: 1_767_225_600_000_000_000n, body: 'a line' },
    ]);
    const rows = async (sql: string) => (await lake.connection.runAndReadAll(sql)).getRows();
    const list = async () =>
      (await rows(`SELECT data_file FROM ducklake_list_files('lake', 'logs', schema => 'main')`)).map(
        ([path]) => String(path),
      );
    const [first = ''] = await list();
    const id = await rows(
      `SELECT table_id FROM __ducklake_metadata_lake.ducklake_table WHERE table_name = 'logs' AND end_snapshot IS NULL`,
    );
    const files = new CatalogFiles();
    const known = async (paths: readonly string[]) =>
      (await files.of('logs', String(id[0]?.[0]), paths, rows)).size;
    const add = async (name: string, count: number) => {
      const copy = (i: number | string) => join(dirname(first), `${name}-${i}.parquet`);
      for (let i = 0; i < count; i++) await copyFile(first, copy(i));
      await lake.connection.run(
        `CALL ducklake_add_data_files('lake', 'logs', '${copy('*')}', schema => 'main', hive_partitioning => true)`,
      );
    };
    await add('older', 10);
    const older = await list();
    await add('newer', 150);
    const newer = await list();
    const count = await known(newer);
    assert.ok(count >= 150, `${count}`);
    assert.ok((await known(older)) >= 10);
    assert.equal(await known(newer), count);
    // What is left of the list stays, and no more.
    await known(newer.slice(-1));
    assert.ok((await known(newer)) < 10);
  } finally {
    await lake.close();
  }
});
