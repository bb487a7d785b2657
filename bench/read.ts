/**
 * npm run bench:read [-- --logs 500000 --spans 200000 --series 300 --hours 6 --repeats 7 --only NAME --data FOLDER
 *   --peers FOLDER --build-peers --env NAME=value --json FILE]
 * Fills a server with a history and asks the questions of all three languages; the same to DuckDB on the very files, and
 * to VictoriaLogs and Prometheus when their programs are in the peers' folder (`.cache/peers`; `--build-peers` builds them
 * from their Go modules). All take turns, so what the machine does besides hits them alike; medians.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { metricSum } from '../test/support/metrics.js';
import { eventually, startServer, temporaryFolder, type TestServer } from '../test/support/server.js';
import { cpuSeconds, folderBytes, peakResidentBytes } from './process.js';
import { history, type Needles } from './read/history.js';
import { buildPeers, startPeers, type RunningPeer } from './read/peers.js';
import { plainDuckdb } from './read/plain.js';
import { logQuestions, metricQuestions, traceQuestions, type Peer, type Question } from './read/questions.js';
import { percentile, table } from './statistics.js';

const { values: args } = parseArgs({
  options: {
    logs: { type: 'string', default: '500000' },
    spans: { type: 'string', default: '200000' },
    series: { type: 'string', default: '300' },
    hours: { type: 'string', default: '6' },
    repeats: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    data: { type: 'string' },
    peers: { type: 'string', default: '.cache/peers' },
    'build-peers': { type: 'boolean', default: false },
    env: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
  },
});

/** What is kept beside the data, so that a second run asks the same of the same. */
interface Filled {
  readonly start: number;
  readonly end: number;
  readonly needles: Needles;
}

const day = 86_400_000;
const [logs, spans, series, hours] = [args.logs, args.spans, args.series, args.hours].map(Number) as [
  number,
  number,
  number,
  number,
];
const folder = args.data === undefined ? await temporaryFolder() : resolve(args.data);
const dataDir = join(folder, 'canardstack');
const about = join(folder, 'filled.json');
const start = () =>
  startServer({
    dataDir,
    env: {
      CANARDSTACK_LOG_LEVEL: 'warn',
      CANARDSTACK_ACCEPT_LATE_SECS: String(365 * 86_400),
      ...Object.fromEntries(args.env.map((pair) => pair.split(/=(.*)/s, 2) as [string, string])),
    },
  });

async function post(url: string, body: Uint8Array): Promise<void> {
  for (;;) {
    const headers = { 'content-type': 'application/x-protobuf' };
    const answer = await fetch(url, { method: 'POST', headers, body: Uint8Array.from(body) });
    await answer.arrayBuffer();
    if (answer.ok) return;
    if (answer.status !== 429 && answer.status !== 503) throw new Error(`${url}: ${answer.status}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function fill(server: TestServer, peers: readonly RunningPeer[]): Promise<Filled> {
  // Whole steps of an hour, so that no day begins within the history of a run that starts late in one.
  const end = Date.now() - 60_000;
  const needles: Needles = { traceOfLog: '', order: '', trace: '' };
  for (const { signal, body } of history({ logs, spans, series, hours, end }, needles)) {
    const targets = peers.flatMap((peer) => {
      const path = signal === 'traces' ? undefined : peer.exports[signal];
      return path === undefined ? [] : [`${peer.url}${path}`];
    });
    await Promise.all([`${server.url}/v1/${signal}`, ...targets].map((url) => post(url, body)));
  }
  const sealed = async () =>
    (await metricSum(server, 'canardstack_seal_backlog_bytes')) > 0 ? undefined : true;
  await eventually(sealed, 600_000);
  const checkpoint = await fetch(`${server.url}/api/admin/maintenance/checkpoint`, { method: 'POST' });
  if (!checkpoint.ok) throw new Error(`CHECKPOINT: ${await checkpoint.text()}`);
  return { start: Math.floor(end / 1000) - hours * 3600, end: Math.ceil(end / 1000), needles };
}

interface Asked {
  readonly who: 'canardstack' | Peer;
  readonly ask: () => Promise<unknown>;
}

async function fetched(url: string): Promise<void> {
  const answer = await fetch(url);
  const text = await answer.text();
  // Tempo's API has no trace for an unknown id.
  if (!answer.ok && answer.status !== 404) throw new Error(`${url}: ${answer.status} ${text.slice(0, 200)}`);
}

interface Row {
  readonly name: string;
  readonly median: ReadonlyMap<string, number>;
  readonly first: number;
  readonly cpu: number;
}

/** All in turn, once to warm up and then `repeats` times. */
async function measure(name: string, all: readonly Asked[], pid: number): Promise<Row> {
  const times = new Map<string, number[]>(all.map(({ who }) => [who, []]));
  let first = 0;
  let cpu = 0;
  for (let run = 0; run <= Number(args.repeats); run++) {
    for (const { who, ask } of all) {
      const [begun, used] = [performance.now(), cpuSeconds(pid)];
      await ask();
      const taken = performance.now() - begun;
      if (who === 'canardstack' && run > 0) cpu += cpuSeconds(pid) - used;
      if (run > 0) times.get(who)?.push(taken);
      else if (who === 'canardstack') first = taken;
    }
  }
  const median = new Map([...times].map(([who, taken]) => [who, percentile(taken, 0.5)]));
  return { name, median, first, cpu: (cpu * 1000) / Number(args.repeats) };
}

const peerNames: readonly Peer[] = ['plain DuckDB', 'VictoriaLogs', 'Prometheus'];

function show(rows: readonly Row[]): void {
  const seen = peerNames.filter((peer) => rows.some(({ median }) => median.has(peer)));
  const own = (row: Row) => row.median.get('canardstack') ?? NaN;
  const cells = rows.map((row) => [
    row.name,
    row.first,
    own(row),
    row.cpu,
    ...seen.flatMap((peer) => {
      const theirs = row.median.get(peer) ?? NaN;
      return [theirs, own(row) / theirs];
    }),
  ]);
  const head = ['question', 'first ms', 'ms', 'CPU ms', ...seen.flatMap((peer) => [`${peer} ms`, 'ratio'])];
  console.log(`\n${table([head, ...cells])}`);
  for (const peer of seen) {
    const ratios = rows.map((row) => own(row) / (row.median.get(peer) ?? NaN)).filter(Number.isFinite);
    const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
    console.log(`geometric mean to ${peer} over ${ratios.length} questions: ${mean.toFixed(2)}`);
  }
}

await mkdir(folder, { recursive: true });
if (args['build-peers']) await buildPeers(resolve(args.peers));
const peers = await startPeers(resolve(args.peers), folder);
let server: TestServer | null = null;
try {
  if (!existsSync(about)) {
    server = await start();
    const filled = await fill(server, peers);
    await server.stop();
    server = null;
    await writeFile(about, JSON.stringify(filled));
  }
  const { needles, ...span } = JSON.parse(await readFile(about, 'utf8')) as Filled;
  if (Date.now() - span.end * 1000 > day) console.log('the history is older than a day');
  const plain = await plainDuckdb(dataDir);
  server = await start();
  const { url, pid } = server;
  const asked = ({ path, peers: others }: Question): Asked[] => {
    const sql = others['plain DuckDB'];
    return [
      { who: 'canardstack', ask: () => fetched(url + path) },
      ...(sql === undefined ? [] : [{ who: 'plain DuckDB' as const, ask: () => plain.ask(sql) }]),
      ...peers.flatMap((one) => {
        const other = others[one.peer];
        return other === undefined ? [] : [{ who: one.peer, ask: () => fetched(one.url + other) }];
      }),
    ];
  };
  const groups = [
    ['logs', logs > 0 ? logQuestions(span, needles) : []],
    ['metrics', series > 0 ? metricQuestions(span) : []],
    ['traces', spans > 0 ? traceQuestions(span, needles) : []],
  ] as const;
  console.log(
    `${cpus()[0]?.model}, ${cpus().length} cores; ${logs} logs, ${spans} spans, ${series} x 2 series, ${hours} h`,
  );
  const results: Row[] = [];
  for (const [group, questions] of groups) {
    const chosen = questions.filter(({ name }) => `${group} ${name}`.includes(args.only));
    const rows: Row[] = [];
    for (const question of chosen) rows.push(await measure(question.name, asked(question), pid));
    if (rows.length > 0) show(rows);
    results.push(...rows);
  }
  const bytes = folderBytes(join(dataDir, 'data'), (name) => name.endsWith('.parquet'));
  console.log(
    `\npeak memory ${(peakResidentBytes(pid) / 2 ** 20).toFixed(0)} MiB; Parquet ${(bytes / 1e6).toFixed(0)} MB (files that wait for clean-up included)`,
  );
  if (args.json) {
    const flat = results.map(({ median, ...rest }) => ({ ...rest, ms: Object.fromEntries(median) }));
    await writeFile(args.json, JSON.stringify(flat, null, 2));
  }
  plain.close();
} finally {
  await server?.stop();
  for (const peer of peers) await peer.stop();
  if (args.data === undefined) await rm(folder, { recursive: true, force: true });
}
