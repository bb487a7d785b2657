import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TestServer {
  readonly url: string;
  readonly grpc: string;
  readonly pid: number;
  readonly dataDir: string;
  /** JSON log lines written so far. */
  logs(): Promise<string>;
  /** SIGTERM, waits for the end, gives the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, waits for the end. */
  kill(): Promise<void>;
  /** Resolves when the process ends by itself. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Outside the range that outgoing connections take theirs from, and given to no other test for a while. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    if (!(await reserve(port))) continue;
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('no port');
}

const reservedMs = 600_000;

/** Test files run side by side: between this look at a port and the server's own, none of them may take it. */
async function reserve(port: number): Promise<boolean> {
  const folder = join(tmpdir(), 'canardstack-ports');
  const file = join(folder, String(port));
  await mkdir(folder, { recursive: true });
  const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: 0 }));
  if (mtimeMs > 0 && Date.now() - mtimeMs > reservedMs) await rm(file, { force: true });
  return writeFile(file, '', { flag: 'wx' }).then(
    () => true,
    () => false,
  );
}

export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'canardstack-'));
}

export function extensionDir(): string {
  return process.env['CANARDSTACK_DUCKDB_EXTENSION_DIR'] ?? join(process.cwd(), '.cache/ext');
}

/** Starts the built server as a process of its own, on free loopback ports, and waits until it is ready. */
export async function startServer(
  options: {
    dataDir?: string;
    env?: Record<string, string>;
    nodeArgs?: string[];
    waitReady?: boolean;
    /** Called with the id of the process before it has done much. */
    started?: (pid: number) => void;
  } = {},
): Promise<TestServer> {
  const dataDir = options.dataDir ?? (await temporaryFolder());
  const [port, grpcPort] = [await freePort(), await freePort()];
  const log = join(tmpdir(), `canardstack-${port}.log`);
  const main = fileURLToPath(new URL('../../src/cli/bin.cjs', import.meta.url));
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), main, 'serve'], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      CANARDSTACK_BIND: `127.0.0.1:${port}`,
      CANARDSTACK_GRPC_BIND: `127.0.0.1:${grpcPort}`,
      CANARDSTACK_DATA_DIR: dataDir,
      CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir(),
      CANARDSTACK_DUCKLAKE_MAINTENANCE_ENABLED: 'false',
      CANARDSTACK_CATALOG_LEASE_SECS: '300',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) options.started?.(child.pid);
  const sink = createWriteStream(log, { flags: 'a' });
  child.stdout.pipe(sink, { end: false });
  child.stderr.pipe(sink, { end: false });
  const exited = once(child, 'exit').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  const url = `${options.env?.['CANARDSTACK_TLS_CERT'] ? 'https' : 'http'}://127.0.0.1:${port}`;
  if (options.waitReady !== false) await ready(url, child, log);
  return {
    url,
    grpc: `127.0.0.1:${grpcPort}`,
    pid: child.pid ?? 0,
    dataDir,
    exited,
    logs: () => readFile(log, 'utf8'),
    async stop() {
      child.kill('SIGTERM');
      const { code } = await exited;
      await rm(log, { force: true });
      return code;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Far beyond what anything takes on an idle machine, so that a loaded one fails no test. */
export const longestWaitMs = 180_000;

async function ready(url: string, child: ChildProcess, log: string): Promise<void> {
  const deadline = Date.now() + longestWaitMs;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    try {
      if ((await fetch(`${url}/readyz`)).ok) return;
    } catch {
      // not listening yet
    }
    await sleep(50);
  }
  child.kill('SIGKILL');
  throw new Error(`the server did not become ready:\n${await readFile(log, 'utf8')}`);
}

/** A server to ask, and what a request to it carries besides (a key). */
export interface Asked {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Runs read-only SQL through the server's admin API; rows as objects. */
export async function sql(server: Asked, text: string): Promise<Record<string, unknown>[]> {
  const response = await fetch(`${server.url}/api/admin/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...server.headers },
    body: JSON.stringify({ sql: text }),
  });
  const body = (await response.json()) as { columns: { name: string }[]; rows: unknown[][]; error?: string };
  if (!response.ok) throw new Error(`${response.status}: ${JSON.stringify(body)}`);
  return body.rows.map((row) => Object.fromEntries(body.columns.map((column, i) => [column.name, row[i]])));
}

/** Polls until `check` gives something else than undefined; what a check takes is a third of the time at most. */
export async function eventually<T>(
  check: () => Promise<T | undefined>,
  timeoutMs = longestWaitMs,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < deadline) {
    const from = performance.now();
    try {
      const value = await check();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    await sleep(Math.max(50, 2 * (performance.now() - from)));
  }
  throw new Error('it did not happen in time', { cause: last });
}
