import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BySet, NumberSet, packed } from './number-set.js';

function setOf(...numbers: readonly number[]): NumberSet {
  const set = new NumberSet();
  for (const number of numbers) set.add(number);
  return set;
}

describe('sets of numbers', () => {
  it('gives what was added, once and in order, across words', () => {
    const set = setOf(300, 31, 0, 32, 31, 63, 1_000_000);
    assert.deepEqual(set.numbers(), [0, 31, 32, 63, 300, 1_000_000]);
  });

  it('joins sets of any size, and tells which are equal', () => {
    const small = setOf(1);
    small.addAll(setOf(31, 9000));
    const large = setOf(9000, 1);
    large.addAll(setOf(31));
    assert.deepEqual(small.numbers(), [1, 31, 9000]);
    assert.ok(small.equals(large) && large.equals(small));
    assert.ok(!setOf(1).equals(small) && !small.equals(setOf(1)));
    assert.ok(new NumberSet().equals(setOf()));
  });

  it('packs few numbers one by one and many as bits', () => {
    const few = packed(new Set([1_000_000, 3]));
    assert.ok(few instanceof Uint32Array && few.byteLength === 8);
    const many = packed(new Set(Array.from({ length: 100 }, (_, i) => i)));
    assert.ok(many instanceof NumberSet);
    const all = setOf(7000);
    for (const one of [few, many, packed(new Set())]) all.addNumbers(one);
    assert.deepEqual(all.numbers(), [...Array(100).keys(), 7000, 1_000_000]);
  });

  it('gives the same thing for the same numbers, of the sets used last', () => {
    const things = new BySet<object>(2);
    const [one, two] = [things.get(setOf(1), () => ({})), things.get(setOf(2), () => ({}))];
    assert.notEqual(one, two);
    assert.equal(
      things.get(setOf(1), () => ({})),
      one,
    );
    things.get(setOf(3), () => ({}));
    assert.equal(
      things.get(setOf(1), () => ({})),
      one,
    );
    assert.notEqual(
      things.get(setOf(2), () => ({})),
      two,
    );
  });
});
