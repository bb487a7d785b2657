import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { countedStreams } from '../../../../test/support/counted-streams.js';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { timesOfFiles } from './file-times.js';

let lake: TestLake;
before(async () => {
  lake = await testLake();
});
after(() => lake.close());

/** A file of lines whose bodies differ, each of `chars` characters. */
async function file(name: string, lines: number, chars: number): Promise<string> {
  const path = join(lake.folder, `${name}.parquet`);
  await lake.connection.run(
    `COPY (SELECT lpad(i::VARCHAR, ${chars}, '0') AS body, i * 1000000 AS time_unix_nano FROM range(${lines}) r(i)) TO '${path}' (FORMAT parquet)`,
  );
  return path;
}

interface Answer {
  /** Null: refused. */
  readonly lines: number | null;
  readonly statements: number;
}

async function asked(where: string, paths: readonly string[], each = 10): Promise<Answer> {
  const files = paths.map((path) => ({ path, lines: each }));
  const [found, statements] = await countedStreams(lake, (session) =>
    timesOfFiles(session, { columns: ['body'], where }, files),
  );
  const lines = found && found.reduce((sum, { counts }) => counts.reduce((n, count) => n + count, sum), 0);
  return { lines, statements };
}

it('reads no file again where a window is wide and narrow in turn', async () => {
  const paths = await Promise.all(['a', 'b', 'c'].map((name) => file(name, 10, 5)));
  assert.deepEqual(await asked('TRUE', paths), { lines: 30, statements: 1 });
  assert.deepEqual(await asked('TRUE', paths.slice(2)), { lines: 10, statements: 0 });
  assert.deepEqual(await asked('TRUE', paths), { lines: 30, statements: 0 });
});

it('leaves lines to others that are told apart by long values, or by much together', async () => {
  const long = await file('long', 1, 5000);
  assert.deepEqual(await asked(`body <> 'long'`, [long]), { lines: null, statements: 1 });
  // Not even asked.
  assert.deepEqual(await asked(`body <> 'long'`, [long]), { lines: null, statements: 0 });
  const much = await file('much', 2001, 4000);
  assert.deepEqual(await asked(`body <> 'much'`, [much]), { lines: null, statements: 1 });
});

it('keeps no more characters than it should', async () => {
  for (let i = 0; i < 6; i++) {
    const path = await file(`wide-${i}`, 1900, 4000);
    assert.deepEqual(await asked(`body <> 'wide'`, [path]), { lines: 1900, statements: 1 });
    assert.deepEqual(await asked(`body <> 'wide'`, [path]), { lines: 1900, statements: 0 });
  }
  assert.deepEqual(await asked(`body <> 'wide'`, [join(lake.folder, 'wide-0.parquet')]), {
    lines: 1900,
    statements: 1,
  });
});

it('reads no more lines at once than it should', async () => {
  const paths = await Promise.all(['d', 'e', 'f', 'g'].map((name) => file(name, 10, 5)));
  assert.deepEqual(await asked(`body <> 'large'`, paths, 900_000), { lines: 40, statements: 2 });
  assert.deepEqual(await asked(`body <> 'larger'`, paths, 1_900_000), { lines: 40, statements: 4 });
});

it('keeps no more of one question than leaves place for others', async () => {
  const many = await Promise.all(
    Array.from({ length: 11 }, async (_, i) => {
      const path = join(lake.folder, `many-${i}.parquet`);
      await lake.connection.run(
        `COPY (SELECT 'x' AS body, i * 1000000 AS time_unix_nano FROM range(200000) r(i)) TO '${path}' (FORMAT parquet)`,
      );
      return path;
    }),
  );
  const ten = many.slice(0, 10);
  assert.deepEqual(await asked(`body <> 'many'`, ten, 200_000), { lines: 2_000_000, statements: 1 });
  assert.deepEqual(await asked(`body <> 'many'`, many, 200_000), { lines: null, statements: 1 });
  assert.deepEqual(await asked(`body <> 'many'`, many, 200_000), { lines: null, statements: 0 });
});

it('counts the lines of each millisecond, of whatever time', async () => {
  const path = join(lake.folder, 'alike.parquet');
  await lake.connection.run(
    `COPY (SELECT body, unnest(ns)::BIGINT AS time_unix_nano FROM (VALUES ('a', [0, 1, 1000000, 1000001, 5000000000]), ('b', [3999999999999999999, 3999999999999999998])) t(body, ns))
     TO '${path}' (FORMAT parquet)`,
  );
  const [found] = await countedStreams(lake, (session) =>
    timesOfFiles(session, { columns: ['body'], where: `body <> 'alike'` }, [{ path, lines: 7 }]),
  );
  const plain = (found ?? []).map(({ values, base, times, counts }) => [
    values[0],
    [...times].map((time, i) => [base + time, counts[i]]),
  ]);
  assert.deepEqual(
    new Map(plain as [string, number[][]][]),
    new Map([
      [
        'a',
        [
          [0, 1],
          [1, 2],
          [2, 1],
          [5000, 1],
        ],
      ],
      ['b', [[4000000000000, 2]]],
    ]),
  );
});
