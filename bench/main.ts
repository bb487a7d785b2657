/** Server, load and queries share this machine's cores; server CPU is the server process's own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { signals, type Signal } from '../src/schema/index.js';
import { metricSum } from '../test/support/metrics.js';
import { freePort, startServer, type TestServer } from '../test/support/server.js';
import { load, type LoadResult } from './load.js';
import { options } from './options.js';
import { cpuSeconds, folderBytes, peakResidentBytes, residentBytes } from './process.js';
import { queryLoad, visibleLoad } from './queries.js';
import { percentile, slope, table } from './statistics.js';
import { workloadOf, type Workload } from './workload.js';

const args = options(
  'npm run bench',
  'What ingest takes of each signal, at the peak and at half of it, alone and beside queries.',
  {
    seconds: { value: 20, text: 'how long each measurement lasts' },
    connections: { value: 8, text: 'connections that send' },
    only: { value: signals.join(','), of: 'SIGNALS', text: 'signals that are sent, in this order' },
    soak: { value: 0, of: 'SECONDS', text: 'then send half of the peak for so long, and watch the memory' },
    env: { multiple: true, of: 'NAME=VALUE', text: 'a setting of the server' },
    profile: { of: 'FOLDER', text: "where to write the server's CPU profile" },
    json: { of: 'FILE', text: 'where to write the figures' },
  },
);
const { seconds, connections } = args;
/** `spans`, as the tables call them, are what the signal of traces sends. */
const named: ReadonlyMap<string, Signal> = new Map([
  ...signals.map((signal) => [signal, signal] as const),
  ['spans', 'traces'],
]);
const chosen = args.only.split(',').map((name) => {
  const signal = named.get(name);
  if (signal) return signal;
  console.error(`--only: ${JSON.stringify(name)} is none of ${[...named.keys()].join(', ')}`);
  process.exit(2);
});

interface Measured extends LoadResult {
  readonly phase: string;
  readonly signal: Signal;
  readonly cpuSecondsPerGb: number;
  readonly drainSeconds: number;
}

const report: Record<string, unknown> = {
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  node: process.version,
  at: new Date().toISOString(),
};

async function drained(server: TestServer): Promise<number> {
  const begun = performance.now();
  while ((await metricSum(server, 'canardstack_seal_backlog_bytes')) > 0) await sleep(100);
  return (performance.now() - begun) / 1000;
}

async function measure(
  phase: string,
  server: TestServer,
  workload: Workload,
  options: { seconds: number; requestsPerSecond?: number },
): Promise<Measured> {
  const before = cpuSeconds(server.pid);
  const result = await load(server.url, workload, { connections, ...options });
  // Sealing what was acknowledged belongs to the cost.
  const drainSeconds = await drained(server);
  const cpu = cpuSeconds(server.pid) - before;
  return {
    ...result,
    phase,
    signal: workload.signal,
    drainSeconds,
    cpuSecondsPerGb: cpu / (result.ackedBytes / 1e9),
  };
}

const columns = [
  'phase',
  'MB/s',
  'records/s',
  'ack p50 ms',
  'p95',
  'p99',
  'CPU s/GB',
  'refused',
  'failed',
  'seal lag s',
];

function row(m: Measured): (string | number)[] {
  return [
    `${m.signal} ${m.phase}`,
    m.ackedBytes / 1e6 / m.seconds,
    m.ackedRecords / m.seconds,
    percentile(m.latencies, 0.5),
    percentile(m.latencies, 0.95),
    percentile(m.latencies, 0.99),
    m.cpuSecondsPerGb,
    m.refused,
    m.failed,
    m.drainSeconds,
  ];
}

async function baseline(
  workload: Workload,
): Promise<{ megabytesPerSecond: number; cpuSecondsPerGb: number }> {
  const port = await freePort();
  const path = join(tmpdir(), `canardstack-baseline-${port}`);
  const script = fileURLToPath(new URL('baseline.js', import.meta.url));
  const child = spawn(process.execPath, [script, path, `${port}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const before = cpuSeconds(child.pid ?? 0);
  const result = await load(`http://127.0.0.1:${port}`, workload, { connections, seconds: 5 });
  const cpu = cpuSeconds(child.pid ?? 0) - before;
  child.kill('SIGTERM');
  await once(child, 'exit');
  await rm(path, { force: true });
  return {
    megabytesPerSecond: result.ackedBytes / 1e6 / result.seconds,
    cpuSecondsPerGb: cpu / (result.ackedBytes / 1e9),
  };
}

async function soak(server: TestServer, workload: Workload, requestsPerSecond: number, length: number) {
  const samples: { x: number; y: number }[] = [];
  const mergedBefore = await merged(server);
  const begun = performance.now();
  const timer = setInterval(
    () => samples.push({ x: (performance.now() - begun) / 60_000, y: residentBytes(server.pid) / 2 ** 20 }),
    5000,
  );
  const measured = await measure('soak at half of the peak', server, workload, {
    seconds: length,
    requestsPerSecond,
  });
  clearInterval(timer);
  // The first fifth fills buffers and caches.
  const settled = samples.slice(Math.floor(samples.length / 5));
  const memory = {
    firstMiB: settled[0]?.y,
    lastMiB: settled.at(-1)?.y,
    maxMiB: Math.max(...settled.map((s) => s.y)),
    slopeMiBPerMinute: slope(settled),
  };
  const after = await merged(server);
  const rows = { joined: after.joined - mergedBefore.joined, sorted: after.sorted - mergedBefore.sorted };
  return { measured, memory, merged: { ...rows, sent: measured.ackedRecords } };
}

/** Rows that compaction has written. */
async function merged(server: TestServer): Promise<{ joined: number; sorted: number }> {
  const rows = (way: string) => metricSum(server, 'canardstack_compaction_rows_total', { way });
  return { joined: await rows('join'), sorted: await rows('sort') };
}

const serverEnvironment: Record<string, string> = {};
for (const pair of args.env) {
  const [name = '', value = ''] = pair.split(/=(.*)/s);
  serverEnvironment[name] = value;
}

const server = await startServer({
  env: {
    CANARDSTACK_DUCKLAKE_MAINTENANCE_ENABLED: 'true',
    CANARDSTACK_LOG_LEVEL: 'warn',
    ...serverEnvironment,
  },
  ...(args.profile ? { nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${args.profile}`] } : {}),
});
try {
  const rows: Measured[] = [];
  let base: Awaited<ReturnType<typeof baseline>> | null = null;
  for (const signal of chosen) {
    const workload = workloadOf(signal);
    base ??= await baseline(workload);
    console.log(
      `${signal}: ${workload.bytesPerRecord.toFixed(0)} B a record, ${workload.recordsPerRequest} a request`,
    );
    await measure('warm-up', server, workload, { seconds: 3 });
    const peak = await measure('peak', server, workload, { seconds });
    const half = await measure('half of the peak', server, workload, {
      seconds,
      requestsPerSecond: peak.acked / peak.seconds / 2,
    });
    rows.push(peak, half);
  }
  console.log(`\n${table([columns, ...rows.map(row)])}`);
  const first = rows[0];
  if (base && first) {
    console.log(
      `\nbaseline (bare HTTP + fdatasync): ${base.megabytesPerSecond.toFixed(1)} MB/s, ${base.cpuSecondsPerGb.toFixed(2)} CPU s/GB; ` +
        `${first.signal} peak is ${(first.ackedBytes / 1e6 / first.seconds / base.megabytesPerSecond).toFixed(2)} of its MB/s at ` +
        `${(first.cpuSecondsPerGb / base.cpuSecondsPerGb).toFixed(1)} times its CPU`,
    );
  }

  // Queries beside ingest at half of the peak of the first signal.
  const workload = workloadOf(chosen[0] ?? 'logs');
  const rate = first ? first.acked / first.seconds / 2 : 50;
  const stop = new AbortController();
  const queries = queryLoad(server.url, stop.signal);
  const visible = visibleLoad(server.url, stop.signal);
  const beside = await measure('half of the peak, queries beside', server, workload, {
    seconds,
    requestsPerSecond: rate,
  });
  stop.abort();
  const visibleMs = await visible;
  const queryResults = await queries;
  console.log(`\n${table([columns, row(beside)])}`);
  console.log(
    `\n${table([
      ['query beside ingest', 'n', 'p50 ms', 'p95 ms', 'failed'],
      ...queryResults.map((q) => [
        q.name,
        `${q.milliseconds.length}`,
        percentile(q.milliseconds, 0.5),
        percentile(q.milliseconds, 0.95),
        `${q.failed}${q.lastError ? ` (${q.lastError})` : ''}`,
      ]),
      [
        'time to visible after the ack',
        `${visibleMs.length}`,
        percentile(visibleMs, 0.5),
        percentile(visibleMs, 0.95),
        '',
      ],
    ])}`,
  );

  let soaked: Awaited<ReturnType<typeof soak>> | null = null;
  if (args.soak > 0) {
    soaked = await soak(server, workload, rate, args.soak);
    console.log(
      `\n${table([columns, row(soaked.measured)])}\nresident memory: ${JSON.stringify(soaked.memory)}\n` +
        `rows merged: ${JSON.stringify(soaked.merged)}`,
    );
  }

  const checkpointBegun = performance.now();
  const checkpointCpu = cpuSeconds(server.pid);
  const checkpoint = await fetch(`${server.url}/api/admin/maintenance/checkpoint`, { method: 'POST' });
  const checkpointSeconds = (performance.now() - checkpointBegun) / 1000;
  const checkpointCpuSeconds = cpuSeconds(server.pid) - checkpointCpu;
  const records = await metricSum(server, 'canardstack_otlp_records_total');
  const diskBytes = folderBytes(join(server.dataDir, 'data'), (name) => name.endsWith('.parquet'));
  console.log(
    `\nCHECKPOINT ${checkpoint.status} in ${checkpointSeconds.toFixed(1)} s, ${checkpointCpuSeconds.toFixed(1)} s of CPU; Parquet ${(diskBytes / records).toFixed(1)} B a record ` +
      `(files that wait for clean-up included); peak memory ${(peakResidentBytes(server.pid) / 2 ** 20).toFixed(0)} MiB`,
  );
  Object.assign(report, {
    baseline: base,
    phases: [...rows, beside, ...(soaked ? [soaked.measured] : [])].map(({ latencies, ...rest }) => ({
      ...rest,
      p50: percentile(latencies, 0.5),
      p95: percentile(latencies, 0.95),
      p99: percentile(latencies, 0.99),
    })),
    queries: queryResults.map((q) => ({
      name: q.name,
      n: q.milliseconds.length,
      p50: percentile(q.milliseconds, 0.5),
      p95: percentile(q.milliseconds, 0.95),
      failed: q.failed,
    })),
    visible: { n: visibleMs.length, p50: percentile(visibleMs, 0.5), p95: percentile(visibleMs, 0.95) },
    soak: soaked?.memory,
    merged: soaked?.merged,
    checkpointSeconds,
    checkpointCpuSeconds,
    parquetBytesPerRecord: diskBytes / records,
    peakResidentBytes: peakResidentBytes(server.pid),
  });
  if (args.json) await writeFile(args.json, JSON.stringify(report, null, 2));
} finally {
  await server.stop();
  await rm(server.dataDir, { recursive: true, force: true });
}
