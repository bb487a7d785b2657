import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startFaultProxy, type FaultProxy } from '../../test/support/fault-proxy.js';
import { skipWithoutS3, startS3, type Key, type TestS3 } from '../../test/support/s3.js';
import { temporaryFolder } from '../../test/support/server.js';
import { Registry } from '../telemetry/index.js';
import {
  openStorage,
  probeStorage,
  s3Target,
  StorageError,
  type Storage,
  type StorageSettings,
  type StoredObject,
} from './index.js';

const settings: StorageSettings = {
  s3Endpoint: undefined,
  s3Region: 'us-east-1',
  s3UrlStyle: undefined,
  s3UseSsl: true,
  s3TimeoutMs: 2000,
  s3Attempts: 3,
  gcsHmacKeyId: undefined,
  gcsHmacSecret: undefined,
};

async function all(storage: Storage, prefix?: string): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  for await (const object of storage.list(prefix)) found.push(object);
  return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function failure(kind: StorageError['kind'], pattern: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof StorageError, String(error));
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /s3cret/);
    return true;
  };
}

/** What every storage does alike. */
function behaves(open: () => { storage: Storage; scratch: string }): void {
  it('puts, lists, gets, stats and deletes objects', async () => {
    const { storage } = open();
    const body = randomBytes(10_000);
    const before = Date.now() - 2000;
    await storage.put('a/one.bin', body);
    await storage.put('a/b/two.bin', Buffer.alloc(0));
    await storage.put('ab/three with space+&.bin', Buffer.from('3'));
    assert.deepEqual(
      (await all(storage)).map(({ key, size }) => [key, size]),
      [
        ['a/b/two.bin', 0],
        ['a/one.bin', 10_000],
        ['ab/three with space+&.bin', 1],
      ],
    );
    assert.deepEqual(
      (await all(storage, 'a/')).map(({ key }) => key),
      ['a/b/two.bin', 'a/one.bin'],
    );
    assert.deepEqual(
      (await all(storage, 'a')).map(({ key }) => key),
      ['a/b/two.bin', 'a/one.bin', 'ab/three with space+&.bin'],
    );
    assert.deepEqual(await all(storage, 'none/'), []);
    assert.deepEqual(await storage.get('a/one.bin'), body);
    assert.equal((await storage.get('a/b/two.bin')).length, 0);
    assert.equal((await storage.get('ab/three with space+&.bin')).toString(), '3');
    const found = await storage.stat('a/one.bin');
    assert.equal(found?.size, 10_000);
    assert.ok(found.modifiedMs >= before && found.modifiedMs <= Date.now() + 2000);
    assert.equal(await storage.stat('a/none'), null);
    await storage.put('a/one.bin', Buffer.from('new'));
    assert.equal((await storage.get('a/one.bin')).toString(), 'new');
    for (const { key } of await all(storage)) await storage.delete(key);
    await storage.delete('a/one.bin');
    assert.deepEqual(await all(storage), []);
  });

  it('moves whole files, in parts when they are large', async () => {
    const { storage, scratch } = open();
    const large = randomBytes(40 * 1024 * 1024);
    await writeFile(join(scratch, 'up'), large);
    await storage.putFile('big/file', join(scratch, 'up'));
    assert.equal((await storage.stat('big/file'))?.size, large.length);
    await storage.getFile('big/file', join(scratch, 'sub/down'));
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    assert.equal(digest(await readFile(join(scratch, 'sub/down'))), digest(large));
    await storage.delete('big/file');
  });

  it('says what failed, and on which object', async () => {
    const { storage, scratch } = open();
    await assert.rejects(storage.get('no/such'), failure('missing', /get .*no\/such/));
    await assert.rejects(storage.getFile('no/such', join(scratch, 'not')), failure('missing', /no\/such/));
    assert.ok(!(await readdir(scratch)).includes('not'));
    for (const key of ['../up', 'a//b', '', 'a/./b']) {
      await assert.rejects(storage.put(key, Buffer.alloc(1)), failure('invalid', /not a valid key/));
    }
  });

  it('passes the probe and leaves nothing behind', async () => {
    const { storage } = open();
    await probeStorage(storage);
    assert.deepEqual(await all(storage), []);
  });
}

describe('storage in a folder', () => {
  let folder: string;
  let storage: Storage;
  before(async () => {
    folder = await temporaryFolder();
    storage = openStorage(join(folder, 'root'), settings);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  behaves(() => ({ storage, scratch: folder }));
});

describe('the target of an object-store URL', () => {
  it('is the URL with the settings applied', () => {
    const plain = s3Target('s3://bucket/a/b', settings);
    assert.deepEqual(
      [plain.bucket, plain.prefix, plain.endpoint, plain.pathStyle],
      ['bucket', 'a/b/', undefined, false],
    );
    const minio = s3Target('s3://bucket', { ...settings, s3Endpoint: 'minio:9000', s3UseSsl: false });
    assert.deepEqual([minio.prefix, minio.endpoint, minio.pathStyle], ['', 'http://minio:9000', true]);
    const hmac = { ...settings, s3Region: undefined, gcsHmacKeyId: 'GOOG1', gcsHmacSecret: 'hmac-s3cret' };
    const google = s3Target('gs://bucket/x/', hmac);
    assert.deepEqual([google.endpoint, google.region], ['https://storage.googleapis.com', 'auto']);
    assert.equal(google.staticKey?.accessKeyId, 'GOOG1');
  });

  it('is refused when it can not be', () => {
    for (const url of ['s3://', 's3://B', 'http://x/y', 's3://bucket/../x', 's3://bucket/a//b']) {
      assert.throws(() => s3Target(url, settings), failure('invalid', /./));
    }
    assert.throws(() => s3Target('gs://bucket/x', settings), failure('invalid', /GCS_HMAC_KEY_ID/));
  });
});

describe('storage on Amazon S3', () => {
  const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION', 'AWS_DEFAULT_REGION'];
  const set = {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/none',
    AWS_SHARED_CREDENTIALS_FILE: '/none',
  };
  const saved = { ...process.env };
  before(() => {
    for (const name of names) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, set);
  });
  after(() => {
    for (const name of Object.keys(set)) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, saved);
  });

  it('says when there are no credentials, or no region', async () => {
    const nobody = openStorage('s3://bucket/x', { ...settings, s3Endpoint: 'http://127.0.0.1:9' });
    await assert.rejects(nobody.stat('x'), failure('credentials', /no credentials were found/));
    nobody.close();
    const nowhere = openStorage('s3://bucket/x', { ...settings, s3Region: undefined });
    await assert.rejects(nowhere.stat('x'), failure('invalid', /CANARDSTACK_S3_REGION/));
    nowhere.close();
  });
});

describe('storage in S3', { skip: skipWithoutS3() }, () => {
  let s3: TestS3;
  let proxy: FaultProxy;
  let scratch: string;
  let storage: Storage;
  const registry = new Registry();
  const open = (key: Key, prefix: string, more: Partial<StorageSettings> = {}) => {
    process.env['AWS_ACCESS_KEY_ID'] = key.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = key.secretAccessKey;
    const url = `s3://${s3.bucket}/${prefix}`;
    return openStorage(url, { ...settings, s3Endpoint: proxy.endpoint, ...more }, { registry });
  };

  before(async () => {
    s3 = await startS3();
    proxy = await startFaultProxy(s3.endpoint);
    scratch = await temporaryFolder();
    storage = open(s3.root, 'some/prefix');
  });
  after(async () => {
    storage.close();
    await proxy.close();
    await s3.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  behaves(() => ({ storage, scratch }));

  it('lists more than a page', async () => {
    const keys = Array.from({ length: 1005 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
    for (let i = 0; i < keys.length; i += 50) {
      await Promise.all(keys.slice(i, i + 50).map((key) => storage.put(key, Buffer.from(key))));
    }
    assert.deepEqual(
      (await all(storage, 'many/')).map(({ key }) => key),
      keys,
    );
  });

  it('is reached through gs:// with an HMAC key', async () => {
    const google = openStorage(`gs://${s3.bucket}/google`, {
      ...settings,
      s3Endpoint: s3.endpoint,
      gcsHmacKeyId: s3.root.accessKeyId,
      gcsHmacSecret: s3.root.secretAccessKey,
    });
    await probeStorage(google);
    google.close();
  });

  it('names the permission that the probe misses', async () => {
    const every = ['s3:PutObject', 's3:ListBucket', 's3:GetObject', 's3:DeleteObject'];
    const whole = open(await s3.user('every', every), 'probe');
    await probeStorage(whole);
    whole.close();
    for (const missing of every) {
      const user = await s3.user(
        `no-${missing.slice(3).toLowerCase()}`,
        every.filter((action) => action !== missing),
      );
      const limited = open(user, 'probe');
      await assert.rejects(probeStorage(limited), failure('denied', new RegExp(`missing: ${missing} `)));
      limited.close();
    }
    const stranger = open({ accessKeyId: 'NOBODY', secretAccessKey: 'nobody-s3cret' }, 'probe');
    await assert.rejects(probeStorage(stranger), failure('denied', /InvalidAccessKeyId/));
    stranger.close();
    const liar = open({ ...s3.root, secretAccessKey: 'wrong-s3cret' }, 'probe');
    await assert.rejects(probeStorage(liar), failure('denied', /SignatureDoesNotMatch/));
    liar.close();
  });

  it('tells a missing bucket', async () => {
    process.env['AWS_ACCESS_KEY_ID'] = s3.root.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = s3.root.secretAccessKey;
    const nowhere = openStorage('s3://no-such-bucket/x', { ...settings, s3Endpoint: s3.endpoint });
    await assert.rejects(probeStorage(nowhere), failure('no_bucket', /NoSuchBucket/));
    nowhere.close();
  });

  it('gets over errors that pass, and ends in time on those that do not', async () => {
    const own = open(s3.root, 'faults', { s3TimeoutMs: 300, s3Attempts: 4 });
    const body = randomBytes(300_000);
    for (const fault of [
      { kind: 'status', status: 500 },
      { kind: 'status', status: 503 },
      { kind: 'reset', at: 'before' },
      { kind: 'reset', at: 'after' },
    ] as const) {
      proxy.set(fault);
      const soon = setTimeout(() => proxy.set(null), 60);
      await own.put('object', body);
      clearTimeout(soon);
      proxy.set(null);
    }
    proxy.set({ kind: 'reset', at: 'body' }, { operations: ['GetObject'] });
    setTimeout(() => proxy.set(null), 20);
    assert.deepEqual(await own.get('object'), body);
    for (const fault of [
      { kind: 'status', status: 503 },
      { kind: 'hang' },
      { kind: 'reset', at: 'before' },
      { kind: 'reset', at: 'body' },
    ] as const) {
      proxy.set(fault);
      await assert.rejects(own.get('object'), failure('unavailable', /get s3:/));
      proxy.set(null);
    }
    own.close();
    const counted = await registry.getSingleMetric('canardstack_storage_requests_total')?.get();
    assert.ok(
      counted?.values.some(
        ({ labels, value }) => labels['op'] === 'get' && labels['outcome'] === 'unavailable' && value >= 4,
      ),
    );
  });
});
