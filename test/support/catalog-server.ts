import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, extensionDir, freePort } from './server.js';

/** A shared catalog: its folders and ports stay the same when its server is started again. */
export interface TestCatalog {
  readonly folder: string;
  readonly dataPath: string;
  readonly port: number;
  readonly healthUrl: string;
  readonly token: string;
  readonly env: Readonly<Record<string, string>>;
  /** What a node needs to attach to it. */
  readonly nodeEnv: Readonly<Record<string, string>>;
  readonly log: string;
}

export interface CatalogProcess {
  readonly pid: number;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, waits for the end, gives the exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

export async function testCatalog(folder: string): Promise<TestCatalog> {
  const [port, backend, health] = [await freePort(), await freePort(), await freePort()];
  const token = `test-token-${port}-${process.pid}`;
  const dataPath = join(folder, 'data');
  await mkdir(join(folder, 'catalog'), { recursive: true });
  return {
    folder,
    dataPath,
    port,
    token,
    healthUrl: `http://127.0.0.1:${health}`,
    log: join(folder, 'catalog.log'),
    env: {
      CANARDSTACK_DATA_DIR: join(folder, 'catalog'),
      CANARDSTACK_DUCKLAKE_DATA_PATH: dataPath,
      CANARDSTACK_CATALOG_LISTEN: `127.0.0.1:${port}`,
      CANARDSTACK_CATALOG_QUACK_BACKEND: `127.0.0.1:${backend}`,
      CANARDSTACK_CATALOG_HEALTH_BIND: `127.0.0.1:${health}`,
      CANARDSTACK_DUCKLAKE_QUACK_TOKEN: token,
    },
    nodeEnv: {
      CANARDSTACK_DUCKLAKE_ATTACH_URI: `ducklake:quack:127.0.0.1:${port}`,
      CANARDSTACK_DUCKLAKE_DATA_PATH: dataPath,
      CANARDSTACK_DUCKLAKE_QUACK_TOKEN: token,
      CANARDSTACK_DUCKLAKE_QUACK_INSECURE_TLS: 'true',
      CANARDSTACK_DUCKLAKE_QUACK_TIMEOUT_MS: '3000',
    },
  };
}

/** Starts `serve-catalog` as a process of its own and waits until it serves. */
export async function startCatalog(
  catalog: TestCatalog,
  options: { env?: Record<string, string>; waitReady?: boolean } = {},
): Promise<CatalogProcess> {
  const main = fileURLToPath(new URL('../../src/cli/bin.cjs', import.meta.url));
  const child = spawn(process.execPath, [main, 'serve-catalog'], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir(),
      ...catalog.env,
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const sink = createWriteStream(catalog.log, { flags: 'a' });
  child.stdout.pipe(sink, { end: false });
  child.stderr.pipe(sink, { end: false });
  const exited = once(child, 'exit').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  if (options.waitReady !== false) {
    try {
      const ready = eventually(
        async () => ((await fetch(`${catalog.healthUrl}/readyz`)).ok ? true : undefined),
        60_000,
      );
      ready.catch(() => undefined);
      await Promise.race([
        ready,
        exited.then(({ code }) => {
          throw new Error(`it ended with ${code}`);
        }),
      ]);
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error(`the catalog server did not start:\n${await readFile(catalog.log, 'utf8')}`, {
        cause: error,
      });
    }
  }
  return {
    pid: child.pid ?? 0,
    exited,
    signal: (name) => void child.kill(name),
    async stop() {
      child.kill('SIGTERM');
      return (await exited).code;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
