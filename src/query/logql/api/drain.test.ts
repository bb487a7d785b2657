import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Drain, patternText } from './drain.js';

function patternsOf(lines: readonly string[]): string[] {
  const drain = new Drain((cluster) => cluster);
  const found = new Set(lines.map((line) => drain.train(line)));
  return [...found].map(patternText);
}

describe('Drain', () => {
  it('joins lines that differ in words with digits', () => {
    assert.deepEqual(patternsOf(['took 5ms to a1', 'took 7ms to b2', 'took long to a1']), [
      'took <_> to <_>',
      'took long to a1',
    ]);
  });

  it('joins words without digits where there are more of them than ways in the tree', () => {
    const names = Array.from({ length: 40 }, (_, i) =>
      String.fromCharCode(97 + (i % 26)).repeat(3 + Math.floor(i / 26)),
    );
    const found = patternsOf(names.map((name) => `user ${name} logged in from web`));
    assert.ok(found.includes('user <_> logged in from web'), found.join('\n'));
    assert.ok(found.length <= 16, String(found.length));
  });

  it('keeps apart what has other separators, or few words in common', () => {
    assert.deepEqual(patternsOf(['a=1 b', 'a:1 b', '1 x y z', '2 p q r']), [
      'a=1 b',
      'a:1 b',
      '1 x y z',
      '2 p q r',
    ]);
    assert.deepEqual(patternsOf(['', '']), ['']);
  });
});
