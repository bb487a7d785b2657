import { count, endpoint, flag, milliseconds, oneOf, region, text } from '../kinds.js';
import { secret, setting } from './definition.js';

export const objectStorage = {
  s3Endpoint: setting(
    'S3_ENDPOINT',
    endpoint(),
    undefined,
    'Object store that speaks S3; unset: Amazon S3, and Google Cloud Storage for gs://.',
  ),
  s3Region: setting('S3_REGION', region(), undefined, 'Region of the bucket.', {
    computed: 'AWS_REGION or the AWS profile; "auto" for gs://',
  }),
  s3UrlStyle: setting(
    'S3_URL_STYLE',
    oneOf('vhost', 'path'),
    undefined,
    'Where the bucket stands: in the host name or in the path.',
    { computed: 'vhost on Amazon S3, path elsewhere' },
  ),
  s3UseSsl: setting('S3_USE_SSL', flag(), true, 'TLS to an S3_ENDPOINT that names no scheme.'),
  s3TimeoutMs: setting(
    'S3_TIMEOUT_MS',
    milliseconds({ max: 600_000 }),
    30_000,
    'Bound of one request to the object store.',
  ),
  s3Attempts: setting(
    'S3_ATTEMPTS',
    count({ max: 10 }),
    4,
    'Attempts of one request to the object store, with growing pauses between.',
  ),
  gcsHmacKeyId: setting(
    'GCS_HMAC_KEY_ID',
    text('a key id'),
    undefined,
    'Access id of the HMAC key for gs://.',
    secret,
  ),
  gcsHmacSecret: setting(
    'GCS_HMAC_SECRET',
    text('a key'),
    undefined,
    'Secret of the HMAC key for gs://.',
    secret,
  ),
};
