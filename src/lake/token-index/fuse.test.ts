import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { randomNumbers } from '../../../test/support/random.js';
import { bloomOf } from './bloom.js';
import { filterOf, mayHaveHash } from './filter.js';
import { HashSet } from './hash-set.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));

it(`has every hash of its set, and few others, TEST_SEED=${seed}`, () => {
  const random = randomNumbers(seed);
  for (const size of [0, 1, 2, 3, 10, 100, 1000, 50_000]) {
    const hashes = new HashSet();
    const all = new Set(size === 0 ? [] : [0]);
    while (all.size < size) all.add(Math.floor(random() * 2 ** 32));
    for (const hash of all) hashes.add(hash);
    const filter = filterOf(hashes);
    assert.ok(filter.fuse, `${size}`);
    for (const hash of all) assert.ok(mayHaveHash(filter, hash), `${hash} of ${size}`);
    const others = Array.from({ length: 20_000 }, () => Math.floor(random() * 2 ** 32));
    const wrong = others.filter((hash) => !all.has(hash) && mayHaveHash(filter, hash)).length;
    // Five are to be expected.
    assert.ok(wrong < 40, `${wrong} of ${size}`);
    if (size >= 1000)
      assert.ok(filter.bytes.length * 8 < size * 18, `${filter.bytes.length} bytes of ${size}`);
  }
});

it('has nothing of a set that was in the same memory before', () => {
  const hashes = new HashSet();
  let before: number[] = [];
  for (const size of [100_000, 0, 10, 300_000, 1000]) {
    hashes.clear();
    const all = Array.from({ length: size }, (_, i) => Math.imul(i * 7 + size, 0x9e3779b1) >>> 0);
    for (const hash of all) hashes.add(hash);
    assert.equal(hashes.size, size);
    const filter = filterOf(hashes);
    for (const hash of all) assert.ok(mayHaveHash(filter, hash), `${hash} of ${size}`);
    const known = new Set(all);
    const left = before.filter((hash) => !known.has(hash) && mayHaveHash(filter, hash)).length;
    // One in 3,400 is to be expected of these, and of those beyond what a filter holds one in ten.
    if (size <= 100_000) assert.ok(left < 200, `${left} of ${before.length} at ${size}`);
    before = all;
  }
});

it('is a Bloom filter where the set is too large', () => {
  const hashes = new HashSet();
  for (let i = 0; i < 400_000; i++) hashes.add(Math.imul(i, 0x9e3779b1) >>> 0);
  const filter = filterOf(hashes);
  assert.equal(filter.fuse, null);
  assert.deepEqual(filter.bytes, bloomOf(hashes));
  hashes.each((hash) => assert.ok(mayHaveHash(filter, hash)));
});
