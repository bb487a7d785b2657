import type { DuckDBConnection } from '@duckdb/node-api';
import { LakeError, literal } from '../duckdb/index.js';
import {
  s3Target,
  StorageError,
  storageCredentials,
  type CredentialSource,
  type S3Target,
  type StorageCredentials,
  type StorageSettings,
} from '../storage/index.js';
import { Counter, type Logger, type Registry, type Telemetry } from '../telemetry/index.js';

/** The SDK fetches credentials anew five minutes before they expire; this often is looked whether it has. */
const longestPauseMs = 60_000;
const shortestPauseMs = 1000;
const retries = { http_retries: 3, http_retry_wait_ms: 100, http_retry_backoff: 3 } as const;

export type OnConnection = <T>(work: (connection: DuckDBConnection) => Promise<T>) => Promise<T>;

/**
 * Gives DuckDB the credentials with which this process reaches the object store, as a temporary secret for the lake's
 * prefix alone, and replaces it before they expire: DuckDB looks a secret up whenever it opens a file, so nothing
 * needs to be opened again. Making secrets stays possible while the configuration is locked.
 */
export class StorageSecret {
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #current: StorageCredentials | null = null;

  private constructor(
    private readonly dataPath: string,
    private readonly target: S3Target,
    private readonly source: CredentialSource,
    private readonly connect: OnConnection,
    private readonly log: Logger,
    private readonly refreshes: Counter<'outcome'>,
  ) {}

  /** Throws LakeError('unavailable') when there are no credentials, or the settings don't fit the URL. */
  static async install(
    dataPath: string,
    settings: StorageSettings,
    connect: OnConnection,
    telemetry: Telemetry,
  ): Promise<StorageSecret> {
    const target = withReason(() => s3Target(dataPath, settings));
    const source = storageCredentials(target, settings);
    const refreshes = refreshCounter(telemetry.registry);
    const secret = new StorageSecret(dataPath, target, source, connect, telemetry.log, refreshes);
    try {
      await connect((connection) => limitRequests(connection, settings.s3TimeoutMs));
      await secret.#replace();
    } catch (error) {
      source.close();
      throw withoutCause(error);
    }
    secret.#schedule();
    return secret;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.source.close();
  }

  #schedule(): void {
    const { expiresMs } = this.#current ?? {};
    if (this.#closed || expiresMs === undefined) return;
    const pause = Math.max(shortestPauseMs, Math.min(longestPauseMs, (expiresMs - Date.now()) / 4));
    this.#timer = setTimeout(() => void this.#refresh(), pause);
    this.#timer.unref();
  }

  async #refresh(): Promise<void> {
    try {
      if (await this.#replace()) {
        this.refreshes.inc({ outcome: 'ok' });
        this.log.info({ expires: isoOf(this.#current) }, 'DuckDB has new credentials for the object store');
      }
    } catch (error) {
      if (this.#closed) return;
      this.refreshes.inc({ outcome: 'error' });
      const { message } = withoutCause(error);
      this.log.error({ err: message, expires: isoOf(this.#current) }, 'no new credentials, will retry');
    }
    this.#schedule();
  }

  /** True when the credentials differ from those that DuckDB has. */
  async #replace(): Promise<boolean> {
    const found = await this.source.current();
    const known = this.#current;
    const same =
      known?.accessKeyId === found.accessKeyId &&
      known.secretAccessKey === found.secretAccessKey &&
      known.sessionToken === found.sessionToken;
    if (!same && !this.#closed) {
      const statement = secretSql(this.dataPath, this.target, found);
      await this.connect((connection) => connection.run(statement));
    }
    this.#current = found;
    return !same;
  }
}

function secretSql(dataPath: string, target: S3Target, credentials: StorageCredentials): string {
  const options: Record<string, string | boolean> = {
    KEY_ID: credentials.accessKeyId,
    SECRET: credentials.secretAccessKey,
    REGION: credentials.region,
    URL_STYLE: target.pathStyle ? 'path' : 'vhost',
    SCOPE: dataPath,
  };
  if (credentials.sessionToken !== undefined) options['SESSION_TOKEN'] = credentials.sessionToken;
  if (target.endpoint !== undefined) {
    const { protocol, host } = new URL(target.endpoint);
    options['ENDPOINT'] = host;
    options['USE_SSL'] = protocol === 'https:';
  }
  const list = Object.entries(options).map(([name, value]) => `${name} ${literal(value)}`);
  const type = target.scheme === 'gs' ? 'gcs' : 's3';
  return `CREATE OR REPLACE TEMPORARY SECRET lake_storage (TYPE ${type}, ${list.join(', ')})`;
}

/**
 * Of DuckDB's own requests. An interrupt does not end one that is under way, so these bound a query as well. Objects never
 * change, so each is asked once for its size.
 */
async function limitRequests(connection: DuckDBConnection, timeoutMs: number): Promise<void> {
  await connection.run('SET GLOBAL enable_http_metadata_cache = true');
  await connection.run(`SET http_timeout = ${Math.ceil(timeoutMs / 1000)}`);
  for (const [name, value] of Object.entries(retries)) await connection.run(`SET ${name} = ${value}`);
}

function refreshCounter(registry: Registry): Counter<'outcome'> {
  const name = 'canardstack_storage_credential_refreshes_total';
  // The instance is opened again after a fatal error; the counter goes on.
  const known = registry.getSingleMetric(name);
  if (known) return known as Counter<'outcome'>;
  return new Counter({
    name,
    help: "Replacements of DuckDB's credentials for the object store before they expire, by outcome.",
    labelNames: ['outcome'],
    registers: [registry],
  });
}

function isoOf(credentials: StorageCredentials | null): string | undefined {
  return credentials?.expiresMs === undefined ? undefined : new Date(credentials.expiresMs).toISOString();
}

function withReason<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw withoutCause(error);
  }
}

/** DuckDB's messages may quote the statement, and with it the secret. */
function withoutCause(error: unknown): LakeError {
  const reason = error instanceof StorageError ? error.message : 'DuckDB does not take the credentials';
  return new LakeError('unavailable', `the object store can't be used: ${reason}`);
}
