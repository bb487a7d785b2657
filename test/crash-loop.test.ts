import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { randomNumbers } from './support/random.js';
import { crashLoop } from '../drill/crashloop/round.js';
import { logsRequest } from './support/otlp.js';
import { eventually, sql, startServer, temporaryFolder, type TestServer } from './support/server.js';
import { metricSum } from './support/metrics.js';

const main = fileURLToPath(new URL('../src/cli/bin.cjs', import.meta.url));
const segmentHeaderBytes = 128;

let dataDir: string;
beforeEach(async () => {
  dataDir = await temporaryFolder();
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

/** Sends one request of three records for a service. */
async function send(server: TestServer, id: string): Promise<void> {
  const timeNs = BigInt(Date.now()) * 1_000_000n;
  const body = logsRequest(
    { 'service.name': `service-${id}` },
    [0, 1, 2].map((i) => ({ timeNs, body: `${id}/${i}` })),
  );
  const response = await fetch(`${server.url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: new Uint8Array(body),
  });
  assert.ok(response.ok, await response.text());
}

/** Where the next record of the logs' stream will lie. */
async function head(): Promise<number> {
  const folder = join(dataDir, 'spool', 'logs');
  const newest = (await readdir(folder)).sort().at(-1) ?? '';
  return Number(newest.slice(0, 20)) + (await stat(join(folder, newest))).size - segmentHeaderBytes;
}

/** What each request is in the lake: three records, each once. */
async function present(server: TestServer): Promise<string[]> {
  await eventually(async () =>
    (await metricSum(server, 'canardstack_seal_backlog_bytes')) === 0 ? true : undefined,
  );
  const rows = await sql(
    server,
    `SELECT split_part(body, '/', 1) AS id, count(*)::INTEGER AS n, count(DISTINCT body)::INTEGER AS d
     FROM lake.logs GROUP BY 1 ORDER BY 1`,
  );
  for (const { id, n, d } of rows) assert.deepEqual([id, n, d], [id, 3, 3]);
  return rows.map(({ id }) => String(id));
}

const start = (fault?: string, more: { waitReady?: boolean; nodeArgs?: string[] } = {}) =>
  startServer({ dataDir, ...more, env: fault === undefined ? {} : { CANARDSTACK_FAULT: fault } });

/** Starts until a start does not end by itself; gives that server and how many died. */
async function startUntilReady(
  fault: string,
  nodeArgs: string[] = [],
): Promise<{ server: TestServer; died: number }> {
  for (let died = 0; died < 6; died++) {
    const server = await start(fault, { waitReady: false, nodeArgs });
    const served = eventually(async () => {
      if (!(await fetch(`${server.url}/readyz`)).ok) return undefined;
      return (await metricSum(server, 'canardstack_seal_backlog_bytes')) === 0 ? true : undefined;
    }, 40_000);
    const ended = await Promise.race([server.exited, served.then(() => null)]);
    if (ended === null) return { server, died };
    served.catch(() => undefined);
    assert.ok(ended.signal === 'SIGKILL' || ended.signal === 'SIGABRT', JSON.stringify(ended));
  }
  throw new Error('the server dies at each start');
}

async function cli(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [main, 'spool', ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], CANARDSTACK_DATA_DIR: dataDir, ...at },
  });
  const outcome = { code: null as number | null, out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (outcome.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (outcome.err += chunk.toString()));
  [outcome.code] = (await once(child, 'close')) as [number | null];
  return outcome;
}

interface Listed {
  name: string;
  deaths: number;
  start: number;
}

async function setAside(): Promise<Listed[]> {
  return (JSON.parse((await cli('list', '--json')).out) as { setAside: Listed[] }).setAside;
}

/** Of the server that the commands talk to. */
let at: Record<string, string> = {};
const talkTo = (server: TestServer) => (at = { CANARDSTACK_BIND: server.url.replace('http://', '') });

describe('a record at which the process dies each time', () => {
  it('is set aside after the second death, is shown, and comes back once', async () => {
    const first = await start();
    await send(first, 'before');
    await present(first);
    assert.equal(await first.stop(), 0);

    const fault = `seal.attempt:logs@${await head()}`;
    const dying = await start(fault);
    await Promise.all([send(dying, 'guilty'), send(dying, 'after').catch(() => undefined), dying.exited]);
    const { server, died } = await startUntilReady(fault);
    assert.equal(died, 1, 'the first death was of the process that took it in');
    talkTo(server);
    assert.ok(!(await present(server)).includes('guilty'));
    assert.equal(await metricSum(server, 'canardstack_spool_set_aside_records'), 1);
    assert.ok((await fetch(`${server.url}/readyz`)).ok);
    const health = (await (await fetch(`${server.url}/api/admin/health/ingest`)).json()) as {
      status: string;
      checks: { name: string; ok: boolean }[];
    };
    assert.equal(health.status, 'degraded');
    assert.deepEqual(
      health.checks.filter(({ ok }) => !ok).map(({ name }) => name),
      ['set_aside'],
    );

    const listed = await setAside();
    const [{ name, deaths } = { name: '', deaths: 0 }] = listed;
    assert.deepEqual([listed.length, deaths], [1, 2]);
    const shown = JSON.parse((await cli('show', name, '--json')).out) as {
      services: string[];
      cause: string;
    };
    assert.deepEqual([shown.services, shown.cause], [['service-guilty'], 'crash']);
    const to = join(dataDir, 'exported');
    assert.equal((await cli('export', name, '--to', to)).code, 0);
    assert.ok((await readFile(to)).includes('guilty/2'));
    const dry = await cli('retry', '--all', '--dry-run');
    assert.deepEqual([dry.code, dry.out], [0, `${name}: would be put back into the spool\n`]);
    assert.equal(await metricSum(server, 'canardstack_spool_set_aside_records'), 1);
    await server.stop();

    const again = await start();
    talkTo(again);
    const retried = await cli('retry', name);
    assert.deepEqual([retried.code, retried.out], [0, `${name}: committed\n`]);
    assert.ok((await present(again)).includes('guilty'));
    assert.equal(await metricSum(again, 'canardstack_spool_set_aside_records'), 0);
    assert.equal(await again.stop(), 0);
  });

  it('is set aside when it takes all the memory', async () => {
    const heap = ['--max-old-space-size=200'];
    const dying = await start('seal.attempt:logs@0:heap', { nodeArgs: heap });
    await send(dying, 'guilty');
    assert.equal((await dying.exited).signal, 'SIGABRT');
    const { server, died } = await startUntilReady('seal.attempt:logs@0:heap', heap);
    assert.equal(died, 1);
    await send(server, 'good');
    assert.deepEqual(await present(server), ['good']);
    assert.equal(await metricSum(server, 'canardstack_spool_set_aside_records'), 1);
    await server.stop();
  });

  it('is there once when the process is also killed while it sets it aside; kills again when tried again', async () => {
    const fault = 'seal.attempt:logs@0';
    const dying = await start(fault);
    await send(dying, 'guilty');
    await dying.exited;
    for (const each of [fault, 'spool.set_aside'])
      assert.equal((await (await start(each, { waitReady: false })).exited).signal, 'SIGKILL');
    at = {};
    // It lies in its stream still.
    const early = await cli('retry', '--all');
    assert.equal(early.code, 1);
    assert.match(early.err, /start the server first/);
    const server = await start(fault);
    assert.deepEqual(await present(server), []);
    await server.stop();
    const [record] = await setAside();
    const place = await head();
    const retried = await cli('retry', '--all', '--json');
    assert.deepEqual(JSON.parse(retried.out), {
      dryRun: false,
      records: [{ name: record?.name, outcome: 'waiting' }],
    });
    // With nothing sent since, it lies behind what it was.
    const next = await startUntilReady(`seal.attempt:logs@${place}`);
    assert.equal(next.died, 2);
    assert.deepEqual(await present(next.server), []);
    const again = await setAside();
    assert.deepEqual(
      again.map(({ start }) => start),
      [place],
    );
    talkTo(next.server);
    const removed = await cli('remove', '--yes', again[0]?.name ?? '');
    assert.equal(removed.code, 0, removed.err);
    assert.equal(await metricSum(next.server, 'canardstack_spool_set_aside_records'), 0);
    await next.server.stop();
  });
});

describe('several records at which the process or its database dies', () => {
  it('are set aside one by one, and all others are in the lake once', async () => {
    const seed = Number(process.env['CRASHLOOP_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    const random = randomNumbers(seed);
    const ways = ['kill', 'fatal'] as const;
    await crashLoop({ dataDir, prefix: 's', random, requests: 12, poisoned: 2, ways, otherKills: 0 }).catch(
      (error: unknown) => {
        throw new Error(`CRASHLOOP_SEED=${seed}`, { cause: error });
      },
    );
  });
});

describe('the commands', () => {
  it('say what is wrong', async () => {
    await mkdir(join(dataDir, 'spool', 'poison'), { recursive: true });
    at = {};
    for (const [args, code, said] of [
      [['retry'], 2, /either names or --all/],
      [['show', '../node-id'], 1, /is not among what is set aside/],
      [['remove', 'x'], 2, /add --yes/],
      [['remove', '--yes', 'logs-00000000000000000000.rec'], 1, /is not among what is set aside/],
    ] as const) {
      const outcome = await cli(...args);
      assert.equal(outcome.code, code, outcome.err);
      assert.match(outcome.err, said);
    }
  });
});
