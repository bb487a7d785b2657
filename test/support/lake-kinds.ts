import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCatalog, testCatalog, type CatalogProcess, type TestCatalog } from './catalog-server.js';
import { skipWithoutPostgres, startPostgres, type TestPostgres } from './postgres.js';
import { skipWithoutS3, startS3, type TestS3 } from './s3.js';
import { extensionDir, startServer, temporaryFolder, type TestServer } from './server.js';

/** Where the catalog is, and where Parquet is. */
export const lakeKinds = ['local-files', 'local-s3', 'quack-files', 'quack-s3', 'postgres-s3'] as const;
export type LakeKind = (typeof lakeKinds)[number];

export function catalogOf(kind: LakeKind): 'local' | 'quack' | 'postgres' {
  return kind.slice(0, kind.indexOf('-')) as 'local' | 'quack' | 'postgres';
}

export function usesS3(kind: LakeKind): boolean {
  return kind.endsWith('-s3');
}

/** A reason to skip tests of this kind, or false. */
export function skipKind(kind: LakeKind): string | false {
  return (usesS3(kind) && skipWithoutS3()) || (catalogOf(kind) === 'postgres' && skipWithoutPostgres());
}

/** One S3 server and one PostgreSQL for the lakes of a run, each started when it is first needed. */
export class Backends {
  #s3: Promise<TestS3> | null = null;
  #postgres: Promise<TestPostgres> | null = null;

  constructor(private readonly options: { fsync?: boolean } = {}) {}

  s3(): Promise<TestS3> {
    return (this.#s3 ??= startS3());
  }

  postgres(): Promise<TestPostgres> {
    return (this.#postgres ??= startPostgres(this.options));
  }

  async stop(): Promise<void> {
    const started = [this.#s3, this.#postgres];
    this.#s3 = this.#postgres = null;
    for (const each of started) await (await each)?.stop();
  }
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestLakeOptions {
  readonly kind: LakeKind;
  readonly backends: Backends;
  /** Of every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Stands between the processes and the object store. */
  readonly s3Endpoint?: string;
}

let made = 0;

/**
 * A lake of one kind with its processes: on a local catalog one server does it all, otherwise there are an ingest node
 * and a query node (and the catalog server). Folders, bucket prefix and database are its own.
 */
export class TestLake {
  #catalogProcess: CatalogProcess | null = null;
  #ingest: TestServer | null = null;
  #query: TestServer | null = null;

  private constructor(
    readonly kind: LakeKind,
    readonly folder: string,
    /** Of every node; holds all that `canardstack` needs to find the lake as well. */
    readonly env: Readonly<Record<string, string>>,
    /** The catalog server's own settings; null where there is none. */
    readonly catalog: TestCatalog | null,
    private readonly postgres: TestPostgres | null,
  ) {}

  static async make(options: TestLakeOptions): Promise<TestLake> {
    const { kind, backends } = options;
    const folder = await temporaryFolder();
    const name = `lake_${process.pid}_${made++}`;
    const postgres = catalogOf(kind) === 'postgres' ? await backends.postgres() : null;
    const s3 = usesS3(kind) ? await backends.s3() : null;
    const endpoint = options.s3Endpoint === undefined ? {} : { endpoint: options.s3Endpoint };
    const data: Record<string, string> = {
      CANARDSTACK_DUCKDB_EXTENSION_DIR: extensionDir(),
      ...s3?.env(endpoint),
      CANARDSTACK_DUCKLAKE_DATA_PATH: s3 === null ? join(folder, 'data') : `s3://${s3.bucket}/${name}`,
      ...options.env,
    };
    if (postgres !== null) data['CANARDSTACK_POSTGRES_DSN'] = await postgres.database(name);
    if (catalogOf(kind) !== 'quack') return new TestLake(kind, folder, data, null, postgres);
    const catalog = await testCatalog(folder);
    const server = { ...catalog, env: { ...catalog.env, ...data } };
    return new TestLake(kind, folder, { ...catalog.nodeEnv, ...data }, server, null);
  }

  get ingest(): TestServer {
    if (this.#ingest === null) throw new Error('the ingest node does not run');
    return this.#ingest;
  }

  get query(): TestServer {
    if (this.#query === null) throw new Error('the query node does not run');
    return this.#query;
  }

  async start(): Promise<void> {
    await this.startCatalog();
    await this.startIngest();
    await this.startQuery();
  }

  /** The catalog server; nothing on other kinds. */
  async startCatalog(env: Record<string, string> = {}): Promise<void> {
    if (this.catalog !== null) this.#catalogProcess = await startCatalog(this.catalog, { env });
  }

  async startIngest(env: Record<string, string> = {}): Promise<void> {
    this.#ingest = await this.#node('ingest', catalogOf(this.kind) === 'local' ? 'all' : 'ingest', env);
  }

  async startQuery(): Promise<void> {
    this.#query = catalogOf(this.kind) === 'local' ? this.ingest : await this.#node('query', 'query', {});
  }

  /** SIGTERM to every process, nodes first. Resolves with the exit codes. */
  async stop(): Promise<(number | null)[]> {
    const codes = await this.stopNodes();
    if (this.#catalogProcess !== null) codes.push(await this.#catalogProcess.stop());
    this.#catalogProcess = null;
    return codes;
  }

  async stopNodes(): Promise<(number | null)[]> {
    const nodes = [...new Set([this.#ingest, this.#query])].filter((node) => node !== null);
    this.#ingest = this.#query = null;
    return Promise.all(nodes.map((node) => node.stop()));
  }

  async stopCatalog(): Promise<number | null> {
    const code = (await this.#catalogProcess?.stop()) ?? null;
    this.#catalogProcess = null;
    return code;
  }

  /** SIGKILL. The query node of a local catalog is the same process. */
  async killIngest(): Promise<void> {
    await this.#ingest?.kill();
    if (this.#query === this.#ingest) this.#query = null;
    this.#ingest = null;
  }

  /** SIGKILL to what holds the catalog: its server, or PostgreSQL with all its processes. */
  async killCatalog(): Promise<void> {
    await this.postgres?.kill();
    await this.#catalogProcess?.kill();
    this.#catalogProcess = null;
  }

  /** Starts again what `killCatalog` ended. */
  async reviveCatalog(): Promise<void> {
    await this.postgres?.start();
    await this.startCatalog();
  }

  /** Runs `canardstack` with the settings of the lake; `server` is the one that it asks, null when none runs. */
  async cli(
    args: readonly string[],
    server: TestServer | null,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Outcome> {
    const main = fileURLToPath(new URL('../../src/cli/bin.cjs', import.meta.url));
    const child = spawn(process.execPath, [main, ...args], {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        ...this.env,
        CANARDSTACK_DATA_DIR: server?.dataDir ?? join(this.folder, 'ingest'),
        CANARDSTACK_BIND: server === null ? '127.0.0.1:1' : new URL(server.url).host,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 120_000,
    });
    const out = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (out.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (out.stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { ...out, code };
  }

  /** SIGKILL to all that still runs, and the folder removed unless `keep`. */
  async remove(keep = false): Promise<void> {
    for (const node of new Set([this.#ingest, this.#query])) await node?.kill();
    await this.#catalogProcess?.kill();
    if (!keep) await rm(this.folder, { recursive: true, force: true });
  }

  #node(name: string, role: string, env: Record<string, string>): Promise<TestServer> {
    return startServer({
      dataDir: join(this.folder, name),
      env: { ...this.env, ...env, CANARDSTACK_ROLE: role },
    });
  }
}
