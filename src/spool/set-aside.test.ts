import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { temporaryFolder } from '../../test/support/server.js';
import { payload, readAll, testSpool, text, type TestSpool } from '../../test/support/spool.js';
import { defaultDecodeLimits } from '../schema/index.js';
import { afterDeath } from './attempts.js';
import { giveBack, SpoolFullError, SpoolUnavailableError } from './index.js';

let dir: string;
beforeEach(async () => (dir = await temporaryFolder()));
afterEach(() => rm(dir, { recursive: true, force: true }));

const support = new URL('../../test/support/spool.js', import.meta.url).href;
const spoolIndex = new URL('./index.js', import.meta.url).href;
const faults = new URL('../faults/index.js', import.meta.url).href;

const giver = `
import { testSpool } from '${support}';
import { giveBack } from '${spoolIndex}';
import { faultsFrom } from '${faults}';
const [dir, fault] = process.argv.slice(1);
const { spool } = await testSpool(dir, { faults: faultsFrom(fault) });
await giveBack(spool, await spool.setAside.list());
`;

async function giveBackKilled(fault: string): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', giver, dir, fault], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  assert.equal((await once(child, 'exit'))[1], 'SIGKILL');
}

/** Three records, the second of them set aside. */
async function oneSetAside(): Promise<TestSpool> {
  const test = await testSpool(dir);
  for (const body of ['one', 'two', 'three'])
    await test.logs.append([payload(body, { encoding: 'gzip', limits: defaultDecodeLimits })]);
  const [, second] = await readAll(test.logs);
  assert.ok(second);
  await test.logs.setAside(second, { reason: 'for a test', deaths: 2 });
  return test;
}

describe('a record that is set aside', () => {
  it('comes back at the head, as it was, and is set aside no more', async () => {
    const { spool, logs, metric } = await oneSetAside();
    const { head } = logs;
    const [record] = await spool.setAside.list();
    assert.ok(record);
    assert.deepEqual([record.cause, record.deaths, record.bytes], ['crash', 2, 3]);
    assert.equal(await metric('canardstack_spool_set_aside_records'), 1);
    const given = await giveBack(spool, [record]);
    assert.deepEqual(given, [{ name: record.name, stream: logs.id, start: head, end: logs.head }]);
    const [back] = await readAll(logs, head);
    assert.deepEqual(back?.payload, payload('two', { encoding: 'gzip', limits: defaultDecodeLimits }));
    assert.equal(await metric('canardstack_spool_set_aside_records'), 0);
    await logs.append([payload('four')]);
    await spool.close();
    const after = await testSpool(dir);
    assert.deepEqual((await readAll(after.logs)).map(text), ['one', 'two', 'three', 'two', 'four']);
    assert.deepEqual(await readdir(join(dir, 'poison')), []);
    await after.spool.close();
  });

  it('comes back into a stream of which all is committed, and one that is empty', async () => {
    const { spool, logs } = await oneSetAside();
    await logs.release(logs.head);
    await giveBack(spool, await spool.setAside.list());
    assert.deepEqual((await readAll(logs, logs.tail)).map(text).at(-1), 'two');
    await spool.close();
  });

  it('stays where it is when the spool is full', async () => {
    const { spool, logs } = await oneSetAside();
    await spool.close();
    const small = await testSpool(dir, { capacityBytes: 160 });
    await assert.rejects(giveBack(small.spool, await small.spool.setAside.list()), SpoolFullError);
    assert.equal(small.spool.setAside.records('crash'), 1);
    assert.equal(small.logs.head, logs.head);
    await small.spool.close();
  });

  for (const [fault, before] of [
    ['spool.staged', true],
    ['spool.returned', false],
  ] as const) {
    it(`is either set aside or in its stream when the process is killed at ${fault}`, async () => {
      await (await oneSetAside()).spool.close();
      await giveBackKilled(fault);
      const { spool, logs, metric } = await testSpool(dir);
      assert.equal(spool.setAside.records(), before ? 1 : 0);
      const bodies = (await readAll(logs)).map(text);
      assert.deepEqual(bodies, before ? ['one', 'two', 'three'] : ['one', 'two', 'three', 'two']);
      if (before) {
        const kept = await spool.setAside.read((await spool.setAside.list())[0]?.name ?? '');
        assert.deepEqual(kept?.payload, payload('two', { encoding: 'gzip', limits: defaultDecodeLimits }));
        await giveBack(spool, await spool.setAside.list());
        assert.deepEqual((await readAll(logs)).map(text), ['one', 'two', 'three', 'two']);
      }
      assert.equal(await metric('canardstack_spool_damaged_stretches_total'), 0);
      assert.deepEqual(await readdir(join(dir, 'poison')), []);
      await spool.close();
    });
  }

  it('does not come back while its place in the stream is suspect', async () => {
    const { spool, logs } = await oneSetAside();
    const [record] = await spool.setAside.list();
    assert.ok(record);
    const { start, end } = record;
    await spool.attempts.suspect([{ stream: logs.id, start, end, deaths: 2 }]);
    await assert.rejects(giveBack(spool, [record]), SpoolUnavailableError);
    await spool.attempts.suspect([{ stream: logs.id, start, end, deaths: 2, setAside: true }]);
    await giveBack(spool, [record]);
    await spool.close();
  });
});

describe('what was in hand when the process died', () => {
  it('is suspect at the next start, and at no other', async () => {
    const { spool, logs } = await testSpool(dir);
    const range = { stream: logs.id, start: 10, end: 20 };
    await spool.attempts.begin([range]);
    // As if killed: the file stays as it is.
    const block = join(dir, 'in-hand');
    const { copyFile } = await import('node:fs/promises');
    await copyFile(block, join(dir, 'kept'));
    await spool.close();
    await copyFile(join(dir, 'kept'), block);
    for (let i = 0; i < 2; i++) {
      const next = await testSpool(dir);
      assert.deepEqual(next.spool.attempts.suspects, [{ ...range, deaths: 1, whole: true }]);
      await next.spool.close();
    }
  });

  it('is not, once the process was asked to stop', async () => {
    const { spool, logs } = await testSpool(dir);
    await spool.attempts.orderly();
    await spool.attempts.begin([{ stream: logs.id, start: 10, end: 20 }]);
    const { copyFile } = await import('node:fs/promises');
    await copyFile(join(dir, 'in-hand'), join(dir, 'kept'));
    await spool.close();
    await copyFile(join(dir, 'kept'), join(dir, 'in-hand'));
    const next = await testSpool(dir);
    assert.deepEqual(next.spool.attempts.suspects, []);
    await next.spool.close();
  });

  it('adds to the deaths of what it touches, and leaves the rest', () => {
    const stream = 'n/logs';
    const group = afterDeath([], [{ stream, start: 0, end: 100 }]);
    assert.deepEqual(group, [{ stream, start: 0, end: 100, deaths: 1, whole: true }]);
    assert.deepEqual(afterDeath(group, [{ stream, start: 40, end: 60 }]), [
      { stream, start: 0, end: 40, deaths: 1, whole: false },
      { stream, start: 40, end: 60, deaths: 2, whole: true },
      { stream, start: 60, end: 100, deaths: 1, whole: false },
    ]);
    assert.deepEqual(afterDeath(group, [{ stream: 'n/traces', start: 0, end: 100 }]).length, 2);
  });
});
