import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { S3ClientOf } from './client.js';
import { ContentsSum, type Contents } from './contents.js';
import { StorageError, fromS3Error } from './errors.js';
import { replaceFile } from './folder.js';
import { observer, type Observe } from './metrics.js';
import { s3Target, withSlash, type S3Target } from './target.js';
import type { Storage, StorageOptions, StorageSettings, StoredObject } from './types.js';

const listPage = 1000;
/** Larger objects go up in parts; this many bytes times `uploadsAtOnce` are held in memory. */
const partBytes = 16 * 1024 * 1024;
const uploadsAtOnce = 3;
/** Attempts to read a body; the SDK retries only up to the response's header. */
const bodyAttempts = 3;
/** Back-off between the attempts of one request; the SDK's own never exceeds 20 s each. */
const backoffMs = 20_000;

/** Passes a body on and fails when it ends before its length, which would otherwise look like a shorter object. */
function whole(length: number | undefined): Transform {
  let left = length ?? 0;
  return new Transform({
    transform(part: Buffer, _encoding, done) {
      left -= part.length;
      done(null, part);
    },
    flush(done) {
      done(length === undefined || left === 0 ? null : new Error('the body ended too early'));
    },
  });
}

async function gathered(body: Readable, check: Transform): Promise<Buffer> {
  const parts: Buffer[] = [];
  await pipeline(body, check, async (checked: AsyncIterable<Buffer>) => {
    for await (const part of checked) parts.push(part);
  });
  return Buffer.concat(parts);
}

/** A prefix of an S3 bucket, or of a Google bucket by its S3 interface. */
export class S3Storage implements Storage {
  readonly isLocal = false;
  readonly url: string;
  readonly #target: S3Target;
  readonly #s3: S3ClientOf;
  readonly #observe: Observe;
  readonly #requestMs: number;

  constructor(url: string, settings: StorageSettings, options: StorageOptions = {}) {
    this.url = withSlash(url);
    this.#target = s3Target(url, settings);
    this.#s3 = new S3ClientOf(this.#target, settings);
    this.#observe = observer(options.registry);
    this.#requestMs = settings.s3Attempts * settings.s3TimeoutMs + (settings.s3Attempts - 1) * backoffMs;
  }

  async *list(prefix = ''): AsyncIterable<StoredObject> {
    const { prefix: root } = this.#target;
    let token: string | undefined;
    do {
      const page = await this.#do('list', prefix, () => this.#page(root + prefix, listPage, token));
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        // Folder markers that consoles leave are no objects of ours.
        if (Key === undefined || Key.endsWith('/')) continue;
        yield { key: Key.slice(root.length), size: Size ?? 0, modifiedMs: LastModified?.getTime() ?? 0 };
      }
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  get(key: string): Promise<Buffer> {
    return this.#do('get', key, () => this.#body(key, gathered));
  }

  getRange(key: string, from: number, until: number): Promise<Buffer> {
    return this.#do('get', key, () => this.#body(key, gathered, `bytes=${from}-${until - 1}`));
  }

  getFile(key: string, localPath: string): Promise<void> {
    return this.#do('get', key, () =>
      this.#body(key, (body, check) =>
        replaceFile(localPath, (to) => pipeline(body, check, createWriteStream(to))),
      ),
    );
  }

  put(key: string, body: Buffer): Promise<void> {
    return this.#do('put', key, async () => {
      const { client, PutObjectCommand } = await this.#s3.opened();
      await client.send(
        new PutObjectCommand({ ...this.#at(key), Body: body, ContentLength: body.length }),
        this.#bound(),
      );
    });
  }

  putFile(key: string, localPath: string): Promise<void> {
    return this.#do('put', key, async () => {
      const { client, Upload } = await this.#s3.opened();
      const { size } = await stat(localPath);
      // Each part is held in memory while it is sent, so that it can be sent again.
      const abortController = new AbortController();
      const parts = Math.max(1, Math.ceil(size / partBytes / uploadsAtOnce));
      const timer = setTimeout(() => abortController.abort(), parts * this.#requestMs);
      const upload = new Upload({
        client,
        params: { ...this.#at(key), Body: createReadStream(localPath) },
        partSize: Math.max(partBytes, Math.ceil(size / 9000)),
        queueSize: uploadsAtOnce,
        leavePartsOnError: false,
        abortController,
      });
      await upload.done().finally(() => clearTimeout(timer));
    });
  }

  delete(key: string): Promise<void> {
    return this.#do('delete', key, async () => {
      const { client, DeleteObjectCommand } = await this.#s3.opened();
      try {
        await client.send(new DeleteObjectCommand(this.#at(key)), this.#bound());
      } catch (error) {
        // Google answers 404 where Amazon answers 204.
        if (fromS3Error('delete', key, error).kind !== 'missing') throw error;
      }
    });
  }

  stat(key: string): Promise<StoredObject | null> {
    return this.#do('stat', key, async () => {
      const { client, HeadObjectCommand } = await this.#s3.opened();
      try {
        const head = await client.send(new HeadObjectCommand(this.#at(key)), this.#bound());
        return { key, size: head.ContentLength ?? 0, modifiedMs: head.LastModified?.getTime() ?? 0 };
      } catch (error) {
        if (fromS3Error('stat', key, error).kind === 'missing') return null;
        throw error;
      }
    });
  }

  contents(key: string): Promise<Contents | null> {
    return this.#do('get', key, async () => {
      try {
        return await this.#body(key, async (body, check) => {
          const sum = new ContentsSum();
          await pipeline(body, check, async (checked: AsyncIterable<Buffer>) => {
            for await (const part of checked) sum.add(part);
          });
          return sum.contents;
        });
      } catch (error) {
        if (fromS3Error('get', key, error).kind === 'missing') return null;
        throw error;
      }
    });
  }

  move(key: string, to: string): Promise<void> {
    return this.#do('move', key, async () => {
      const { client, CopyObjectCommand, DeleteObjectCommand } = await this.#s3.opened();
      const { Bucket, Key } = this.#at(key);
      const CopySource = `${Bucket}/${Key.split('/').map(encodeURIComponent).join('/')}`;
      await client.send(new CopyObjectCommand({ ...this.#at(to), CopySource }), this.#bound());
      await client.send(new DeleteObjectCommand({ Bucket, Key }), this.#bound());
    });
  }

  async checkListable(): Promise<void> {
    const { prefix } = this.#target;
    const bare = prefix === '' ? [''] : [prefix, prefix.slice(0, -1)];
    for (const one of bare) {
      await this.#named('list', `s3 prefix "${one}" of bucket ${this.#target.bucket}`, () =>
        this.#page(one, 1, undefined),
      );
    }
  }

  close(): void {
    this.#s3.close();
  }

  async #page(prefix: string, size: number, token: string | undefined) {
    const { client, ListObjectsV2Command } = await this.#s3.opened();
    return client.send(
      new ListObjectsV2Command({
        Bucket: this.#target.bucket,
        Prefix: prefix,
        MaxKeys: size,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
      this.#bound(),
    );
  }

  /** Reads a body, again from its start when the connection breaks on the way. */
  async #body<T>(
    key: string,
    read: (body: Readable, check: Transform) => Promise<T>,
    range?: string,
  ): Promise<T> {
    const { client, GetObjectCommand } = await this.#s3.opened();
    for (let attempt = 1; ; attempt++) {
      const { Body, ContentLength } = await client.send(
        new GetObjectCommand({ ...this.#at(key), ...(range !== undefined && { Range: range }) }),
        this.#bound(),
      );
      if (Body === undefined) throw new StorageError('unavailable', 'get', this.url + key, 'an empty answer');
      const body = Body as Readable;
      try {
        return await read(body, whole(ContentLength));
      } catch (error) {
        body.destroy();
        if (attempt === bodyAttempts) throw error;
        await sleep(100 * 2 ** attempt * Math.random());
      }
    }
  }

  #at(key: string): { Bucket: string; Key: string } {
    if (key === '' || key.split('/').some((part) => part === '' || part === '.' || part === '..')) {
      throw new StorageError('invalid', 'use', this.url + key, 'not a valid key');
    }
    return { Bucket: this.#target.bucket, Key: this.#target.prefix + key };
  }

  #bound(): { abortSignal: AbortSignal } {
    return { abortSignal: AbortSignal.timeout(this.#requestMs) };
  }

  #do<T>(operation: string, key: string, work: () => Promise<T>): Promise<T> {
    return this.#named(operation, this.url + key, work);
  }

  #named<T>(operation: string, target: string, work: () => Promise<T>): Promise<T> {
    return this.#observe(operation, async () => {
      try {
        return await work();
      } catch (error) {
        throw fromS3Error(operation, target, error);
      }
    });
  }
}
