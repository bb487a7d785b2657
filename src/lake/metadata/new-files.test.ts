import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NewFiles } from './new-files.js';

const hour = 3_600_000;

test('a file of a commit waits; those that were there at first and compacted ones do not', () => {
  const files = new NewFiles(hour);
  files.note(['d/old.parquet']);
  assert.equal(files.waits('d/old.parquet'), 0);
  files.note([
    'd/old.parquet',
    'd/new.parquet',
    'd/canardstack-compacted-1.parquet',
    'd/canardstack-compacted-joined-1.parquet',
  ]);
  assert.equal(files.waits('d/old.parquet'), 0);
  assert.equal(files.waits('d/canardstack-compacted-1.parquet'), 0);
  assert.ok(files.waits('d/canardstack-compacted-joined-1.parquet') > 0);
  const left = files.waits('d/new.parquet');
  assert.ok(left > 0 && left <= hour);
  files.note(['d/old.parquet', 'd/new.parquet']);
  assert.ok(files.waits('d/new.parquet') <= left);
});

test('without a time to wait none does', () => {
  const files = new NewFiles(0);
  files.note([]);
  files.note(['a']);
  assert.equal(files.waits('a'), 0);
});

test('those that were there at first are as old as their last row', () => {
  const files = new NewFiles(hour);
  const before = (ms: number) => ({ last: BigInt(Date.now() - ms) * 1_000_000n });
  const told = new Map([
    ['a', before(hour / 2)],
    ['b', before(2 * hour)],
    ['c', before(-hour)],
  ]);
  files.note(['a', 'b', 'c', 'd'], told);
  const waits = ['a', 'b', 'c', 'd'].map((path) => files.waits(path) / hour);
  assert.deepEqual(
    waits.map((part) => Math.round(part * 100) / 100),
    [0.5, 0, 1, 0],
  );
  const longer = ['a', 'b', 'd'].map((path) => files.waits(path, 3) / hour);
  assert.deepEqual(
    longer.map((part) => Math.round(part * 100) / 100),
    [2.5, 1, 0],
  );
});
