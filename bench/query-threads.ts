import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { logsRequest } from '../test/support/otlp.js';
import { extensionDir, startServer, temporaryFolder, type TestServer } from '../test/support/server.js';
import { options } from './options.js';
import { cpuSeconds, mainThreadSeconds, peakResidentBytes } from './process.js';
import { percentile, table } from './statistics.js';

const args = options(
  'node dist/bench/query-threads.js',
  "What a PromQL query over many points takes while small requests arrive, and how long it blocks the server's event loop.",
  {
    points: { value: 5_400_000, text: 'points of the query' },
    runs: { value: 3, text: 'times it is asked' },
    profile: { of: 'FOLDER', text: "where to write the server's CPU profile" },
  },
);
const { points } = args;
const samplesPerSeries = 3600;
const end = Math.floor(Date.now() / 1000) - 60;
const start = end - samplesPerSeries;

/** An hour of a counter, one sample a second: 1,500 series by default. */
async function fill(dataDir: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { extension_directory: extensionDir() });
  const connection = await instance.connect();
  await connection.run('LOAD ducklake');
  await connection.run(
    `ATTACH 'ducklake:${join(dataDir, 'canardstack.ducklake')}' AS lake (DATA_PATH '${join(dataDir, 'data')}')`,
  );
  await connection.run(
    `INSERT INTO lake.main.metric_sum (timestamp, time_unix_nano, metric_name, prometheus_name, service_name,
       service_instance_id, metric_attributes, value, aggregation_temporality, is_monotonic)
     SELECT make_timestamp((${start} + i) * 1000000), (${start} + i) * 1000000000, 'requests', 'requests_total',
       'checkout', 'checkout-' || (s % 3),
       '{"http.route":"/api/' || (s % 5) || '","shard":"' || s || '"}', i * (s % 7 + 1)::DOUBLE, 2, true
     FROM range(${samplesPerSeries}) t(i), range(${Math.ceil(points / samplesPerSeries)}) u(s)`,
  );
  connection.closeSync();
  instance.closeSync();
}

async function lagSeconds(server: TestServer): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text)?.[1]);
}

/** Milliseconds until the acknowledgement of one small request, every 20 ms until aborted. */
async function acks(server: TestServer, signal: AbortSignal): Promise<number[]> {
  const latencies: number[] = [];
  const body = () =>
    Uint8Array.from(
      logsRequest({ 'service.name': 'probe' }, [{ timeNs: BigInt(Date.now()) * 1_000_000n, body: 'x' }]),
    );
  const waiting: Promise<void>[] = [];
  while (!signal.aborted) {
    const begun = performance.now();
    const headers = { 'content-type': 'application/x-protobuf' };
    waiting.push(
      fetch(`${server.url}/v1/logs`, { method: 'POST', headers, body: body() }).then(async (response) => {
        await response.arrayBuffer();
        latencies.push(performance.now() - begun);
      }),
    );
    await sleep(20);
  }
  await Promise.all(waiting);
  return latencies;
}

const shapes = [
  ['nothing', 'vector(1)', 15],
  ['sum of rates', 'sum by (http_route) (rate(requests_total[1m]))', 15],
  ['rate, all series', 'rate(requests_total[1m])', 60],
] as const;

const dataDir = await temporaryFolder();
const first = await startServer({ dataDir });
await first.stop();
await fill(dataDir);
const server = await startServer({
  dataDir,
  env: { CANARDSTACK_LOG_LEVEL: 'warn' },
  ...(args.profile ? { nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${args.profile}`] } : {}),
});
try {
  const rows: (string | number)[][] = [
    ['query', 's', 'CPU s', 'of it main thread', 'MB', 'longest block ms', 'ack p50 ms', 'p99', 'max'],
  ];
  for (const [name, query, step] of shapes) {
    for (let run = 0; run < args.runs; run++) {
      await lagSeconds(server);
      const stop = new AbortController();
      const probe = acks(server, stop.signal);
      const [cpu, main] = [cpuSeconds(server.pid), mainThreadSeconds(server.pid)];
      const begun = performance.now();
      const url = `${server.url}/api/v1/query_range?query=${encodeURIComponent(query)}&start=${start}&end=${end}&step=${step}`;
      const response = await fetch(url);
      const text = await response.text();
      if (!response.ok) throw new Error(text);
      if (name === 'nothing') await sleep(4000);
      const seconds = (performance.now() - begun) / 1000;
      const used = cpuSeconds(server.pid) - cpu;
      const mainUsed = mainThreadSeconds(server.pid) - main;
      stop.abort();
      const latencies = await probe;
      rows.push([
        `${name} ${run + 1}`,
        seconds.toFixed(2),
        used.toFixed(2),
        mainUsed.toFixed(2),
        (text.length / 1e6).toFixed(1),
        (await lagSeconds(server)) * 1000,
        percentile(latencies, 0.5),
        percentile(latencies, 0.99),
        Math.max(...latencies),
      ]);
    }
  }
  console.log(table(rows));
  console.log(
    `peak resident memory ${(peakResidentBytes(server.pid) / 2 ** 20).toFixed(0)} MiB, ${points} points`,
  );
} finally {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
