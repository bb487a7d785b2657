import { FolderStorage } from './folder.js';
import { S3Storage } from './s3.js';
import { isLocalUrl } from './target.js';
import type { Storage, StorageOptions, StorageSettings } from './types.js';

export { fileContents, type Contents } from './contents.js';
export { StorageError } from './errors.js';
export { storageCredentials, type CredentialSource, type StorageCredentials } from './client.js';
export { checkPlaces } from './places.js';
export { probeStorage } from './probe.js';
export { s3Target, type S3Target } from './target.js';
export type * from './types.js';

/**
 * A folder, `s3://bucket/prefix` or `gs://bucket/prefix` (by Google's S3 interface). Opens no connection yet. Throws
 * StorageError('invalid') on any other URL or when a setting that it needs is missing.
 */
export function openStorage(url: string, settings: StorageSettings, options?: StorageOptions): Storage {
  return isLocalUrl(url) ? new FolderStorage(url) : new S3Storage(url, settings, options);
}
