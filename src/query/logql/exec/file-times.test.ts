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

async function asked(where: string, paths: readonly string[]): Promise<Answer> {
  const [found, statements] = await countedStreams(lake, (session) =>
    timesOfFiles(session, { columns: ['body'], where }, paths),
  );
  return { lines: found && found.reduce((sum, { times }) => sum + times.length, 0), statements };
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
