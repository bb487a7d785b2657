import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../test/support/server.js';
import type { Peer } from './questions.js';

/** A peer as its Go module builds it. */
interface Module {
  readonly peer: Exclude<Peer, 'plain DuckDB' | 'on S3'>;
  readonly program: string;
  readonly module: string;
  readonly package: string;
  readonly tags: string;
  readonly arguments: (port: number, folder: string) => readonly string[];
  /** Where a signal goes, and what tells that it is up. */
  readonly exports: Partial<Record<'logs' | 'metrics', string>>;
  readonly ready: string;
}

const modules: readonly Module[] = [
  {
    peer: 'VictoriaLogs',
    program: 'victoria-logs',
    module: 'github.com/VictoriaMetrics/VictoriaLogs@v1.52.1',
    package: 'github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs',
    tags: '',
    arguments: (port, folder) => [
      `-httpListenAddr=127.0.0.1:${port}`,
      `-storageDataPath=${folder}`,
      '-retentionPeriod=30d',
    ],
    exports: { logs: '/insert/opentelemetry/v1/logs' },
    ready: '/health',
  },
  {
    peer: 'Prometheus',
    program: 'prometheus',
    module: 'github.com/prometheus/prometheus@v0.316.0',
    package: 'github.com/prometheus/prometheus/cmd/prometheus',
    tags: 'remove_all_sd',
    arguments: (port, folder) => [
      `--web.listen-address=127.0.0.1:${port}`,
      `--storage.tsdb.path=${folder}`,
      `--config.file=${folder}.yml`,
      '--web.enable-otlp-receiver',
    ],
    exports: { metrics: '/api/v1/otlp/v1/metrics' },
    ready: '/-/ready',
  },
];

export interface Running {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<unknown>;
}

export interface KnownPeer extends Module {
  readonly folder: string;
  start(): Promise<Running>;
}

/** Programs beside the peers, for drills. */
const others = [
  {
    program: 'vmagent',
    module: 'github.com/VictoriaMetrics/VictoriaMetrics@v1.148.9',
    package: 'github.com/VictoriaMetrics/VictoriaMetrics/app/vmagent',
    tags: '',
  },
];

/** Builds the peers' programs into `cache` from their Go modules, where they are not there yet. */
export async function buildPeers(cache: string): Promise<void> {
  await buildPrograms(
    cache,
    modules.map(({ program }) => program),
  );
}

/** The same for the programs of these names. */
export async function buildPrograms(cache: string, names: readonly string[]): Promise<void> {
  for (const { program, module, package: main, tags } of [...modules, ...others]) {
    if (!names.includes(program) || existsSync(join(cache, program))) continue;
    const scratch = join(cache, `${program}-module`);
    await mkdir(scratch, { recursive: true });
    const go = (...args: readonly string[]) =>
      promisify(execFile)('go', [...args], {
        cwd: scratch,
        env: { ...process.env, GOFLAGS: '-mod=mod' },
        maxBuffer: 64 * 1024 * 1024,
      });
    if (!existsSync(join(scratch, 'go.mod'))) await go('mod', 'init', 'scratch');
    await go('get', module);
    await go('build', '-tags', tags, '-o', join(cache, program), main);
  }
}

/** Those peers whose programs are in `cache`, each with its data in `folder`; none runs yet. */
export async function knownPeers(cache: string, folder: string): Promise<KnownPeer[]> {
  const known: KnownPeer[] = [];
  for (const one of modules) {
    const program = join(cache, one.program);
    if (!existsSync(program)) continue;
    const own = join(folder, one.program);
    // Samples of the past come in their order, which a head that is empty takes.
    await writeFile(`${own}.yml`, 'storage:\n  tsdb:\n    out_of_order_time_window: 30d\n');
    known.push({ ...one, folder: own, start: () => start(one, program, own) });
  }
  return known;
}

async function start(one: Module, program: string, folder: string): Promise<Running> {
  const port = await freePort();
  const child = spawn(program, [...one.arguments(port, folder)], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  await up(child, `${url}${one.ready}`, one.peer);
  return {
    url,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

async function up(child: ChildProcess, url: string, name: string): Promise<void> {
  for (const end = Date.now() + 120_000; Date.now() < end && child.exitCode === null; await sleep(100)) {
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
  }
  child.kill('SIGKILL');
  throw new Error(`${name} did not start`);
}
