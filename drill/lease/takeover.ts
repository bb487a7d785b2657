import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startServer, type TestServer } from '../../test/support/server.js';
import { settled, startSettled } from '../kill/epoch.js';
import { assertExact, verify } from '../kill/verify.js';
import { Workload } from '../kill/workload.js';
import type { SharedCatalog } from './paused.js';

export const takeoverSteps = [
  'lease made',
  'half a copy',
  'copied',
  'before the link',
  'after the link',
  'held',
] as const;

export type TakeoverStep = (typeof takeoverSteps)[number];

/**
 * A server under load is stopped past its lease; a second one is killed at a step of its takeover; a third takes the
 * catalog over and is put under load while the first is still stopped; the first goes on and must end by itself. Then the
 * third is killed, and the first one's data folder started again: both loads must be there once.
 */
export async function killedInTakeover(
  shared: SharedCatalog,
  name: string,
  step: TakeoverStep,
  { ignoreFileLock = true } = {},
): Promise<string> {
  const running: TestServer[] = [];
  const loads: Workload[] = [];
  const kept = (server: TestServer) => {
    running.push(server);
    return server;
  };
  const load = (prefix: string, url: string) => {
    const workload = new Workload(prefix);
    workload.start(url, 3);
    loads.push(workload);
    return workload;
  };
  const fail = async (what: string, server: TestServer) =>
    new Error(`${name}: ${what}\n${await server.logs()}`);
  const bypass = { CANARDSTACK_CATALOG_IGNORE_FILE_LOCK: String(ignoreFileLock) };
  try {
    const first = kept(await startServer({ dataDir: shared.dataDir('first'), env: shared.env() }));
    const atFirst = load(`${name}-first`, first.url);
    await sleep(1500 + Math.random() * 1000);
    process.kill(first.pid, 'SIGSTOP');

    const second = kept(
      await startServer({
        dataDir: shared.dataDir('second'),
        env: shared.env('second', { ...bypass, DRILL_TAKEOVER_KILL: step }),
        nodeArgs: ['--import', fileURLToPath(new URL('kill-at.js', import.meta.url))],
        waitReady: false,
      }),
    );
    const death = await Promise.race([second.exited, sleep(60_000, null, { ref: false })]);
    if (death?.signal !== 'SIGKILL')
      throw await fail(`"${step}" was not reached: ${JSON.stringify(death)}`, second);

    const third = kept(
      await startServer({ dataDir: shared.dataDir('second'), env: shared.env('second', bypass) }),
    );
    const atThird = load(`${name}-third`, third.url);
    await sleep(1000);
    process.kill(first.pid, 'SIGCONT');
    const end = await Promise.race([first.exited, sleep(20_000, null, { ref: false })]);
    if (end?.code !== 3) throw await fail(`the paused server ended with ${JSON.stringify(end)}`, first);
    await Promise.all([atFirst.stop(), atThird.stop()]);
    await settled(third);
    await third.kill();

    const again = kept(await startSettled(shared.dataDir('first'), shared.env()));
    const firsts = await verify(again, `${name}-first`, atFirst.sent);
    assertExact(firsts, `${name}: the first server`);
    const thirds = await verify(again, `${name}-third`, atThird.sent);
    assertExact(thirds, `${name}: the third server`);
    await again.stop();
    return (
      `${name}: killed in the takeover (${step}), the next start found a whole catalog; ` +
      `${firsts.acknowledged} and ${thirds.acknowledged} acknowledged requests, all there once`
    );
  } finally {
    await Promise.all(loads.map((each) => each.stop()));
    for (const server of running) await server.kill();
  }
}
