import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { columnBatch } from '../../test/support/batch.js';
import { temporaryFolder } from '../../test/support/server.js';
import { FileSync, daysOf } from './file-sync.js';

const day = 86_400_000;
const midnight = Date.UTC(2025, 10, 24);

describe('files to sync before a commit', () => {
  it('are each synced once, in the folders of the given days or in all', async () => {
    const root = await temporaryFolder();
    const folder = (date: string) => join(root, 'main', 'logs', ...date.split('/'));
    const of = async (date: string, ...names: string[]) => {
      await mkdir(folder(date), { recursive: true });
      for (const name of names) await writeFile(join(folder(date), name), name);
    };
    await of('year=2025/month=11/day=24', 'a.parquet', 'b.parquet');
    await of('year=2025/month=11/day=25', 'c.parquet');
    const files = new FileSync(`${root}/`);
    assert.equal(await files.table('logs', [midnight]), 2);
    assert.equal(await files.table('logs', [midnight]), 0);
    await of('year=2025/month=11/day=24', 'd.parquet');
    assert.equal(await files.table('logs', [midnight, midnight + 5 * day]), 1);
    assert.equal(await files.table('logs', null), 1);
    assert.equal(await files.table('spans', null), 0);
    await rm(root, { recursive: true });
  });

  it('lie in the folders of the days that the rows may belong to', () => {
    const days = (...ms: number[]) => {
      const batch = columnBatch({ logs: ms.map((at) => ({ timestamp: at * 1000 })) });
      return daysOf([batch], 'logs', 0);
    };
    for (const at of [0, 1, day / 2, day - 1]) assert.ok(days(midnight + at)?.includes(midnight), `${at}`);
    const two = days(midnight + 1000, midnight + day + 1000);
    assert.ok(two?.includes(midnight) && two.includes(midnight + day));
    assert.ok(days(-1)?.includes(-day));
    assert.ok((days(midnight + day / 2)?.length ?? 9) <= 2);
    assert.equal(days(midnight, midnight + 30 * day), null);
    assert.deepEqual(daysOf([columnBatch({ logs: [{ timestamp: 1 }] })], 'spans', 0), []);
    assert.equal(daysOf([columnBatch({ logs: [{ body: 'no time' }] })], 'logs', 0), null);
  });
});
