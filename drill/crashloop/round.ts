import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signals, type Signal } from '../../src/schema/index.js';
import { metricSum } from '../../test/support/metrics.js';
import { eventually, startServer, type TestServer } from '../../test/support/server.js';
import { verify } from '../kill/verify.js';
import { requestBody, type Sent } from '../kill/workload.js';
import type { MemoryGroup } from '../memory-group.js';

/** How a record ends the process, or its database. */
export type Way = 'kill' | 'heap' | 'memory' | 'fatal';

export interface RoundOptions {
  readonly dataDir: string;
  /** Of the ids of its requests. */
  readonly prefix: string;
  readonly random: () => number;
  /** Requests in all, and how many of them are poisoned. */
  readonly requests: number;
  readonly poisoned: number;
  readonly ways: readonly Way[];
  /** Share of the starts that are also killed at a named point, whatever they have in hand. */
  readonly otherKills: number;
  /** In which the server runs. */
  readonly group?: MemoryGroup | undefined;
}

export interface RoundResult {
  readonly deaths: number;
  readonly starts: number;
  /** Records that were set aside without being poisoned: only other kills can do that. */
  readonly innocent: number;
  /** How each poisoned record ends the process. */
  readonly ways: readonly Way[];
}

interface Placed extends Sent {
  /** Where it lies in its stream. */
  readonly position: number;
  way: Way | null;
}

interface Listed {
  readonly name: string;
  readonly signal: Signal;
  readonly start: number;
  readonly cause: string;
}

const main = fileURLToPath(new URL('../../src/cli/bin.cjs', import.meta.url));
const segmentHeaderBytes = 128;
const otherPoints = ['lake.before_commit', 'lake.committed', 'spool.set_aside'];
const nothingSealed = {
  CANARDSTACK_SEAL_INTERVAL_MS: '3600000',
  CANARDSTACK_FRESHNESS_BUDGET_SLA_SECS: '7200',
};
const quickly = { CANARDSTACK_SEAL_INTERVAL_MS: '100', CANARDSTACK_LOG_LEVEL: 'warn' };

/**
 * Good and poisoned requests in one spool; starts until one start survives. Then all that is good is in the lake once, and what
 * is poisoned is set aside; with the poison gone, that comes back once as well, but for one that is removed. Throws otherwise.
 */
export async function crashLoop(options: RoundOptions): Promise<RoundResult> {
  const { dataDir, prefix, random } = options;
  const sent = await fill(options);
  const poisoned = sent.filter(({ way }) => way !== null);
  const { server, deaths, starts } = await startUntilItLasts(options, poisoned);
  let innocent: number;
  let removed: Listed | undefined;
  try {
    const listed = await list(dataDir, server);
    const isAside = ({ signal, position }: Placed) =>
      listed.some((each) => each.signal === signal && each.start === position && each.cause === 'crash');
    const free = poisoned.filter((each) => !isAside(each));
    if (free.length > 0) throw new Error(`poisoned, but not set aside: ${named(free)}`);
    innocent = listed.length - poisoned.length;
    if (innocent > 0 && options.otherKills === 0) throw new Error(`${innocent} good records were set aside`);
    const metric = await metricSum(server, 'canardstack_spool_set_aside_records');
    if (metric !== listed.length) throw new Error(`the metric says ${metric}, the list ${listed.length}`);
    await exact(server, prefix, sent, isAside);
    removed = listed.find(
      (each) => each.start === poisoned[0]?.position && each.signal === poisoned[0].signal,
    );
    if (removed) {
      const shown = await spool(dataDir, server, 'show', removed.name, '--json');
      if (!shown.includes('"drill"')) throw new Error(`spool show does not know the service: ${shown}`);
      await spool(dataDir, server, 'remove', '--yes', removed.name);
    }
  } finally {
    await server.stop();
  }
  // As after more memory, or a newer release; by the server or while none runs.
  const mended = { dataDir, env: quickly };
  if (random() < 0.5) await spool(dataDir, null, 'retry', '--all');
  const last = await startServer(mended);
  try {
    await settled(last);
    if ((await list(dataDir, last)).length > 0) await spool(dataDir, last, 'retry', '--all');
    await settled(last);
    const rest = await list(dataDir, last);
    if (rest.length > 0) throw new Error(`still set aside: ${JSON.stringify(rest)}`);
    await exact(
      last,
      prefix,
      sent,
      (each) => each.signal === removed?.signal && each.position === removed.start,
    );
  } finally {
    await last.stop();
  }
  return { deaths, starts, innocent, ways: poisoned.map(({ way }) => way ?? 'kill') };
}

/** All requests acknowledged, none of them committed. */
async function fill({ dataDir, prefix, random, requests, poisoned, ways }: RoundOptions): Promise<Placed[]> {
  const server = await startServer({ dataDir, env: nothingSealed });
  const sent: Placed[] = [];
  try {
    for (let i = 0; i < requests; i++) {
      const signal = signals[Math.floor(random() * signals.length)] ?? 'logs';
      const position = await head(dataDir, signal);
      const records = 1 + Math.floor(random() * 20);
      const one: Placed = { id: `${prefix}-${i}`, signal, records, acked: true, position, way: null };
      const response = await fetch(`${server.url}/v1/${signal}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body: Uint8Array.from(requestBody(one)),
      });
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
      await response.arrayBuffer();
      sent.push(one);
    }
  } finally {
    await server.kill();
  }
  const left = [...sent];
  for (let i = 0; i < poisoned; i++) {
    const [chosen] = left.splice(Math.floor(random() * left.length), 1);
    // Each way once before one comes again.
    if (chosen) chosen.way = ways[i % ways.length] ?? 'kill';
  }
  return sent;
}

/** Where the next record of a stream will lie. */
async function head(dataDir: string, signal: Signal): Promise<number> {
  const folder = join(dataDir, 'spool', signal);
  const newest = (await readdir(folder)).sort().at(-1);
  if (newest === undefined) return 0;
  return Number(newest.slice(0, 20)) + (await stat(join(folder, newest))).size - segmentHeaderBytes;
}

async function startUntilItLasts(
  { dataDir, random, otherKills, group }: RoundOptions,
  poisoned: readonly Placed[],
): Promise<{ server: TestServer; deaths: number; starts: number }> {
  const poison = poisoned.map(
    ({ signal, position, way }) => `seal.attempt:${signal}@${position}${way === 'kill' ? '' : `:${way}`}`,
  );
  // Each poisoned record dies at most four times, alone or in a piece; what is beyond that is other kills.
  const most = 10 + poisoned.length * 4 * (otherKills > 0 ? 3 : 1);
  let deaths = 0;
  for (let starts = 1; starts <= most; starts++) {
    const other =
      random() < otherKills
        ? [`${otherPoints[Math.floor(random() * otherPoints.length)]}:${1 + Math.floor(random() * 4)}`]
        : [];
    const server = await startServer({
      dataDir,
      waitReady: false,
      nodeArgs: ['--max-old-space-size=200'],
      env: { ...quickly, CANARDSTACK_FAULT: [...poison, ...other].join(',') },
      started: (pid) => group?.add(pid),
    });
    const lasts = settled(server).then(
      () => null,
      () => undefined,
    );
    const ended = await Promise.race([server.exited, lasts]);
    if (ended === null) return { server, deaths, starts };
    if (ended === undefined) {
      await server.kill();
      throw new Error(`the server neither ends nor gets through: ${(await server.logs()).slice(-2000)}`);
    }
    if (ended.signal !== 'SIGKILL' && ended.signal !== 'SIGABRT')
      throw new Error(
        `the server ended by itself: ${JSON.stringify(ended)}\n${(await server.logs()).slice(-2000)}`,
      );
    deaths++;
  }
  throw new Error(`the server still dies at start ${most}`);
}

async function settled(server: TestServer): Promise<void> {
  await eventually(async () => {
    if (!(await fetch(`${server.url}/readyz`)).ok) return undefined;
    return (await metricSum(server, 'canardstack_seal_backlog_bytes')) === 0 ? true : undefined;
  }, 120_000);
}

/** All but those that `isMissing` are there once, and these not at all. */
async function exact(
  server: TestServer,
  prefix: string,
  sent: readonly Placed[],
  isMissing: (each: Placed) => boolean,
): Promise<void> {
  const { missing, duplicated, torn } = await verify(server, prefix, sent);
  const wanted = sent.filter(isMissing).map(({ id }) => id);
  const lost = missing.filter((id) => !wanted.includes(id));
  const there = wanted.filter((id) => !missing.includes(id));
  if (lost.length + there.length + duplicated.length + torn.length > 0)
    throw new Error(`not exactly once: ${JSON.stringify({ lost, there, duplicated, torn })}`);
}

async function list(dataDir: string, server: TestServer): Promise<Listed[]> {
  return (JSON.parse(await spool(dataDir, server, 'list', '--json')) as { setAside: Listed[] }).setAside;
}

/** `canardstack spool`, through the server when there is one; throws unless it ends with 0. */
async function spool(dataDir: string, server: TestServer | null, ...args: string[]): Promise<string> {
  const child = spawn(process.execPath, [main, 'spool', ...args], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      CANARDSTACK_DATA_DIR: dataDir,
      ...(server && { CANARDSTACK_BIND: server.url.replace('http://', '') }),
    },
  });
  let [out, said] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`canardstack spool ${args.join(' ')} ended with ${code}: ${said}${out}`);
  return out;
}

const named = (sent: readonly Placed[]) => sent.map(({ id, way }) => `${id} (${way ?? 'good'})`).join(', ');
