import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCatalog, type CatalogProcess } from '../../test/support/catalog-server.js';
import { eventually, sql, startServer, type TestServer } from '../../test/support/server.js';
import { settled } from '../kill/epoch.js';
import { assertExact, verify } from '../kill/verify.js';
import { Workload } from '../kill/workload.js';
import { differences, followLog, footprint } from './footprint.js';
import { Marks, marksAt, QuackClient } from './marks.js';
import type { SharedServerCatalog } from './shared-server.js';
import { startSwitch } from './switch.js';

export interface PausedServerOptions {
  /** SIGSTOP the second server too while the first is resumed: then no byte of its files may change. */
  readonly frozen?: boolean;
  /** A CHECKPOINT by a node of the first server is under way when that is stopped. */
  readonly maintenance?: boolean;
  readonly pauseAfterMs?: number;
  /** At the end the second server is killed and started again, and the counts are compared once more. */
  readonly crash?: boolean;
  /** Clients that send at once to each node. */
  readonly clients?: number;
  /** The second server takes the catalog over in spite of the first one's lock; false where it can't see it. */
  readonly ignoreFileLock?: boolean;
}

/**
 * A catalog server with a node under load is stopped past its lease; another takes the catalog over, with a node
 * under load of its own; the first goes on, its clients still connected. It must end by itself, with exit code 3 where nothing hinders, change
 * nothing of the other's, and be believed by nobody; then its node is led to the other, and both nodes' acknowledged
 * records must be there once. Gives the line that sums it up, throws when something is broken.
 */
export async function pausedCatalogServer(
  shared: SharedServerCatalog,
  name: string,
  options: PausedServerOptions = {},
): Promise<string> {
  const { frozen = true, maintenance = false, crash = true, ignoreFileLock = true } = options;
  const running: { kill(): Promise<void> }[] = [];
  const loads: Workload[] = [];
  const kept = <T extends { kill(): Promise<void> }>(started: T): T => {
    running.push(started);
    return started;
  };
  const load = (prefix: string, node: TestServer) => {
    const workload = new Workload(prefix);
    workload.start(node.url, options.clients ?? 3);
    loads.push(workload);
    return workload;
  };
  const node = async (dataDir: string, env: Readonly<Record<string, string>>, port: number) =>
    kept(
      await startServer({
        dataDir: join(shared.folder, dataDir),
        env: {
          ...env,
          CANARDSTACK_DUCKLAKE_ATTACH_URI: `ducklake:quack:127.0.0.1:${port}`,
          CANARDSTACK_SEAL_INTERVAL_MS: '300',
        },
      }),
    );
  const fail = (what: string) => new Error(`${name}: ${what} (folder ${shared.folder})`);

  const way = await startSwitch(shared.first.port);
  let asking: Asking | undefined;
  let marks: Marks | undefined;
  try {
    const [first, one] = await Promise.all([
      startCatalog(shared.first).then(kept),
      node('node-1', shared.first.nodeEnv, way.port),
    ]);
    const atOne = load(`${name}-one`, one);
    marks = await Marks.start(await QuackClient.open(shared.first), name);
    await sleep(options.pauseAfterMs ?? 2000);
    if (maintenance) {
      void fetch(`${one.url}/api/admin/maintenance/checkpoint`, { method: 'POST' }).catch(() => undefined);
      await sleep(Math.random() * 2000);
    }
    first.signal('SIGSTOP');
    await sleep(50);
    const stoppedAt = performance.now();
    asking = new Asking(one);
    const grown = await followLog(
      shared.catalogFolder,
      shared.catalogName,
      join(shared.folder, 'former.wal'),
    );

    const env: Record<string, string> = ignoreFileLock
      ? { CANARDSTACK_CATALOG_IGNORE_FILE_LOCK: 'true' }
      : {};
    const [second, two] = await Promise.all([
      startCatalog(shared.second, { env }).then(kept),
      node('node-2', shared.second.nodeEnv, shared.second.port),
    ]);
    const atTwo = load(`${name}-two`, two);
    await sleep(1500);

    const resume = async () => {
      first.signal('SIGCONT');
      const end = await Promise.race([first.exited, sleep(20_000, null, { ref: false })]);
      // DuckDB's threads go on while the process is torn down, and may run into what is gone: it ends by a signal then.
      const tornDown =
        end?.code === null && (await readFile(shared.first.log, 'utf8')).includes('catalog any more, ending');
      if (end?.code !== 3 && !tornDown) {
        throw fail(`the paused catalog server ended with ${JSON.stringify(end)}`);
      }
    };
    if (frozen) await unchangedBy(resume, shared, second, fail);
    else await resume();

    const written = (await grown?.()) ?? 0;
    const answered = await asking.stop();
    if (answered > 0) throw fail(`${answered} queries were answered by a catalog server that was paused`);
    await marks.stop();
    const confirmed = marks.confirmed.size;
    await checkMarks(marks, stoppedAt, shared, name, fail);

    way.to(shared.second.port);
    await eventually(() => sql(one, 'SELECT count(*) FROM lake.logs'), 30_000);
    await Promise.all([atOne.stop(), atTwo.stop()]);
    await Promise.all([settled(one), settled(two)]);
    const check = async (at: TestServer, when: string) => {
      const ones = await verify(at, `${name}-one`, atOne.sent);
      assertExact(ones, `${name}: the first node ${when}`);
      const twos = await verify(at, `${name}-two`, atTwo.sent);
      assertExact(twos, `${name}: the second node ${when}`);
      return [ones.acknowledged, twos.acknowledged] as const;
    };
    const [ones, twos] = await check(two, 'at the second catalog server');
    if (crash) {
      // Without a clean end: what is in its log only must be there too.
      await second.kill();
      kept(await startCatalog(shared.second));
      await eventually(() => check(one, 'after a crash of the second catalog server'), 30_000);
    }
    return (
      `${name}: paused past its lease, the first catalog server wrote ${written} more bytes into its old log and ` +
      `ended by itself` +
      `${frozen ? ', no byte of the second one’s files changed' : ''}; ${confirmed} statements confirmed by it before, ` +
      `all kept, none after; ${ones} and ${twos} acknowledged requests, all there once`
    );
  } finally {
    await Promise.all(loads.map((each) => each.stop()));
    await asking?.stop();
    for (const each of running) await each.kill();
    await marks?.stop();
    await way.close();
  }
}

/** Runs `resume` while the second server stands still, and compares its files before and after. */
async function unchangedBy(
  resume: () => Promise<void>,
  shared: SharedServerCatalog,
  second: CatalogProcess,
  fail: (what: string) => Error,
): Promise<void> {
  second.signal('SIGSTOP');
  try {
    await sleep(200);
    const before = await footprint(shared.catalogFolder, shared.catalogName);
    if (before.size < 3) throw fail(`the second server's files were not found: ${[...before.keys()].join()}`);
    await resume();
    const changed = differences(before, await footprint(shared.catalogFolder, shared.catalogName));
    if (changed.length > 0) throw fail(`the paused server changed ${changed.join(', ')}`);
  } finally {
    second.signal('SIGCONT');
  }
}

/** What the first server confirmed is in the second one's catalog; what was sent after its pause is neither. */
async function checkMarks(
  marks: Marks,
  stoppedAt: number,
  shared: SharedServerCatalog,
  name: string,
  fail: (what: string) => Error,
): Promise<void> {
  const client = await QuackClient.open(shared.second);
  const there = new Set(await marksAt(client, name));
  const lost = [...marks.confirmed].filter((n) => !there.has(n));
  if (lost.length > 0) throw fail(`${lost.length} statements were confirmed and are not in the new catalog`);
  if (marks.confirmed.size === 0) throw fail('the first server never confirmed a statement');
  const late = marks.sent.filter(({ at }) => at > stoppedAt);
  const believed = late.filter(({ n }) => marks.confirmed.has(n) || there.has(n));
  if (believed.length > 0) throw fail(`${believed.length} statements of after the pause were believed`);
}

/** Asks a node for rows all the time, and counts the answers to questions from now on. */
class Asking {
  #running = true;
  #answered = 0;
  readonly #done: Promise<void>;

  constructor(node: TestServer) {
    this.#done = this.#run(node);
  }

  async stop(): Promise<number> {
    this.#running = false;
    await this.#done;
    return this.#answered;
  }

  async #run(node: TestServer): Promise<void> {
    while (this.#running) {
      await sql(node, 'SELECT count(*) FROM lake.logs').then(
        () => this.#answered++,
        () => undefined,
      );
      await sleep(100);
    }
  }
}
