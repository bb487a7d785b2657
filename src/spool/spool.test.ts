import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { temporaryFolder } from '../../test/support/server.js';
import { digest, payload, randomPayload, readAll, testSpool, text } from '../../test/support/spool.js';
import { SpoolFullError, SpoolOpenError, SpoolUnavailableError, type SpoolEntry } from './index.js';

let dir: string;
beforeEach(async () => (dir = await temporaryFolder()));
afterEach(() => rm(dir, { recursive: true, force: true }));

const segments = async (signal = 'logs') =>
  (await readdir(join(dir, signal))).filter((name) => name.endsWith('.seg'));

describe('append and read', () => {
  it('gives payloads back with all their fields, in order', async () => {
    const { spool } = await testSpool(dir);
    const stream = spool.stream('traces');
    const first = payload('{}', { format: 'json', encoding: 'gzip', minTimeNs: -5n });
    const second = payload(new Uint8Array(0), { encoding: 'zstd' });
    const limits = {
      maxDecodedBodyBytes: 2 ** 40,
      maxRequestRecords: 3,
      maxRequestRowBytes: 2 ** 53 - 1,
      maxRecordBytes: 1,
      maxRecordElements: 65_536,
    };
    const third = payload('body', { format: 'json', encoding: 'deflate', limits });
    const fourth = payload('', { limits });
    const ranges = await stream.append([first, second, third, fourth]);
    const entries = await readAll(stream);
    assert.deepEqual(
      entries.map((entry) => entry.payload),
      [first, second, third, fourth],
    );
    assert.deepEqual(
      entries.map(({ start, end }) => ({ start, end })),
      ranges,
    );
    assert.equal(ranges[0]?.end, ranges[1]?.start);
    assert.equal(stream.head, ranges[3]?.end);
    assert.deepEqual(await readAll(stream, ranges[3]?.start), [entries[3]]);
    assert.deepEqual(await readAll(spool.stream('logs')), []);
    await spool.close();
  });

  it('gives bodies that own their buffer, of every size around the read-ahead', async () => {
    const { spool, logs } = await testSpool(dir, { segmentBytes: 8 * 1024 * 1024 });
    const sizes = [1, 47, 48, 1024 * 1024 - 48, 1024 * 1024, 1024 * 1024 + 1, 3_000_000, 9_000_000, 5];
    const sent = sizes.map(randomPayload);
    for (const one of sent) await logs.append([one]);
    const entries = await readAll(logs);
    assert.deepEqual(
      entries.map((entry) => digest(entry.payload.body)),
      sent.map((one) => digest(one.body)),
    );
    for (const { payload: got } of entries) assert.equal(got.body.buffer.byteLength, got.body.byteLength);
    await spool.close();
  });

  it('keeps everything, the positions and the node id over a reopen', async () => {
    const before = await testSpool(dir);
    for (let i = 0; i < 50; i++) await before.logs.append([payload(`record ${i} `.repeat(500))]);
    const { head } = before.logs;
    const sent = await readAll(before.logs);
    assert.equal(sent.length, 50);
    assert.ok((await segments()).length > 3);
    await before.spool.close();

    const after = await testSpool(dir);
    assert.equal(after.spool.nodeId, before.spool.nodeId);
    assert.equal(after.logs.id, `${before.spool.nodeId}/logs`);
    assert.equal(after.logs.head, head);
    assert.deepEqual(await readAll(after.logs), sent);
    const [range] = await after.logs.append([payload('next')]);
    assert.equal(range?.start, head);
    assert.equal((await readAll(after.logs)).length, 51);
    assert.equal(await after.metric('canardstack_spool_torn_tails_total'), 0);
    await after.spool.close();
  });

  it('shares one fsync among appends that come together, in the order they came', async () => {
    const { spool, logs, metric } = await testSpool(dir, { segmentBytes: 1024 * 1024 });
    const appends = Array.from({ length: 200 }, (_, i) => logs.append([payload(`a${i}`), payload(`b${i}`)]));
    await Promise.all(appends);
    assert.ok((await metric('canardstack_spool_fsync_seconds')) <= 3);
    assert.deepEqual(
      (await readAll(logs)).map(text),
      Array.from({ length: 200 }, (_, i) => [`a${i}`, `b${i}`]).flat(),
    );
    await spool.close();
  });

  it('waits for more appends before an fsync when told to', async () => {
    const { spool, logs, metric } = await testSpool(dir, { groupCommitMs: 100 });
    const first = logs.append([payload('first')]);
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([first, logs.append([payload('second')])]);
    assert.equal(await metric('canardstack_spool_fsync_seconds'), 1);
    assert.equal(await metric('canardstack_spool_group_records'), 1);
    await spool.close();
  });

  it('finishes appends under way when it is closed, and refuses later ones', async () => {
    const before = await testSpool(dir);
    const appends = [1, 2, 3].map((i) => before.logs.append([payload(`r${i}`)]));
    await before.spool.close();
    await Promise.all(appends);
    await assert.rejects(before.logs.append([payload('r4')]), SpoolUnavailableError);
    const after = await testSpool(dir);
    assert.deepEqual((await readAll(after.logs)).map(text), ['r1', 'r2', 'r3']);
    await after.spool.close();
  });

  it('reads up to the head of the call while appends and releases go on', async () => {
    const { spool, logs } = await testSpool(dir);
    for (let i = 0; i < 40; i++) await logs.append([payload(String(i).padEnd(5000, '.'))]);
    const seen: number[] = [];
    for await (const entry of logs.read(0)) {
      seen.push(Number.parseInt(text(entry)));
      await logs.append([payload(String(40 + seen.length).padEnd(5000, '.'))]);
      await logs.release(entry.end);
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 40 }, (_, i) => i),
    );
    assert.equal((await readAll(logs)).at(-1)?.end, logs.head);
    await spool.close();
  });

  it('refuses what does not fit a field of the format, and nothing else', async () => {
    const { spool, logs } = await testSpool(dir);
    await assert.rejects(logs.append([payload('x', { maxTimeNs: 2n ** 63n })]), RangeError);
    await logs.append([payload('y')]);
    assert.deepEqual((await readAll(logs)).map(text), ['y']);
    await spool.close();
  });
});

describe('capacity', () => {
  it('refuses beyond the capacity, counting what still waits for its fsync, and takes again after a release', async () => {
    const { spool, logs } = await testSpool(dir, { capacityBytes: 400_000 });
    const results = await Promise.allSettled(
      Array.from({ length: 60 }, () => logs.append([randomPayload(10_000)])),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    assert.equal(results.length - refused.length, Math.floor(400_000 / 10_048));
    for (const { reason } of refused) assert.ok(reason instanceof SpoolFullError);
    assert.ok(logs.usedBytes <= 400_000);
    await logs.release(logs.head);
    assert.ok(logs.usedBytes < 50_000);
    await logs.append([randomPayload(300_000)]);
    await spool.close();
  });

  it('frees the files before a position, but never the head', async () => {
    const before = await testSpool(dir);
    const ranges = [];
    for (let i = 0; i < 60; i++) ranges.push(...(await before.logs.append([randomPayload(5000)])));
    const all = (await segments()).length;
    const middle = ranges[30]?.start ?? 0;
    await before.logs.release(middle);
    assert.ok((await segments()).length < all);
    assert.ok(before.logs.tail <= middle && before.logs.tail > 0);
    assert.equal((await readAll(before.logs, middle)).length, 30);
    await before.logs.release(before.logs.head);
    await before.logs.release(0);
    assert.equal((await segments()).length, 1);
    const { head } = before.logs;
    await before.spool.close();

    const after = await testSpool(dir);
    assert.equal(after.logs.head, head);
    assert.deepEqual(await readAll(after.logs), []);
    assert.equal(await after.metric('canardstack_spool_damaged_stretches_total'), 0);
    await after.spool.close();
  });
});

describe('advanceTo', () => {
  it('continues from a position ahead, skips the hole when reading, and does nothing for one behind', async () => {
    const before = await testSpool(dir);
    await before.logs.append([payload('old')]);
    await before.logs.advanceTo(10);
    const [second] = await before.logs.append([payload('second')]);
    assert.equal(second?.start, 51);
    await before.logs.advanceTo(1_000_000);
    assert.equal(before.logs.head, 1_000_000);
    const [third] = await before.logs.append([payload('third')]);
    assert.equal(third?.start, 1_000_000);
    assert.deepEqual((await readAll(before.logs, 51)).map(text), ['second', 'third']);
    assert.deepEqual((await readAll(before.logs, 5000)).map(text), ['third']);
    await before.spool.close();

    const after = await testSpool(dir);
    assert.deepEqual((await readAll(after.logs)).map(text), ['old', 'second', 'third']);
    assert.equal(await after.metric('canardstack_spool_damaged_stretches_total'), 0);
    assert.ok(after.logs.usedBytes < 1000);
    await after.spool.close();
  });

  it('frees what lies before the jump', async () => {
    const { spool, logs } = await testSpool(dir);
    await logs.append([payload('old')]);
    await logs.advanceTo(5000);
    await logs.release(5000);
    assert.equal(logs.tail, 5000);
    assert.deepEqual(await segments(), ['00000000000000005000.seg']);
    await spool.close();
  });
});

describe('open', () => {
  it('is refused while this or another process has the folder open, and works afterwards', async () => {
    const { spool } = await testSpool(dir);
    await assert.rejects(
      testSpool(dir),
      (error: Error) => error instanceof SpoolOpenError && error.message.includes(dir),
    );
    const module = new URL('../../test/support/spool.js', import.meta.url).href;
    const attempt = () =>
      spawnSync(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `import { testSpool } from '${module}';
           await testSpool(process.argv[1]).then((s) => s.spool.close(), (error) => { console.log(error.name + ': ' + error.message); });
           console.log('done')`,
          dir,
        ],
        { encoding: 'utf8' },
      ).stdout;
    assert.equal(
      attempt(),
      `SpoolOpenError: the spool folder ${dir} is in use by process ${process.pid}: only one server may use it\ndone\n`,
    );
    await spool.close();
    assert.equal(attempt(), 'done\n');
  });

  it('takes the node id from the segments when its file is lost, and refuses segments of another node', async () => {
    const before = await testSpool(dir);
    await before.logs.append([payload('kept')]);
    await before.spool.close();
    await rm(join(dir, 'node-id'));
    const after = await testSpool(dir);
    assert.equal(after.spool.nodeId, before.spool.nodeId);
    assert.deepEqual((await readAll(after.logs)).map(text), ['kept']);
    await after.spool.close();
    await writeFile(join(dir, 'node-id'), '00000000-0000-4000-8000-000000000000\n');
    await assert.rejects(testSpool(dir), /belongs to the stream .*\/logs, not to 00000000-/);
    await writeFile(join(dir, 'node-id'), before.spool.nodeId);
    await (await testSpool(dir)).spool.close();
  });

  it('names the folder when a part of its path is a file', async () => {
    const file = join(dir, 'file');
    await writeFile(file, '');
    await assert.rejects(testSpool(join(file, 'spool')), (error: Error) => {
      return error instanceof SpoolOpenError && error.message.includes(join(file, 'spool'));
    });
  });
});

describe('setAside', () => {
  it('keeps the body as received and why, within a bound, and removes nothing for it', async () => {
    const { spool, logs, metric } = await testSpool(dir, { setAsideBytes: 25_000 });
    for (let i = 0; i < 4; i++) await logs.append([randomPayload(10_000)]);
    const entries = await readAll(logs);
    for (const entry of entries.slice(0, 3)) await logs.setAside(entry, { reason: 'not protobuf' });
    const [first, , , last] = entries;
    assert.ok(first && last);
    for (let i = 0; i < 2; i++) {
      await assert.rejects(logs.setAside(last, { reason: 'not protobuf' }), (error) => {
        assert.ok(error instanceof SpoolUnavailableError);
        assert.match(error.message, /holds 30000 bytes and may hold 25000 .*SET_ASIDE_BYTES.*spool list/);
        return true;
      });
    }
    assert.equal(await metric('canardstack_spool_set_aside_bytes'), 30_000);
    const name = (entry: SpoolEntry) => `logs-${String(entry.start).padStart(20, '0')}.rec`;
    // Once more of what is there already, after a crash.
    await logs.setAside(first, { reason: 'not protobuf' });
    await spool.setAside.remove(name(first));
    await logs.setAside(last, { reason: 'not protobuf' });
    const names = (await readdir(join(dir, 'poison'))).sort();
    const kept = entries.slice(1).map(name);
    assert.deepEqual(names, kept.flatMap((each) => [each, `${each}.json`]).sort());
    assert.deepEqual(await readFile(join(dir, 'poison', kept[2] ?? '')), Buffer.from(last.payload.body));
    const about = JSON.parse(await readFile(join(dir, 'poison', `${kept[2]}.json`), 'utf8')) as Record<
      string,
      unknown
    >;
    assert.equal(about['reason'], 'not protobuf');
    assert.equal(about['format'], 'protobuf');
    assert.equal(about['start'], last.start);
    assert.equal(await metric('canardstack_spool_poison_total'), 5);
    assert.equal(await metric('canardstack_spool_errors_total'), 2);
    assert.equal(await metric('canardstack_spool_kept_removed_total'), 0);
    await spool.close();
  });
});
