/**
 * `denied`: credentials are wrong or not allowed; `missing`: no such object; `no_bucket`: no such bucket or folder;
 * `credentials`: none were found; `invalid`: settings or key; `unavailable`: everything else, may pass.
 */
export type StorageErrorKind = 'denied' | 'missing' | 'no_bucket' | 'credentials' | 'invalid' | 'unavailable';

/** A storage operation failed. `message` names the operation and the key and holds no secret. */
export class StorageError extends Error {
  constructor(
    readonly kind: StorageErrorKind,
    readonly operation: string,
    /** The URL or path it was about. */
    readonly target: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`${operation} ${target}: ${reason}`, options);
    this.name = 'StorageError';
  }
}

const noBucket = new Set(['NoSuchBucket', 'InvalidBucketName']);
const missing = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);
const denied = new Set([
  'AccessDenied',
  'AllAccessDisabled',
  'AccountProblem',
  'Forbidden',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidToken',
  'TokenRefreshRequired',
]);
const redirects = new Set([
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

interface ServiceError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** What an error of the AWS SDK means. A service's messages may quote key ids; only its codes are passed on. */
export function fromS3Error(operation: string, target: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const { name = 'Error', code, $metadata } = error as ServiceError;
  const status = $metadata?.httpStatusCode;
  const make = (kind: StorageErrorKind, reason: string) =>
    new StorageError(kind, operation, target, reason, { cause: error });
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    return make(
      'credentials',
      'no credentials were found in the environment, the shared files, or the container or instance role',
    );
  }
  if ((error as ServiceError).message === 'Region is missing') {
    return make('invalid', 'no region is known; set CANARDSTACK_S3_REGION or AWS_REGION');
  }
  if (noBucket.has(name)) return make('no_bucket', `the bucket does not exist (${name})`);
  if (missing.has(name) || status === 404) return make('missing', 'there is no such object');
  if (redirects.has(name) || status === 301) {
    return make('invalid', `the bucket is in another region (${name}); set CANARDSTACK_S3_REGION to its own`);
  }
  if (denied.has(name) || status === 401 || status === 403) {
    return make('denied', `access denied (${/^\d+$|^Unknown/.test(name) ? `status ${status}` : name})`);
  }
  const known = code ?? (status === undefined ? name : `${name}, status ${status}`);
  return make('unavailable', `the object store does not answer properly (${known})`);
}

const fsDenied = new Set(['EACCES', 'EPERM', 'EROFS']);

export function fromFsError(operation: string, target: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const kind = code === 'ENOENT' ? 'missing' : fsDenied.has(code) ? 'denied' : 'unavailable';
  return new StorageError(kind, operation, target, code, { cause: error });
}
