import { isAbsolute, resolve } from 'node:path';
import { endpointUrl } from '../config/kinds.js';
import { StorageError } from './errors.js';
import type { StorageSettings } from './types.js';

/** Where an object-store URL leads, with the settings applied. */
export interface S3Target {
  readonly scheme: 's3' | 'gs';
  readonly bucket: string;
  /** Empty, or with a trailing slash. */
  readonly prefix: string;
  /** `https://host[:port]`; undefined: the region's own on AWS. */
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  readonly pathStyle: boolean;
  /** Google's HMAC key; undefined: the default credential chain. */
  readonly staticKey: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

/** True for a folder of this machine. */
export function isLocalUrl(url: string): boolean {
  return isAbsolute(url) || !/^[a-z][a-z0-9+.-]*:\/\//i.test(url);
}

export function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}

export function localFolder(url: string): string {
  return withSlash(resolve(url));
}

/** Throws StorageError('invalid') on anything but `s3://bucket[/prefix]` and `gs://bucket[/prefix]`. */
export function s3Target(url: string, settings: StorageSettings): S3Target {
  const invalid = (reason: string) => new StorageError('invalid', 'open', url, reason);
  const match = /^(s3|gs|gcs):\/\/([a-z0-9][a-z0-9._-]{1,221}[a-z0-9])(?:\/(.*))?$/.exec(url);
  if (!match) throw invalid('not a folder, s3://bucket/prefix or gs://bucket/prefix');
  const [, given, bucket = '', path = ''] = match;
  const scheme = given === 's3' ? 's3' : 'gs';
  const prefix = path === '' ? '' : withSlash(path);
  if (
    prefix
      .split('/')
      .some((part, i, all) => part === '.' || part === '..' || (part === '' && i < all.length - 1))
  ) {
    throw invalid('a part of the prefix is empty, . or ..');
  }
  const endpoint = endpointOf(settings) ?? (scheme === 'gs' ? 'https://storage.googleapis.com' : undefined);
  if (scheme === 'gs' && (settings.gcsHmacKeyId === undefined || settings.gcsHmacSecret === undefined)) {
    throw invalid('gs:// needs CANARDSTACK_GCS_HMAC_KEY_ID and CANARDSTACK_GCS_HMAC_SECRET');
  }
  const pathStyle =
    settings.s3UrlStyle === undefined ? endpoint !== undefined : settings.s3UrlStyle === 'path';
  return {
    scheme,
    bucket,
    prefix,
    endpoint,
    region: settings.s3Region ?? (scheme === 'gs' ? 'auto' : undefined),
    pathStyle,
    staticKey:
      scheme === 'gs'
        ? { accessKeyId: settings.gcsHmacKeyId ?? '', secretAccessKey: settings.gcsHmacSecret ?? '' }
        : undefined,
  };
}

function endpointOf({ s3Endpoint, s3UseSsl }: StorageSettings): string | undefined {
  if (s3Endpoint === undefined) return undefined;
  const url = endpointUrl(s3Endpoint, (s3UseSsl ?? true) ? 'https' : 'http');
  if (url === null) {
    throw new StorageError(
      'invalid',
      'open',
      'CANARDSTACK_S3_ENDPOINT',
      'is not a host with an optional scheme and port',
    );
  }
  return url.origin;
}
