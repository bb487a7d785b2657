import type { DuckDBConnection } from '@duckdb/node-api';
import type { Config } from '../../config/settings.js';
import { isLoopback, parseBind } from '../../config/address.js';
import { firstLine } from '../../duckdb/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import { within } from '../../timeout/index.js';
import type { CatalogOwnership } from '../lease/index.js';
import { QuackBackend } from './backend.js';
import { serverCertificate } from './certificate.js';
import { catalogServerGauges, catalogServerMetrics } from './metrics.js';
import { Terminator } from './terminator.js';

export { catalogServerExtensions } from './backend.js';
export { startHealth } from './health.js';

export interface CatalogServerOptions {
  readonly config: Pick<
    Config,
    | 'catalogListen'
    | 'catalogTls'
    | 'catalogQuackBackend'
    | 'catalogMaxConnections'
    | 'tlsCert'
    | 'tlsKey'
    | 'ducklakeQuackToken'
  > & { readonly duckdbMemoryLimitBytes: number; readonly duckdbThreads: number };
  readonly ownership: CatalogOwnership;
  readonly extensionDir: string;
  /** A folder for files on their way into a backup. */
  readonly scratch: string;
  readonly telemetry: Telemetry;
}

const probeTimeoutMs = 5000;
const checkpointEveryMs = 30_000;
/** Below this a WAL is not worth writing back. */
const smallWalBytes = 1024 * 1024;

/** Throws a clear error when the settings would serve the catalog to anyone, or not at all. */
export function assertCatalogServable(
  config: Pick<Config, 'ducklakeQuackToken' | 'catalogListen' | 'catalogTls' | 'catalogQuackBackend'>,
): void {
  if (config.ducklakeQuackToken === undefined) {
    throw new Error(
      'CANARDSTACK_DUCKLAKE_QUACK_TOKEN is not set: whoever reaches the catalog server could change the lake. Set ' +
        'the same token of at least 8 characters here and on every node, for instance from "openssl rand -hex 24"',
    );
  }
  const listen = parseBind(config.catalogListen);
  if (!config.catalogTls && !isLoopback(listen.host)) {
    throw new Error(
      `CANARDSTACK_CATALOG_LISTEN is ${config.catalogListen}, which is not a loopback address, and ` +
        'CANARDSTACK_CATALOG_TLS is false: the token would travel in the clear',
    );
  }
  if (!isLoopback(parseBind(config.catalogQuackBackend).host)) {
    throw new Error(
      `CANARDSTACK_CATALOG_QUACK_BACKEND is ${config.catalogQuackBackend}: it speaks plain text, so it must be a ` +
        'loopback address',
    );
  }
}

/** Serves one catalog file to other nodes while this process owns it. */
export class CatalogServer {
  readonly #timer: NodeJS.Timeout;
  #checkpointing: Promise<void> | null = null;

  private constructor(
    private readonly backend: QuackBackend,
    private readonly terminator: Terminator,
    private readonly metrics: ReturnType<typeof catalogServerMetrics>,
    private readonly telemetry: Telemetry,
    private readonly closers: readonly (() => void)[],
  ) {
    this.#timer = setInterval(() => void this.#checkpointIfLarge(), checkpointEveryMs).unref();
  }

  /** `assertCatalogServable` must have passed. The catalog's tables must be there already. */
  static async start(options: CatalogServerOptions): Promise<CatalogServer> {
    const { config, ownership, telemetry } = options;
    const listen = parseBind(config.catalogListen);
    const address = parseBind(config.catalogQuackBackend);
    const metrics = catalogServerMetrics(telemetry.registry);
    const certificate = await serverCertificate(config, listen.host, telemetry);
    const backend = await QuackBackend.open({
      file: ownership.file,
      extensionDir: options.extensionDir,
      memoryLimitBytes: config.duckdbMemoryLimitBytes,
      threads: config.duckdbThreads,
      address,
      token: config.ducklakeQuackToken ?? '',
      scratch: options.scratch,
    });
    try {
      const terminator = await Terminator.start({
        listen,
        backend: address,
        tls: certificate?.pair,
        confirm: () => ownership.confirm(),
        valid: () => ownership.valid(),
        maxConnections: config.catalogMaxConnections,
        metrics,
        log: telemetry.log,
      });
      const stopFollowing = certificate?.files?.onChange((pair) => terminator.setCertificate(pair));
      const closers = [() => stopFollowing?.(), () => certificate?.files?.close()];
      catalogServerGauges(telemetry.registry, {
        connections: () => terminator.connections,
        sessions: () => backend.sessions(),
        sizes: () => backend.sizes(),
      });
      return new CatalogServer(backend, terminator, metrics, telemetry, closers);
    } catch (error) {
      await backend.stop().catch(() => undefined);
      throw error;
    }
  }

  get port(): number {
    return this.terminator.port;
  }

  /** Beside the clients, for reading the catalog; its name is given. */
  withConnection<T>(work: (connection: DuckDBConnection, database: string) => Promise<T>): Promise<T> {
    return this.backend.withConnection(work);
  }

  /** Null when a query on the catalog works within 5 s, else why not. */
  async check(): Promise<string | null> {
    const begun = performance.now();
    const probe = this.backend.probe().then(
      () => null,
      (error: unknown) => `the catalog does not answer: ${firstLine(error)}`,
    );
    const reason = await within(probeTimeoutMs, probe, () => 'the catalog does not answer');
    this.metrics.probeSeconds.set((performance.now() - begun) / 1000);
    return reason;
  }

  /** Cuts every client off; the catalog file is left as it is. For a lease that is lost. */
  sever(): void {
    clearInterval(this.#timer);
    this.terminator.sever();
  }

  /** Lets requests end within `graceMs`, then writes the WAL back and closes the file. */
  async close(graceMs: number): Promise<void> {
    clearInterval(this.#timer);
    for (const close of this.closers) close();
    await this.terminator.close(graceMs);
    await this.#checkpointing;
    await this.backend.stop();
  }

  async #checkpointIfLarge(): Promise<void> {
    const { wal } = await this.backend.sizes();
    if (wal < smallWalBytes || this.#checkpointing) return;
    this.#checkpointing = this.backend.checkpoint().then(
      () => this.metrics.checkpoints.inc({ status: 'ok' }),
      (error: unknown) => {
        // Open transactions are in the way; DuckDB itself does it at a commit, and here it is tried again.
        this.metrics.checkpoints.inc({ status: 'error' });
        this.telemetry.log.debug({ err: firstLine(error) }, "the catalog's WAL was not written back");
      },
    );
    await this.#checkpointing;
    this.#checkpointing = null;
  }
}
