import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { countedStreams } from '../../../test/support/counted-streams.js';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { unreadRows } from './unread-files.js';

let lake: TestLake;
before(async () => {
  lake = await testLake();
  await lake.insert('logs', [
    { timestamp: '2026-01-01 00:00:00', time_unix_nano: 1_767_225_600_000_000_000n },
  ]);
});
after(() => lake.close());

/** A file of a line of each of so many services, of names of `chars` characters. */
async function file(name: string, services: number, chars: number): Promise<string> {
  const path = join(lake.folder, `${name}.parquet`);
  await lake.connection.run(
    `COPY (SELECT * REPLACE (lpad(i::VARCHAR, ${chars}, '0') AS service_name) FROM ` +
      `(FROM lake.main.logs WHERE time_unix_nano IS NOT NULL LIMIT 1), (SELECT i FROM range(${services}) r(i))) TO '${path}' (FORMAT parquet)`,
  );
  return path;
}

async function asked(where: string, paths: readonly string[]): Promise<[rows: number, statements: number]> {
  const question = { kind: 'log_streams', columns: ['service_name'], where } as const;
  const [rows, statements] = await countedStreams(lake, (session) => unreadRows(session, question, paths));
  return [rows?.length ?? -1, statements];
}

it('reads no file again where a window is wide and narrow in turn', async () => {
  const paths = await Promise.all(['a', 'b', 'c'].map((name) => file(name, 10, 5)));
  assert.deepEqual(await asked('TRUE', paths), [30, 1]);
  assert.deepEqual(await asked('TRUE', paths.slice(2)), [10, 0]);
  assert.deepEqual(await asked('TRUE', paths), [30, 0]);
});

it('keeps no more characters than it should', async () => {
  for (let i = 0; i < 8; i++) {
    const path = await file(`wide-${i}`, 1000, 4000);
    assert.deepEqual(await asked(`service_name <> 'wide'`, [path]), [1000, 1]);
    assert.deepEqual(await asked(`service_name <> 'wide'`, [path]), [1000, 0]);
  }
  assert.deepEqual(await asked(`service_name <> 'wide'`, [join(lake.folder, 'wide-0.parquet')]), [1000, 1]);
});

it('reads files that have too many rows together once for as many, and each of them for fewer', async () => {
  const [a, b, c] = await Promise.all(['x', 'y', 'z'].map((name) => file(name, 60_000, 6)));
  assert.ok(a && b && c);
  const together = `service_name <> 'together'`;
  assert.deepEqual(await asked(together, [a, b]), [-1, 1]);
  assert.deepEqual(await asked(together, [a, b]), [-1, 0]);
  assert.deepEqual(await asked(together, [c, b, a]), [-1, 0]);
  assert.deepEqual(await asked(together, [a]), [60_000, 1]);
  assert.deepEqual(await asked(together, [a]), [60_000, 0]);
  assert.deepEqual(await asked(together, [b]), [60_000, 1]);
  assert.deepEqual(await asked(together, [b, a]), [-1, 0]);
});
