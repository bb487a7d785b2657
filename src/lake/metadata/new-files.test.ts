import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NewFiles } from './new-files.js';

const hour = 3_600_000;

test('a file of a commit waits; those that were there at first and compacted ones do not', () => {
  const files = new NewFiles(hour);
  files.note(['d/old.parquet']);
  assert.equal(files.waits('d/old.parquet'), 0);
  files.note(['d/old.parquet', 'd/new.parquet', 'd/canardstack-compacted-1.parquet']);
  assert.equal(files.waits('d/old.parquet'), 0);
  assert.equal(files.waits('d/canardstack-compacted-1.parquet'), 0);
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
