import assert from 'node:assert/strict';
import { it } from 'node:test';
import { testLake } from '../../../test/support/lake.js';
import type { Needle } from '../session.js';

it('leaves out the row groups that can not have the words, and no others', async () => {
  const lake = await testLake({}, 'one commit');
  try {
    const groups = 5;
    await lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '0')`);
    await lake.connection.run(
      `INSERT INTO lake.main.logs (timestamp, time_unix_nano, service_name, body)
       SELECT make_timestamp(1772000000000000 + i), (1772000000000000 + i) * 1000, 's',
         CASE WHEN i // 2048 IN (1, 2, 4) AND i % 2048 = 7 THEN 'the Needle of group ' || i // 2048
           WHEN i % 1000 = 0 THEN NULL ELSE 'nothing of ' || i END
       FROM range(${groups} * 2048) t(i)`,
    );
    await lake.compact('logs');
    const ask = (words: readonly (readonly Needle[])[]) =>
      lake.cached.run('loki', new AbortController().signal, async ({ session }) => {
        const request = { table: 'logs', from: 0n, until: 2n ** 62n, keys: [], words } as const;
        const from = (await session.rowsOf?.(request)) ?? null;
        const rows = await session.rows(
          `SELECT count(*) FILTER (contains(lower(body), 'needle'))::INTEGER AS found, count(*)::INTEGER AS n
           FROM ${from ?? 'lake.logs'}`,
        );
        const left =
          /: (\d+) of (\d+) row groups/
            .exec(from ?? '')
            ?.slice(1)
            .map(Number) ?? null;
        return { left, ...rows[0] };
      });
    const all = groups * 2048;
    await ask([[{ text: 'needle' }]]);
    await lake.cache.settled();
    assert.deepEqual(await ask([[{ text: 'needle' }]]), { left: [2, groups], found: 3, n: 3 * 2048 });
    assert.deepEqual(await ask([[{ text: 'eedl' }], [{ text: ' group ' }]]), {
      left: [2, 5],
      found: 3,
      n: 3 * 2048,
    });
    assert.deepEqual(await ask([[{ text: 'nowhere' }]]), { left: [5, 5], found: 0, n: 0 });
    assert.deepEqual(await ask([[{ text: 'nowhere' }, { text: 'nothing' }]]), {
      left: null,
      found: 3,
      n: all,
    });
    assert.deepEqual(await ask([[{ text: '=>' }]]), { left: null, found: 3, n: all });
    const spread = (text: string) =>
      lake.cached.run('loki', new AbortController().signal, async ({ session }) => {
        const request = { table: 'logs', from: 0n, until: 2n ** 62n, keys: [], words: [[{ text }]] } as const;
        return session.spread?.(request);
      });
    const first = 1_772_000_000_000_000_000n;
    const last = first + BigInt(all - 1) * 1000n;
    assert.deepEqual(await spread('needle'), [{ first, last, groups: 1 }]);
    assert.deepEqual(await spread('nowhere'), []);
  } finally {
    await lake.close();
  }
});
