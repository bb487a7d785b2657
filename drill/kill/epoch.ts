import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultPoint } from '../../src/faults/index.js';
import { eventually, longestWaitMs, startServer, type TestServer } from '../../test/support/server.js';
import { assertExact, verify, type Verdict } from './verify.js';
import { Workload } from './workload.js';

/** `random` is a SIGKILL from outside at a random moment. */
export type Cause = FaultPoint | 'random';

export interface Epoch {
  readonly cause: Cause;
  readonly verdict: Verdict;
}

/** Starts without a fault and waits until everything in the spool is committed. */
export async function startSettled(dataDir: string, env: Record<string, string> = {}): Promise<TestServer> {
  const server = await startServer({ dataDir, env });
  await settled(server);
  return server;
}

export async function settled(server: TestServer): Promise<void> {
  await eventually(async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const backlog = [...text.matchAll(/^canardstack_seal_backlog_bytes\{[^}]*\} (\S+)$/gm)];
    return backlog.length > 0 && backlog.every((match) => Number(match[1]) === 0) ? true : undefined;
  });
}

/** How often each point is passed before the kill, so that it does not always hit the first request. */
function nth(cause: FaultPoint): number {
  const most =
    cause.startsWith('spool.') || cause === 'decode.started' ? 60 : cause.startsWith('lake.') ? 3 : 1;
  return 1 + Math.floor(Math.random() * most);
}

async function provoke(server: TestServer, workload: Workload, cause: Cause): Promise<void> {
  const post = (path: string) =>
    fetch(server.url + path, { method: 'POST', signal: AbortSignal.timeout(20_000) }).catch(() => undefined);
  if (cause === 'random') {
    await sleep(200 + Math.random() * 2300);
    // Half of the random kills fall into maintenance or a drain as well.
    const extra = Math.random();
    if (extra < 0.25) void post('/api/admin/maintenance/checkpoint');
    else if (extra < 0.4) process.kill(server.pid, 'SIGTERM');
    await sleep(Math.random() * 300);
    await server.kill();
    return;
  }
  if (cause.startsWith('maintenance.')) {
    // Each flush makes a file of each table; compaction begins when there are some.
    let ended = false;
    void server.exited.then(() => (ended = true));
    void (async () => {
      while (!ended) {
        await post('/api/admin/maintenance/checkpoint');
        await sleep(300);
      }
    })();
  } else if (cause === 'drain') {
    await eventually(() => Promise.resolve(workload.acked > 30 ? true : undefined));
    process.kill(server.pid, 'SIGTERM');
  }
  const end = await Promise.race([server.exited, sleep(longestWaitMs, null, { ref: false })]);
  if (end === null) {
    await server.kill();
    throw new Error(`${cause} was not reached within ${longestWaitMs / 1000} s`);
  }
  if (end.signal !== 'SIGKILL')
    throw new Error(`${cause}: the server ended by itself: ${JSON.stringify(end)}\n${await server.logs()}`);
}

/** Load, a kill, a restart, and the count. Throws when a record is missing or there twice. `pauseMs`: of the load's clients. */
export async function runEpoch(dataDir: string, name: string, cause: Cause, pauseMs = 0): Promise<Epoch> {
  const env: Record<string, string> =
    cause === 'random' ? {} : { CANARDSTACK_FAULT: `${cause}:${nth(cause)}` };
  const server = await startServer({ dataDir, env });
  const workload = new Workload(name, pauseMs);
  workload.start(server.url);
  try {
    await provoke(server, workload, cause);
  } finally {
    await workload.stop();
  }
  const again = await startSettled(dataDir);
  try {
    const verdict = await verify(again, name, workload.sent);
    assertExact(verdict, `${name} (${cause})`);
    return { cause, verdict };
  } finally {
    await again.kill();
  }
}
