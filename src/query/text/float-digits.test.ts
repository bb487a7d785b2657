import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { exponentialDigits, fixedDigits } from './float-digits.js';

describe('digits of floats', () => {
  it('round exact halves to even', () => {
    const fixed = [0.5, 1.5, 2.5, -2.5, 3.5, 2.51, 9.5, 10.5].map((value) => fixedDigits(value, 0));
    assert.deepEqual(fixed, ['0', '2', '2', '-2', '4', '3', '10', '10']);
    assert.deepEqual([fixedDigits(0.25, 1), fixedDigits(0.125, 2)], ['0.2', '0.12']);
    // Not a half: the float is a little more, or less, than its digits say.
    assert.deepEqual([fixedDigits(1.005, 2), fixedDigits(0.35, 1)], ['1.00', '0.3']);
    assert.equal(fixedDigits(2 ** -20, 19), '0.0000009536743164062');
    assert.equal(fixedDigits(1e21, 0), '1e+21');
  });

  it('do so with exponents', () => {
    const texts = [2.5, 3.5, 9.5, 95, 25, 250, 0.5, 1e300, -2.5].map((value) => exponentialDigits(value, 0));
    assert.deepEqual(texts, ['2e+0', '4e+0', '1e+1', '1e+2', '2e+1', '2e+2', '5e-1', '1e+300', '-2e+0']);
    assert.deepEqual([exponentialDigits(125, 1), exponentialDigits(135, 1)], ['1.2e+2', '1.4e+2']);
    assert.deepEqual(
      [NaN, Infinity, 0].map((value) => exponentialDigits(value, 1)),
      ['NaN', 'Infinity', '0.0e+0'],
    );
  });
});
