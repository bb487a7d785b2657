import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { ConfigError } from './errors.js';
import type { Config } from './settings.js';
import { Counter, Gauge, type Telemetry } from '../telemetry/index.js';

/** PEM, as in the files. */
export interface CertificatePair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * The certificate and key files, read again every few seconds. Contents are compared rather than times:
 * mounted secrets are swapped by symbolic links, where neither times nor file events can be relied on.
 * A new pair that cannot be used (half written, key of another certificate) leaves the old one in place.
 */
export class TlsFiles {
  #current: CertificatePair;
  #rejected: CertificatePair | null = null;
  readonly #listeners = new Set<(pair: CertificatePair) => void>();
  readonly #timer: NodeJS.Timeout;
  readonly #reloads: Counter<'outcome'>;
  #checking: Promise<void> | null = null;

  private constructor(
    private readonly certFile: string,
    private readonly keyFile: string,
    private readonly telemetry: Telemetry,
    first: CertificatePair,
    pollMs: number,
  ) {
    this.#current = first;
    const registers = [telemetry.registry];
    this.#reloads = new Counter({
      name: 'canardstack_tls_reloads_total',
      help: 'Changed certificate files by outcome; a rejected pair leaves the old one in use.',
      labelNames: ['outcome'],
      registers,
    });
    const current = () => this.#current;
    new Gauge({
      name: 'canardstack_tls_certificate_expiry_timestamp_seconds',
      help: 'Unix time at which the certificate in use expires.',
      registers,
      collect() {
        this.set(Date.parse(new X509Certificate(current().cert).validTo) / 1000);
      },
    });
    this.#timer = setInterval(() => void this.check(), pollMs).unref();
  }

  /** Throws an error that names the file when the pair cannot be read or used. */
  static async open(
    certFile: string,
    keyFile: string,
    telemetry: Telemetry,
    pollMs = 5000,
  ): Promise<TlsFiles> {
    const first = await readPair(certFile, keyFile);
    assertUsable(first, certFile, keyFile);
    return new TlsFiles(certFile, keyFile, telemetry, first, pollMs);
  }

  get current(): CertificatePair {
    return this.#current;
  }

  /** Calls `listener` with each later pair; gives the function that ends that. */
  onChange(listener: (pair: CertificatePair) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks at the files now. Never rejects. */
  check(): Promise<void> {
    this.#checking ??= this.#reload().finally(() => (this.#checking = null));
    return this.#checking;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  async #reload(): Promise<void> {
    const { log } = this.telemetry;
    let pair: CertificatePair | null = null;
    try {
      pair = await readPair(this.certFile, this.keyFile);
      if (samePair(pair, this.#current)) {
        this.#rejected = null;
        return;
      }
      if (this.#rejected && samePair(pair, this.#rejected)) return;
      assertUsable(pair, this.certFile, this.keyFile);
    } catch (error) {
      this.#rejected = pair;
      this.#reloads.inc({ outcome: 'rejected' });
      log.error({ err: error }, 'the changed TLS certificate cannot be used; the one before stays in use');
      return;
    }
    this.#current = pair;
    this.#rejected = null;
    for (const listener of this.#listeners) listener(pair);
    this.#reloads.inc({ outcome: 'loaded' });
    log.info(
      { file: this.certFile, validTo: new X509Certificate(pair.cert).validTo },
      'TLS certificate loaded',
    );
  }
}

/** TLS as configured; undefined when it is off. Throws ConfigError when one of the files is missing or unusable. */
export async function openTls(
  config: Pick<Config, 'tlsCert' | 'tlsKey'>,
  telemetry: Telemetry,
  pollMs?: number,
): Promise<TlsFiles | undefined> {
  const { tlsCert, tlsKey } = config;
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined)
    throw new ConfigError(['CANARDSTACK_TLS_KEY is set but CANARDSTACK_TLS_CERT is not']);
  if (tlsKey === undefined)
    throw new ConfigError(['CANARDSTACK_TLS_CERT is set but CANARDSTACK_TLS_KEY is not']);
  try {
    return await TlsFiles.open(tlsCert, tlsKey, telemetry, pollMs);
  } catch (error) {
    throw new ConfigError([error instanceof Error ? error.message : String(error)]);
  }
}

async function readPair(certFile: string, keyFile: string): Promise<CertificatePair> {
  const [cert, key] = await Promise.all([
    readFile(certFile).catch((error: unknown) => fail('CANARDSTACK_TLS_CERT', certFile, error)),
    readFile(keyFile).catch((error: unknown) => fail('CANARDSTACK_TLS_KEY', keyFile, error)),
  ]);
  return { cert, key };
}

function fail(setting: string, file: string, error: unknown): never {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  throw new Error(`${setting}: ${file} cannot be read (${code})`, { cause: error });
}

function assertUsable(pair: CertificatePair, certFile: string, keyFile: string): void {
  try {
    createSecureContext({ cert: pair.cert, key: pair.key });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'not PEM';
    throw new Error(`the certificate ${certFile} and the key ${keyFile} cannot be used together (${why})`, {
      cause: error,
    });
  }
}

function samePair(a: CertificatePair, b: CertificatePair): boolean {
  return a.cert.equals(b.cert) && a.key.equals(b.key);
}
