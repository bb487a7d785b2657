import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { plainDecimal } from './numbers.js';

describe('sample values', () => {
  it('are written without exponents', () => {
    assert.equal(plainDecimal(1e21), '1000000000000000000000');
    assert.equal(plainDecimal(1.5e-7), '0.00000015');
    assert.equal(plainDecimal(-2.25e22), '-22500000000000000000000');
    assert.deepEqual([NaN, Infinity, -Infinity, 0.1].map(plainDecimal), ['NaN', '+Inf', '-Inf', '0.1']);
    assert.equal(plainDecimal(-0), '-0');
  });
});
