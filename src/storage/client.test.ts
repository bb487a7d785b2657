import assert from 'node:assert/strict';
import { it } from 'node:test';
import { storageCredentials } from './client.js';
import { s3Target } from './target.js';

it('opens no client for the object store once it is closed', async () => {
  const settings = {
    s3Endpoint: 'http://127.0.0.1:1',
    s3Region: 'us-east-1',
    s3UrlStyle: undefined,
    s3UseSsl: false,
    s3TimeoutMs: 2000,
    s3Attempts: 1,
    gcsHmacKeyId: 'id',
    gcsHmacSecret: 'secret',
  };
  const source = storageCredentials(s3Target('gs://bucket/prefix/', settings), settings);
  assert.equal((await source.current()).accessKeyId, 'id');
  source.close();
  await assert.rejects(source.current(), { name: 'StorageError' });
  const never = storageCredentials(s3Target('gs://bucket/prefix/', settings), settings);
  never.close();
  await assert.rejects(never.current(), { name: 'StorageError' });
});
