import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { options } from '../bench/options.js';
import { startPostgres } from '../test/support/postgres.js';
import { startServer, temporaryFolder, type TestServer } from '../test/support/server.js';
import { settled } from './kill/epoch.js';
import { assertExact, verify } from './kill/verify.js';
import { Workload } from './kill/workload.js';
import { MetricSums } from './postgres/metrics.js';

const args = options(
  'npm run drill:postgres',
  `Ingest nodes and a query node on one lake with a PostgreSQL catalog, CHECKPOINT asked of every node all the time
(one at a time runs); with --kill a node or PostgreSQL gets SIGKILL every 20 s. In the end every acknowledged
record must be there exactly once. Prints conflicts, retries, lock time-outs and the time of commits.`,
  {
    seconds: { value: 300, text: 'how long the load lasts' },
    nodes: { value: 2, text: 'ingest nodes' },
    clients: { value: 3, text: 'clients of each node' },
    kill: { flag: true, text: 'kill a node or PostgreSQL every 20 s' },
  },
);
const { seconds } = args;
const killEveryMs = 20_000;
const checkpointEveryMs = 5000;

const folder = await temporaryFolder();
const postgres = await startPostgres({ fsync: true });
const env = {
  CANARDSTACK_POSTGRES_DSN: postgres.dsn,
  CANARDSTACK_DUCKLAKE_DATA_PATH: join(folder, 'data'),
  CANARDSTACK_DATA_INLINING_ROW_LIMIT: '500',
};
const sums = new MetricSums();
const checkpoints = new Map<string, number>();
const loads: Workload[] = [];
const ingest: TestServer[] = [];
let kills = 0;

const start = (name: string, role: string) =>
  startServer({ dataDir: join(folder, name), env: { ...env, CANARDSTACK_ROLE: role } });

async function startIngest(i: number): Promise<void> {
  const server = await start(`ingest${i}`, 'ingest');
  ingest[i] = server;
  const load = new Workload(`n${loads.length}`);
  loads.push(load);
  load.start(server.url, args.clients);
}

async function checkpointAll(until: number): Promise<void> {
  while (Date.now() < until) {
    await Promise.all(
      ingest.map(async ({ url }) => {
        const answer = await fetch(`${url}/api/admin/maintenance/checkpoint`, { method: 'POST' })
          .then(async (response) => (await response.json()) as { status: string; error?: string })
          .catch(() => ({ status: 'no answer' }));
        checkpoints.set(answer.status, (checkpoints.get(answer.status) ?? 0) + 1);
        if ('error' in answer) console.log(`CHECKPOINT: ${answer.error}`);
      }),
    );
    await sleep(checkpointEveryMs);
  }
}

async function killAll(until: number): Promise<void> {
  for (let round = 0; args.kill && Date.now() + killEveryMs < until; round++) {
    await sleep(killEveryMs);
    kills++;
    if (round % 3 === 2) {
      await postgres.kill();
      await sleep(2000);
      await postgres.start();
      continue;
    }
    const i = round % ingest.length;
    const server = ingest[i] as TestServer;
    await sums.add(server.url);
    await server.kill();
    await loads.find((load) => load.url === server.url)?.stop();
    await startIngest(i);
  }
}

let failed: unknown;
try {
  const query = await start('query', 'query');
  await Promise.all(Array.from({ length: args.nodes }, (_, i) => startIngest(i)));
  const until = Date.now() + seconds * 1000;
  await Promise.all([checkpointAll(until), killAll(until), sleep(seconds * 1000)]);
  await Promise.all(loads.map((load) => load.stop()));
  for (const server of ingest) await settled(server);
  for (const server of ingest) await sums.add(server.url);
  let acknowledged = 0;
  for (const [i, load] of loads.entries()) {
    const verdict = await verify(query, `n${i}`, load.sent);
    assertExact(verdict, `load ${i}`);
    acknowledged += verdict.acknowledged;
  }
  const quantiles = [0.5, 0.99].map(
    (q) => `p${q * 100} ${sums.quantile('canardstack_lake_commit_total_seconds', q)}`,
  );
  console.log(
    [
      `${args.nodes} ingest nodes, ${seconds} s, ${kills} kills: ${acknowledged} acknowledged requests, all there once`,
      `commits ${sums.get('canardstack_lake_commit_total_seconds_count')}, time ${quantiles.join(', ')} (s, at most)`,
      `conflicts ${sums.get('canardstack_lake_commit_conflicts_total')}, retries ${sums.get('canardstack_lake_commit_retries_total')}, without the lock ${sums.get('canardstack_lake_commit_lock_timeouts_total')}`,
      `CHECKPOINT ${[...checkpoints].map(([status, n]) => `${status} ${n}`).join(', ')}`,
    ].join('\n'),
  );
} catch (error) {
  failed = error;
  console.error(error instanceof Error ? error.message : error);
  for (const server of ingest) console.error((await server.logs()).split('\n').slice(-20).join('\n'));
} finally {
  for (const server of ingest) await server.kill().catch(() => undefined);
  await postgres.stop();
}
if (failed === undefined) await rm(folder, { recursive: true, force: true });
else console.log(`data folder: ${folder}`);
process.exit(failed === undefined ? 0 : 1);
