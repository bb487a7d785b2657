import assert from 'node:assert/strict';
import { open, readdir, rm, statfs, unlink, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, it, mock } from 'node:test';
import { temporaryFolder } from '../../test/support/server.js';
import {
  cannotMount,
  digest,
  onSmallDisk,
  payload,
  randomPayload,
  readAll,
  testSpool,
  text,
} from '../../test/support/spool.js';
import { SpoolOpenError, SpoolUnavailableError, type SpoolStream } from './index.js';

/** Takes all space but about `leave` bytes; gives the file that holds it. */
async function fillDisk(dir: string, leave: number): Promise<string> {
  const path = join(dir, 'filler');
  const { bavail, bsize } = await statfs(dir);
  await writeFile(path, Buffer.alloc(bavail * bsize - leave));
  return path;
}

/** Appends from four loops until the disk refuses each; gives the digests acknowledged, by position. */
async function appendUntilRefused(stream: SpoolStream): Promise<string[]> {
  const acked: { start: number; digest: string }[] = [];
  const loop = async () => {
    for (;;) {
      const one = randomPayload(20_000);
      const [range] = await stream.append([one]);
      acked.push({ start: range?.start ?? -1, digest: digest(one.body) });
    }
  };
  for (const result of await Promise.allSettled([loop(), loop(), loop(), loop()]))
    assert.ok(result.status === 'rejected' && result.reason instanceof SpoolUnavailableError);
  return acked.sort((a, b) => a.start - b.start).map((one) => one.digest);
}

const digests = async (stream: SpoolStream) =>
  (await readAll(stream)).map((entry) => digest(entry.payload.body));

describe('a full disk', { skip: cannotMount() }, () => {
  it('refuses what it can not keep, keeps what it acknowledged, and serves again when space is back', async () => {
    await onSmallDisk('2m', async (dir) => {
      const { spool, logs, metric } = await testSpool(join(dir, 'spool'));
      const filler = await fillDisk(dir, 500_000);
      const acked = await appendUntilRefused(logs);
      assert.ok(acked.length > 5);
      assert.deepEqual(await digests(logs), acked);
      assert.ok((await metric('canardstack_spool_errors_total')) > 0);

      await unlink(filler);
      const more = randomPayload(50_000);
      const [range] = await logs.append([more]);
      assert.equal(range?.end, logs.head);
      assert.deepEqual(await digests(logs), [...acked, digest(more.body)]);
      await spool.close();

      const after = await testSpool(join(dir, 'spool'));
      assert.deepEqual(await digests(after.logs), [...acked, digest(more.body)]);
      assert.equal(await after.metric('canardstack_spool_torn_tails_total'), 0);
      await after.spool.close();
    });
  });

  it('is opened and drained, and serves again from the space that the drain frees', async () => {
    await onSmallDisk('2m', async (dir) => {
      // One segment larger than the disk: there is no other file to free.
      const options = { segmentBytes: 16 * 1024 * 1024 };
      const before = await testSpool(join(dir, 'spool'), options);
      const acked = await appendUntilRefused(before.logs);
      await before.spool.close();
      await fillDisk(dir, 0);

      const { spool, logs } = await testSpool(join(dir, 'spool'), options);
      assert.deepEqual(await digests(logs), acked);
      await assert.rejects(logs.append([randomPayload(1000)]), SpoolUnavailableError);
      const { head } = logs;
      await logs.release(head);
      assert.equal(logs.usedBytes, 0);
      const [range] = await logs.append([payload('after the drain')]);
      assert.equal(range?.start, head);
      await spool.close();

      const after = await testSpool(join(dir, 'spool'), options);
      assert.deepEqual((await readAll(after.logs)).map(text), ['after the drain']);
      await after.spool.close();
    });
  });

  it('keeps a damaged stretch all the same', async () => {
    await onSmallDisk('2m', async (dir) => {
      const before = await testSpool(join(dir, 'spool'));
      const ranges = await before.logs.append([
        randomPayload(5000),
        randomPayload(5000),
        randomPayload(5000),
      ]);
      await before.spool.close();
      const handle = await open(join(dir, 'spool/logs/00000000000000000000.seg'), 'r+');
      await handle.write(Buffer.from('damage'), 0, 6, 128 + (ranges[1]?.start ?? 0) + 2000);
      await handle.close();
      await fillDisk(dir, 0);
      const { spool, logs } = await testSpool(join(dir, 'spool'));
      assert.equal((await readAll(logs)).length, 2);
      const kept = (await readdir(join(dir, 'spool/damaged'))).filter((name) => name.endsWith('.seg'));
      assert.equal(kept.length, 1);
      await spool.close();
    });
  });
});

describe('a read-only disk', { skip: cannotMount() }, () => {
  it('is refused at open with the folder and the reason, also when the spool is there already', async () => {
    await onSmallDisk('2m', async (dir, remount) => {
      const folder = join(dir, 'spool');
      await (await testSpool(folder)).spool.close();
      remount('ro');
      for (const path of [folder, join(dir, 'other')])
        await assert.rejects(testSpool(path), (error: Error) => {
          assert.ok(error instanceof SpoolOpenError);
          assert.equal(error.message, `the spool folder ${path} can't be used: the file system is read-only`);
          return true;
        });
      remount('rw');
      await (await testSpool(folder)).spool.close();
    });
  });
});

/** The class behind fs/promises' files, to make the kernel's answer to an fdatasync fail or not come. */
async function fileHandlePrototype(): Promise<FileHandle> {
  const handle = await open('/dev/null', 'r');
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

describe('an fdatasync', () => {
  afterEach(() => mock.restoreAll());

  // Where cutting the file back fails too, the next segment's header says which bytes never counted.
  for (const failing of [['datasync'], ['datasync', 'truncate']] as const)
    it(`that failed is not asked again: its group is refused, the next goes to a new file (${failing.join(', ')})`, async () => {
      const dir = await temporaryFolder();
      const { spool, logs } = await testSpool(dir);
      await logs.append([payload('first')]);
      const prototype = await fileHandlePrototype();
      for (const name of failing)
        mock.method(prototype, name, () => Promise.reject(new Error(`EIO: i/o error, ${name}`)));
      await assert.rejects(logs.append([payload('lost'), payload('lost too')]), SpoolUnavailableError);
      mock.restoreAll();
      const [second] = await logs.append([payload('second')]);
      assert.equal(second?.start, 53);
      assert.deepEqual(await readdir(join(dir, 'logs')), [
        '00000000000000000000.seg',
        '00000000000000000053.seg',
      ]);
      assert.deepEqual((await readAll(logs)).map(text), ['first', 'second']);
      await spool.close();
      const after = await testSpool(dir);
      assert.deepEqual((await readAll(after.logs)).map(text), ['first', 'second']);
      await after.spool.close();
      await rm(dir, { recursive: true });
    });

  it('that failed leaves nothing of its group, also when the process ends at once', async () => {
    const dir = await temporaryFolder();
    const { spool, logs } = await testSpool(dir);
    await logs.append([payload('first')]);
    mock.method(await fileHandlePrototype(), 'datasync', () => Promise.reject(new Error('EIO')));
    await assert.rejects(logs.append([payload('lost')]), SpoolUnavailableError);
    mock.restoreAll();
    await spool.close();
    const after = await testSpool(dir);
    assert.deepEqual((await readAll(after.logs)).map(text), ['first']);
    await after.spool.close();
    await rm(dir, { recursive: true });
  });

  it('that does not return refuses its group and all others, and keeps none of them when it returns late', async () => {
    const dir = await temporaryFolder();
    const { spool, logs, metric } = await testSpool(dir, { stallMs: 30 });
    await logs.append([payload('first')]);
    let answer = (): void => undefined;
    const method = mock.method(
      await fileHandlePrototype(),
      'datasync',
      () => new Promise<void>((resolve) => (answer = resolve)),
      { times: 1 },
    );
    const [group, queued] = [logs.append([payload('late')]), logs.append([payload('queued')])];
    await assert.rejects(group, SpoolUnavailableError);
    await assert.rejects(queued, SpoolUnavailableError);
    await assert.rejects(logs.append([payload('meanwhile')]), SpoolUnavailableError);
    assert.equal(method.mock.callCount(), 1);
    answer();
    for (;;) {
      const appended = await logs.append([payload('second')]).catch(() => null);
      if (appended) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual((await readAll(logs)).map(text), ['first', 'second']);
    assert.equal(await metric('canardstack_spool_errors_total'), 1);
    await spool.close();
    await rm(dir, { recursive: true });
  });
});
