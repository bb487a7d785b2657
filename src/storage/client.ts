import type { S3Client } from '@aws-sdk/client-s3';
import { within } from '../timeout/index.js';
import { StorageError, fromS3Error } from './errors.js';
import type * as sdkModule from './sdk.js';
import type { S3Target } from './target.js';
import type { StorageSettings } from './types.js';

// The SDK's advice about Node versions is for who builds this program; stderr holds JSON lines only.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

const connectTimeoutMs = 5000;

/** Credentials for the object store as they are now; `expiresMs` undefined: they don't. Never log these. */
export interface StorageCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  readonly expiresMs: number | undefined;
  readonly region: string;
}

type Sdk = typeof sdkModule;

/** The SDK's client for a target, and the SDK, which the first request loads: most processes keep their data in a folder. */
export class S3ClientOf {
  #opened: Promise<Sdk & { readonly client: S3Client }> | null = null;
  #closed = false;

  constructor(
    private readonly target: S3Target,
    private readonly settings: StorageSettings,
  ) {}

  opened(): Promise<Sdk & { readonly client: S3Client }> {
    // Nobody would destroy it.
    if (this.#closed) return Promise.reject(new Error('the storage is closed'));
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = null;
      throw error;
    });
    return this.#opened;
  }

  async #open(): Promise<Sdk & { readonly client: S3Client }> {
    const sdk = await import('./sdk.js');
    return { ...sdk, client: clientOf(sdk, this.target, this.settings) };
  }

  close(): void {
    this.#closed = true;
    this.#opened?.then(({ client }) => client.destroy()).catch(() => undefined);
  }
}

function clientOf(sdk: Sdk, target: S3Target, settings: StorageSettings): S3Client {
  // Stores that are not Amazon's reject or ignore the SDK's own checksums.
  const checksums = target.endpoint === undefined ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED';
  // On AWS the SDK finds the region as it finds credentials; elsewhere it is a formality.
  const region = target.region ?? (target.endpoint === undefined ? undefined : defaultRegion());
  return new sdk.S3Client({
    ...(target.endpoint === undefined ? {} : { endpoint: target.endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(target.staticKey === undefined ? {} : { credentials: target.staticKey }),
    forcePathStyle: target.pathStyle,
    maxAttempts: settings.s3Attempts,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: settings.s3TimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: settings.s3TimeoutMs,
    },
  });
}

function defaultRegion(): string {
  return process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? 'us-east-1';
}

export interface CredentialSource {
  /** As cached by the SDK, which fetches them anew some minutes before they expire. Rejects with StorageError. */
  current(): Promise<StorageCredentials>;
  close(): void;
}

/** The credentials that a storage at this target uses, for others that reach it by themselves. */
export function storageCredentials(target: S3Target, settings: StorageSettings): CredentialSource {
  const s3 = new S3ClientOf(target, settings);
  const url = `${target.scheme}://${target.bucket}/${target.prefix}`;
  return {
    async current() {
      try {
        const { client } = await s3.opened();
        const found = await within(settings.s3TimeoutMs, client.config.credentials(), () => {
          throw new Error('TimeoutError');
        });
        return {
          accessKeyId: found.accessKeyId,
          secretAccessKey: found.secretAccessKey,
          sessionToken: found.sessionToken,
          expiresMs: found.expiration?.getTime(),
          region: await regionOf(client, url),
        };
      } catch (error) {
        throw fromS3Error('find credentials for', url, error);
      }
    },
    close: () => s3.close(),
  };
}

async function regionOf(client: S3Client, url: string): Promise<string> {
  try {
    return await client.config.region();
  } catch (error) {
    const reason = 'no region is known; set CANARDSTACK_S3_REGION or AWS_REGION';
    throw new StorageError('invalid', 'open', url, reason, { cause: error });
  }
}
