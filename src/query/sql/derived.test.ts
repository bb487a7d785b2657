import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { derived, derivedOfAll, jsonOf, keepDerived } from './derived.js';

describe('what is made of lists that never change', () => {
  it('is kept by what was asked', () => {
    const of = {};
    assert.equal(derived(of, 'a'), undefined);
    const list = keepDerived(of, 'a', [1, 2]);
    assert.equal(derived(of, 'a'), list);
    assert.equal(derived(of, 'b'), undefined);
    assert.equal(derived({}, 'a'), undefined);
  });

  it('is made anew when one of several lists is another', () => {
    const [one, two, other] = [['a'], ['b'], ['b']];
    const both = (...parts: readonly (readonly string[])[]) => derivedOfAll(parts, 'all', () => parts.flat());
    const first = both(one, two);
    assert.deepEqual(first, ['a', 'b']);
    assert.equal(both(one, two), first);
    assert.notEqual(both(one, other), first);
    assert.deepEqual(both(one), ['a']);
    assert.deepEqual(both(), []);
  });

  it('holds no more than it may', () => {
    const of = {};
    keepDerived(of, 'a', [1]);
    for (let i = 0; i < 20; i++) keepDerived({}, 'large', new Array<number>(100_000).fill(i));
    assert.equal(derived(of, 'a'), undefined);
  });

  it('gives a list that takes the room of too many others without keeping it', () => {
    const of = {};
    const list = keepDerived(of, 'a', [1]);
    const large = new Array<number>(300_000).fill(0);
    assert.equal(keepDerived(of, 'large', large), large);
    assert.equal(derived(of, 'large'), undefined);
    assert.equal(derived(of, 'a'), list);
  });

  it('keeps no JSON of a list that is not kept itself', () => {
    const of = {};
    const list = keepDerived(of, 'a', ['x']);
    assert.equal(jsonOf(list), '["x"]');
    assert.deepEqual(derived(list, 'JSON'), ['["x"]']);
    for (let i = 0; i < 20; i++) {
      const passing = ['x'.repeat(1_000_000)];
      assert.equal(jsonOf(passing), `["${passing[0]}"]`);
      assert.equal(derived(passing, 'JSON'), undefined);
    }
    assert.equal(derived(of, 'a'), list);
  });

  it('writes a list once', () => {
    const list = ['a', '"'];
    const text = jsonOf(list);
    assert.equal(text, '["a","\\""]');
    assert.equal(jsonOf(list), text);
  });
});
