import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../../../test/support/server.js';
import { literal, openDatabase } from '../../../duckdb/index.js';
import { Sorter } from './sorter.js';

const MiB = 1024 * 1024;
const columns = [{ name: 'text', type: 'VARCHAR' }] as const;
const layout = { orderBy: () => ['text'], rowGroupRows: 20_480, dictionaryLimit: 1, level: 1 };

describe('memory of a sort', () => {
  it('is more for rows that it does not suffice for, and then no more than before', async () => {
    const folder = await temporaryFolder();
    const database = await openDatabase({ threads: '1' });
    const { connection } = await database.connect();
    const input = join(folder, 'input.parquet');
    const rows = `SELECT repeat('x', 500) || hash(i) AS text FROM range(100000) r(i)`;
    await connection.run(`COPY (${rows}) TO ${literal(input)} (FORMAT parquet)`);
    const open = (memoryLimitBytes: number, mostMemoryBytes: number) =>
      Sorter.open({ memoryLimitBytes, mostMemoryBytes, temporary: join(folder, 'sort') });
    const short = await open(8 * MiB, 9 * MiB);
    const spared = await open(8 * MiB, 256 * MiB);
    try {
      await assert.rejects(
        short.sort([input], join(folder, 'short.parquet'), columns, layout),
        /Out of Memory/,
      );
      const output = join(folder, 'output.parquet');
      for (let i = 0; i < 2; i++) assert.equal(await spared.sort([input], output, columns, layout), 100_000);
      const same = `SELECT count(*) FROM (FROM ${literal(input)} EXCEPT ALL FROM ${literal(output)})`;
      assert.deepEqual((await connection.runAndReadAll(same)).getRows(), [[0n]]);
    } finally {
      for (const sorter of [short, spared]) sorter.close();
      connection.closeSync();
      database.instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
