import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { RunSql } from '../run-sql.js';
import { testLake } from '../../../test/support/lake.js';

it('looks again when the first looks end in another order than commits came', async () => {
  const lake = await testLake({}, 'one commit');
  const reader = await lake.connect(true);
  let statements = 0;
  const run = async (sql: string) => {
    statements++;
    return (await reader.runAndReadAll(sql)).getRows();
  };
  const request = { kinds: [], from: 0n, until: 1n, samples: false };
  /** A question whose look at the newest snapshot has its answer, which comes when it is let go. */
  const reads = (run: RunSql) => ({
    run,
    chunks: () => Promise.reject(new Error('no rows are to be read')),
    stopped: () => false,
  });
  const asked = async () => {
    let hasRead = (): void => undefined;
    let letGo = (): void => undefined;
    const read = new Promise<void>((resolve) => (hasRead = resolve));
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const held = async (sql: string) => {
      const rows = await run(sql);
      hasRead();
      await gate;
      return rows;
    };
    const answer = lake.cache.series(request, reads(held), { generation: null }, () => undefined);
    await Promise.race([read, answer]);
    return () => {
      letGo();
      return answer;
    };
  };
  const looks = async () => {
    const before = statements;
    await lake.cache.series(request, reads(run), { generation: null }, () => undefined);
    return statements > before;
  };
  try {
    const first = await asked();
    await lake.insert('logs', [{ timestamp: '2026-03-01 00:00:00', time_unix_nano: 1n, service_name: 's' }]);
    const second = await asked();
    await first();
    await second();
    assert.equal(await looks(), true);
    assert.equal(await looks(), false);
  } finally {
    reader.closeSync();
    await lake.close();
  }
});
