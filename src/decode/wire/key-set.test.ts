import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeySet } from './key-set.js';
import { Source } from './source.js';

function noted(
  keys: readonly (string | Uint8Array)[],
  slot: (i: number) => number,
): readonly string[] | null {
  const set = new KeySet();
  for (const [i, key] of keys.entries()) {
    const source = new Source();
    const bytes = Buffer.from(key);
    source.load(bytes);
    set.note(source, 0, bytes.length, slot(i));
  }
  return set.take();
}

test('keeps each key once, also those of one slot', () => {
  const keys = ['level', 'http.route', 'ébène', 'level', 'levek', '', 'http.route'];
  const expected = ['level', 'http.route', 'ébène', 'levek', ''];
  assert.deepEqual(
    noted(keys, () => 7),
    expected,
  );
  assert.deepEqual(
    noted(keys, (i) => i),
    expected,
  );
});

test('does not know keys that are no UTF-8, too many or too long together', () => {
  assert.equal(
    noted([Uint8Array.of(0xff)], () => 1),
    null,
  );
  assert.equal(
    noted(
      Array.from({ length: 1001 }, (_, i) => `k${i}`),
      (i) => i,
    ),
    null,
  );
  assert.equal(
    noted(['a'.repeat(10_000), 'b'.repeat(10_000)], (i) => i),
    null,
  );
});

test('begins anew once they were taken', () => {
  const set = new KeySet();
  const source = new Source();
  source.load(Buffer.from('a'));
  set.note(source, 0, 1, 3);
  set.nest();
  assert.deepEqual(set.take(), ['a', '']);
  assert.deepEqual(set.take(), []);
  set.note(source, 0, 1, 3);
  assert.deepEqual(set.take(), ['a']);
});
