import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { options } from '../bench/options.js';
import { skipWithoutPostgres, startPostgres } from '../test/support/postgres.js';
import { eventually, temporaryFolder, type TestServer } from '../test/support/server.js';
import { cannotFakeTime, FakedClock } from './clock/faked.js';
import { contradictionOf, nodesApart, rowsIn, sendRows } from './clock/nodes.js';

options(
  'npm run drill:clock',
  `Starts and runs servers under wrong wall clocks (libfaketime) and counts rows after each: one server on a catalog file, then
three nodes on a PostgreSQL catalog of which one is wrong.`,
  {},
);

const dayMs = 86_400_000;
const impossible = cannotFakeTime();
if (impossible !== false) {
  console.error(impossible);
  process.exit(2);
}

const folder = await temporaryFolder();
const clock = await FakedClock.in(folder);
const start = () => clock.start(join(folder, 'data'));
let expected = 1000;
let server: TestServer | null = null;
try {
  server = await start();
  await sendRows(server, expected, Date.now());
  const at = server;
  await eventually(async () => ((await rowsIn(at)) === expected ? true : undefined), 60_000);
  for (const [name, text, wanted] of [
    ['starts 30 days ahead', '+30d', 'ahead'],
    ['starts 400 days ahead', '+400d', 'ahead'],
    ['starts 2 days behind', '-2d', 'behind'],
    ['starts right again', '+0', null],
  ] as const) {
    await server.stop();
    await clock.set(text);
    server = await start();
    await sleep(6000);
    assert.equal(await contradictionOf(server), wanted, name);
    assert.equal(await rowsIn(server), expected, name);
    console.log(`${name}: ${wanted ?? 'agrees'}, ${expected} rows`);
  }
  await clock.set('+400d');
  await sleep(9000);
  assert.equal(await contradictionOf(server), 'ahead');
  await clock.set('+0');
  await sleep(3000);
  assert.equal(await contradictionOf(server), null);
  assert.equal(await rowsIn(server), expected);
  console.log(`runs 400 days ahead for 9 s: ${expected} rows`);
  await server.stop();
  await clock.set('+10d');
  server = await start();
  assert.equal(await contradictionOf(server), 'ahead');
  await sendRows(server, 100, Date.now() + 10 * dayMs);
  expected += 100;
  const last = server;
  await eventually(async () => ((await contradictionOf(last)) === null ? true : undefined), 60_000);
  await sleep(3000);
  assert.equal(await rowsIn(server), expected);
  console.log(`was off for ten days, then fresh telemetry: agrees, ${expected} rows`);
  await server.stop();
  if (skipWithoutPostgres() === false) {
    const postgres = await startPostgres();
    try {
      const nodes = join(folder, 'nodes');
      await mkdir(nodes);
      const offsets = [
        ['+400d', 'ahead'],
        ['-2d', 'behind'],
        ['+10d', 'ahead'],
        ['-400d', 'behind'],
      ] as const;
      const catalog = { CANARDSTACK_POSTGRES_DSN: postgres.dsn };
      for (const line of await nodesApart(nodes, catalog, offsets)) console.log(line);
    } finally {
      await postgres.stop();
    }
  } else console.log(`several nodes: ${skipWithoutPostgres()}`);
} finally {
  await server?.kill();
  await rm(folder, { recursive: true, force: true });
}
