/** Starts and runs a server under wrong wall clocks (libfaketime) and counts rows after each. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logsRequest } from '../test/support/otlp.js';
import { eventually, sql, startServer, temporaryFolder, type TestServer } from '../test/support/server.js';

const library =
  process.env['LIBFAKETIME'] ??
  `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketimeMT.so.1`;
const dayMs = 86_400_000;

if (!existsSync(library)) {
  console.error(`${library} is not there: apt-get install libfaketime, or name it by LIBFAKETIME`);
  process.exit(2);
}

const folder = await temporaryFolder();
const offset = join(folder, 'offset');
const set = (text: string) => writeFile(offset, `${text}\n`);
const start = () =>
  startServer({
    dataDir: join(folder, 'data'),
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      CANARDSTACK_DUCKLAKE_MAINTENANCE_ENABLED: 'true',
      CANARDSTACK_CHECKPOINT_INTERVAL_SECS: '1',
      CANARDSTACK_SNAPSHOT_RETENTION_SECS: '1',
    },
  });
const rows = async (server: TestServer) =>
  Number((await sql(server, 'SELECT count(*) AS n FROM lake.logs'))[0]?.['n']);
const kind = async (server: TestServer) => {
  const response = await fetch(`${server.url}/api/admin/maintenance/clock`);
  return ((await response.json()) as { contradiction: { kind: string } | null }).contradiction?.kind ?? null;
};
const send = async (server: TestServer, count: number, atMs: number) => {
  const records = Array.from({ length: count }, (_, i) => ({
    timeNs: BigInt(atMs) * 1_000_000n,
    body: `row ${i}`,
  }));
  const response = await fetch(`${server.url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: logsRequest({ 'service.name': 'drill' }, records),
  });
  assert.equal(response.status, 200, await response.text());
};

let expected = 1000;
let server: TestServer | null = null;
try {
  await set('+0');
  server = await start();
  await send(server, expected, Date.now());
  const at = server;
  await eventually(async () => ((await rows(at)) === expected ? true : undefined), 60_000);
  for (const [name, text, wanted] of [
    ['starts 30 days ahead', '+30d', 'ahead'],
    ['starts 400 days ahead', '+400d', 'ahead'],
    ['starts 2 days behind', '-2d', 'behind'],
    ['starts right again', '+0', null],
  ] as const) {
    await server.stop();
    await set(text);
    server = await start();
    await sleep(6000);
    assert.equal(await kind(server), wanted, name);
    assert.equal(await rows(server), expected, name);
    console.log(`${name}: ${wanted ?? 'agrees'}, ${expected} rows`);
  }
  await set('+400d');
  await sleep(9000);
  assert.equal(await kind(server), 'ahead');
  await set('+0');
  await sleep(3000);
  assert.equal(await kind(server), null);
  assert.equal(await rows(server), expected);
  console.log(`runs 400 days ahead for 9 s: ${expected} rows`);
  await server.stop();
  await set('+10d');
  server = await start();
  assert.equal(await kind(server), 'ahead');
  await send(server, 100, Date.now() + 10 * dayMs);
  expected += 100;
  const last = server;
  await eventually(async () => ((await kind(last)) === null ? true : undefined), 60_000);
  await sleep(3000);
  assert.equal(await rows(server), expected);
  console.log(`was off for ten days, then fresh telemetry: agrees, ${expected} rows`);
} finally {
  await server?.kill();
  await rm(folder, { recursive: true, force: true });
}
