import assert from 'node:assert/strict';
import { it } from 'node:test';
import { testLake, type TestLake } from '../../../test/support/lake.js';
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
        const files = await session.spread?.(request);
        return files?.map(({ first, last, groups }) => ({ first, last, groups }));
      });
    const first = 1_772_000_000_000_000_000n;
    const last = first + BigInt(all - 1) * 1000n;
    assert.deepEqual(await spread('needle'), [{ first, last, groups: 1 }]);
    assert.deepEqual(await spread('nowhere'), []);
  } finally {
    await lake.close();
  }
});

/** How many rows a search reads. */
function rowsRead(lake: TestLake, words: readonly (readonly Needle[])[], from = 0n, until = 2n ** 62n) {
  return lake.cached.run('loki', new AbortController().signal, async ({ session }) => {
    const request = { table: 'logs', from, until, keys: [], words, orNothing: true } as const;
    const source = (await session.rowsOf?.(request)) ?? null;
    if (source === '') return 0;
    const rows = await session.rows(`SELECT count(*)::INTEGER AS n FROM ${source ?? 'lake.logs'}`);
    return rows[0]?.['n'];
  });
}

it('leaves out files of commits that can not have the words, once they are indexed', async () => {
  const lake = await testLake({}, 'one commit');
  try {
    await lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '0')`);
    for (const name of ['first', 'second']) {
      await lake.connection.run(
        `INSERT INTO lake.main.logs (timestamp, time_unix_nano, service_name, body, trace_id, log_attributes)
         SELECT make_timestamp(1772000000000000 + i), (1772000000000000 + i) * 1000, 's', 'the ${name} of ' || i,
           md5('${name}' || i), '{"user.id":"${name}-' || i || '"}'
         FROM range(3000) t(i)`,
      );
    }
    const ask = (words: readonly (readonly Needle[])[]) => rowsRead(lake, words);
    assert.equal(await ask([[{ text: 'nowhere' }]]), 6000);
    await lake.cache.settled();
    assert.equal(await ask([[{ text: 'nowhere' }]]), 0);
    assert.equal(await ask([[{ text: ' first ' }]]), 3000);
    assert.equal(await ask([[{ text: 'the' }]]), 6000);
    const column = 'text:log_attributes:user.id';
    assert.equal(await ask([[{ text: 'second-7', column }]]), 3000);
    assert.equal(await ask([[{ text: 'third-7', column }]]), 0);
    await lake.connection.run(`DELETE FROM lake.main.logs WHERE body LIKE '% 7'`);
    assert.equal(await ask([[{ text: ' first ' }]]), 2999);
    assert.equal(await ask([[{ text: 'nowhere' }]]), 0);
    await lake.connection.run(`UPDATE lake.main.logs SET body = 'nowhere' WHERE body LIKE '% 8'`);
    assert.ok(Number(await ask([[{ text: 'nowhere' }]])) >= 2, 'rows of a new file');
  } finally {
    await lake.close();
  }
});

it('indexes files of commits alone, and those that have rows of the window', async () => {
  const lake = await testLake({}, 'one commit');
  try {
    await lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '0')`);
    const [rows, start] = [3000, 1_772_000_000_000_000];
    const insert = (at: number) =>
      lake.connection.run(
        `INSERT INTO lake.main.logs (timestamp, time_unix_nano, service_name, body)
         SELECT make_timestamp(${at} + i), (${at} + i) * 1000, 's', 'line ' || i FROM range(${rows}) t(i)`,
      );
    await insert(start);
    await lake.compact('logs');
    // So it is not known what the file has.
    await lake.connection.run(`DELETE FROM lake.main.logs WHERE body = 'line 7'`);
    const later = start + rows;
    await insert(later);
    await insert(later + rows);
    const nowhere = [[{ text: 'nowhere' }]];
    const until = BigInt(later + rows) * 1000n;
    assert.equal(await rowsRead(lake, nowhere, 0n, until), 3 * rows - 1);
    await lake.cache.settled();
    assert.equal(await rowsRead(lake, nowhere), 2 * rows - 1, 'one is of the window');
    await lake.cache.settled();
    assert.equal(await rowsRead(lake, nowhere), rows - 1, 'the compacted one is read');
  } finally {
    await lake.close();
  }
});
