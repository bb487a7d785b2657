import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { TunnelCommand, TunnelEvent, TunnelOptions } from './protocol.js';

/** Where the catalog server is and how it is spoken to. */
export interface QuackTarget {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly insecureTls: boolean;
  readonly caFile: string | undefined;
  /** Bound of one request, milliseconds; a change that the server is at work on may take longer. */
  readonly timeoutMs: number;
  /** Undefined when none is set, which is an error at ATTACH. A secret. */
  readonly token: string | undefined;
}

const startTimeoutMs = 10_000;
/** Closing an instance says good-bye to the server, and waits for it. */
const partingMs = 500;

/**
 * A way from DuckDB to the catalog server over a loopback port: DuckDB's own HTTP client waits for an answer without
 * bound and opens a TLS connection for every request. It lives in a thread of its own, because DuckDB may wait for the
 * server on the main one.
 */
export class CatalogTunnel {
  #reason: string | null = null;

  private constructor(
    private readonly worker: Worker,
    readonly port: number,
  ) {
    worker.on('message', (event: TunnelEvent) => {
      if (event.kind === 'state') this.#reason = event.reason;
    });
    worker.on('error', (error) => (this.#reason = `the way to the catalog server broke: ${error.message}`));
  }

  /** Listens; reaches the server only when DuckDB asks for it. Throws when the CA file can't be read. */
  static async open(target: QuackTarget): Promise<CatalogTunnel> {
    const { caFile } = target;
    const ca = caFile === undefined ? undefined : await readCa(caFile);
    const workerData: TunnelOptions = {
      host: target.host,
      port: target.port,
      tls: target.tls,
      insecure: target.insecureTls,
      ca,
      timeoutMs: target.timeoutMs,
    };
    // No environment: it needs none, and would only hold secrets.
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, env: {} });
    worker.unref();
    const port = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => {
        void worker.terminate();
        reject(new Error('the way to the catalog server did not open in time'));
      }, startTimeoutMs);
      worker.once('message', (event: TunnelEvent) => {
        clearTimeout(timer);
        if (event.kind === 'listening') resolve(event.port);
      });
      worker.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
    });
    return new CatalogTunnel(worker, port);
  }

  /** Why the last request did not get an answer, for people; null when it did. */
  get reason(): string | null {
    return this.#reason;
  }

  /** From now on requests are given up soon: the one that uses it is being closed. */
  part(): void {
    this.worker.postMessage({ timeoutMs: partingMs } satisfies TunnelCommand);
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}

async function readCa(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Error(`CANARDSTACK_DUCKLAKE_QUACK_CA_FILE: ${file} cannot be read (${code})`, { cause: error });
  }
}
