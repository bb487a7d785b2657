/**
 * Fills a server with a history and asks the questions of all three languages; the same to DuckDB on the very files, to VictoriaLogs
 * and Prometheus, and to a server whose files are on S3. All take turns, so what the machine does besides hits them alike.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { startServer, temporaryFolder } from '../test/support/server.js';
import { options } from './options.js';
import { folderBytes, peakResidentBytes, residentBytes } from './process.js';
import { fill, type Filled } from './read/fill.js';
import {
  cold,
  idle,
  inTurn,
  once,
  show,
  type Asked,
  type Row,
  type Startable,
  type Taken,
  type Who,
} from './read/measure.js';
import { buildPeers, knownPeers, type KnownPeer, type Running } from './read/peers.js';
import { plainDuckdb } from './read/plain.js';
import { logQuestions, metricQuestions, traceQuestions, type Question } from './read/questions.js';
import { lakeOnS3, type LakeOnS3 } from './read/s3.js';
import { table } from './statistics.js';

const args = options(
  'npm run bench:read',
  'What questions take, of all three languages, over a history, beside what others take for the same.',
  {
    logs: { value: 500_000, text: 'log lines of the history' },
    spans: { value: 200_000, text: 'its spans' },
    series: { value: 300, text: 'its series, of each of two metrics, a point each 15 s' },
    hours: { value: 6, text: 'how long it is' },
    repeats: { value: 7, text: 'times each question is asked after the first' },
    only: { value: '', of: 'TEXT', text: 'questions whose group (logs, metrics, traces) and name have it' },
    cold: { flag: true, text: 'also ask each question first of all to a process that has just started' },
    s3: { flag: true, text: 'also ask a server whose files are on a local S3 server' },
    data: { of: 'FOLDER', text: 'where the history is, or is kept for later runs' },
    peers: {
      value: '.cache/peers',
      of: 'FOLDER',
      text: 'where the programs of VictoriaLogs and Prometheus are',
    },
    'build-peers': { flag: true, text: 'build them there first, from their Go modules' },
    env: { multiple: true, of: 'NAME=VALUE', text: 'a setting of the server' },
    json: { of: 'FILE', text: 'where to write the figures' },
  },
);

const day = 86_400_000;
const { logs, spans, series, hours } = args;
const folder = args.data === undefined ? await temporaryFolder() : resolve(args.data);
const dataDir = join(folder, 'canardstack');
const about = join(folder, 'filled.json');
const start = (lake: Pick<LakeOnS3, 'dataDir' | 'env'> = { dataDir, env: {} }) =>
  startServer({
    dataDir: lake.dataDir,
    env: {
      CANARDSTACK_LOG_LEVEL: 'warn',
      CANARDSTACK_ACCEPT_LATE_SECS: String(365 * 86_400),
      ...lake.env,
      ...Object.fromEntries(args.env.map((pair) => pair.split(/=(.*)/s, 2) as [string, string])),
    },
  });

async function fetched(url: string): Promise<void> {
  const answer = await fetch(url);
  const text = await answer.text();
  // Tempo's API has no trace for an unknown id.
  if (!answer.ok && answer.status !== 404) throw new Error(`${url}: ${answer.status} ${text.slice(0, 200)}`);
}

/** One of those who are asked by HTTP, and the path at which it gets a question; undefined for one that it is not asked. */
interface Candidate {
  readonly who: Who;
  readonly start: () => Promise<Running>;
  readonly path: (question: Question) => string | undefined;
}

function candidates(peers: readonly KnownPeer[], s3: LakeOnS3 | null): Candidate[] {
  return [
    { who: 'canardstack', start: () => start(), path: ({ path }) => path },
    ...(s3 === null
      ? []
      : [{ who: 'on S3' as const, start: () => start(s3), path: ({ path }: Question) => path }]),
    ...peers.map((one) => ({
      who: one.peer,
      start: () => one.start(),
      path: (question: Question) => question.peers[one.peer],
    })),
  ];
}

/** Of those who are asked something, each with its process. */
async function startAll(all: readonly Candidate[]): Promise<(Candidate & Running)[]> {
  const running: (Candidate & Running)[] = [];
  for (const one of all) running.push({ ...one, ...(await one.start()) });
  return running;
}

const MiB = (bytes: number) => bytes / 2 ** 20;
const flat = (times: ReadonlyMap<Who, Taken>) => Object.fromEntries(times);

await mkdir(folder, { recursive: true });
if (args['build-peers']) await buildPeers(resolve(args.peers));
const peers = await knownPeers(resolve(args.peers), folder);
let s3: LakeOnS3 | null = null;
const stopping: { stop(): Promise<unknown> }[] = [];
try {
  if (!existsSync(about)) {
    const receivers: (Running & KnownPeer)[] = [];
    for (const peer of peers) receivers.push({ ...peer, ...(await peer.start()) });
    stopping.push(...receivers);
    const server = await start();
    stopping.push(server);
    const filled = await fill(server, receivers, { logs, spans, series, hours, end: Date.now() - 60_000 });
    for (const one of stopping.splice(0)) await one.stop();
    await writeFile(about, JSON.stringify(filled));
  }
  const { needles, ...span } = JSON.parse(await readFile(about, 'utf8')) as Filled;
  if (Date.now() - span.end * 1000 > day) console.log('the history is older than a day');
  const plain = await plainDuckdb(dataDir);
  if (args.s3) {
    s3 = await lakeOnS3(dataDir, folder);
    stopping.push(s3.s3);
  }
  const groups = [
    ['logs', logs > 0 ? logQuestions(span, needles) : []],
    ['metrics', series > 0 ? metricQuestions(span) : []],
    ['traces', spans > 0 ? traceQuestions(span, needles) : []],
  ] as const;
  const chosen = groups.map(([group, questions]) => ({
    group,
    questions: questions.filter(({ name }) => `${group} ${name}`.includes(args.only)),
  }));
  const all = candidates(peers, s3);
  console.log(
    `${cpus()[0]?.model}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}; ${logs} logs, ${spans} spans, ${series} x 2 series, ${hours} h`,
  );
  const colds = new Map<Question, ReadonlyMap<Who, Taken>>();
  if (args.cold) {
    for (const { group, questions } of chosen) {
      for (const question of questions) {
        const asked = all.flatMap(({ who, path, start }): Startable[] => {
          const at = path(question);
          return at === undefined ? [] : [{ who, start, ask: ({ url }) => fetched(url + at) }];
        });
        colds.set(question, await cold(asked));
      }
      const rows = questions.map((question) => ({
        name: question.name,
        times: colds.get(question) ?? new Map(),
      }));
      if (rows.length > 0) show(`${group}, first of a process`, rows);
    }
  }
  const running = await startAll(all);
  stopping.push(...running);
  const fresh = running.map(({ pid }) => residentBytes(pid));
  const results: { readonly group: string; readonly question: Question; readonly row: Row }[] = [];
  for (const { group, questions } of chosen) {
    const rows: Row[] = [];
    const askedOf = (question: Question): Asked[] => {
      const sql = question.peers['plain DuckDB'];
      const asked = running.flatMap(({ who, pid, url, path }): Asked[] => {
        const at = path(question);
        return at === undefined ? [] : [{ who, pid, ask: () => fetched(url + at) }];
      });
      if (sql !== undefined) asked.push({ who: 'plain DuckDB', pid: process.pid, ask: () => plain.ask(sql) });
      return asked;
    };
    const firsts: ReadonlyMap<Who, Taken>[] = [];
    for (const question of questions) firsts.push(await once(askedOf(question)));
    for (const { who, pid } of running) if (who === 'canardstack' || who === 'on S3') await idle(pid);
    for (const [i, question] of questions.entries()) {
      const warm = await inTurn(askedOf(question), args.repeats);
      const row = { name: question.name, first: firsts[i] ?? new Map(), warm };
      rows.push(row);
      results.push({ group, question, row });
    }
    if (rows.length === 0) continue;
    show(
      `${group}, first`,
      rows.map(({ name, first }) => ({ name, times: first })),
    );
    show(
      `${group}, warm`,
      rows.map(({ name, warm }) => ({ name, times: warm })),
    );
  }
  const disk = new Map<Who, number>(peers.map((one) => [one.peer, folderBytes(one.folder)]));
  disk.set('canardstack', plain.liveBytes);
  console.log(
    `\n${table([
      ['', 'resident MiB', 'after the questions', 'at most', 'disk MB'],
      ...running.map(({ who, pid }, i) => [
        who,
        MiB(fresh[i] ?? NaN),
        MiB(residentBytes(pid)),
        MiB(peakResidentBytes(pid)),
        (disk.get(who) ?? NaN) / 1e6,
      ]),
    ])}`,
  );
  if (args.json) {
    const figures = results.map(({ group, question, row }) => ({
      group,
      name: row.name,
      cold: flat(colds.get(question) ?? new Map()),
      first: flat(row.first),
      warm: flat(row.warm),
    }));
    await writeFile(args.json, JSON.stringify(figures, null, 2));
  }
  plain.close();
} finally {
  for (const one of stopping.reverse()) await one.stop();
  if (args.data === undefined) await rm(folder, { recursive: true, force: true });
}
