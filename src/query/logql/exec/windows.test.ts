import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { bucketsOf } from './windows.js';

describe('LogQL windows', () => {
  it('are cut into buckets that none of their edges crosses', () => {
    assert.deepEqual(bucketsOf(60, 30, 5), { width: 30, step: 1, range: 2 });
    assert.deepEqual(bucketsOf(60, 17, 5), { width: 1, step: 17, range: 60 });
    assert.deepEqual(bucketsOf(20, 50, 5), { width: 10, step: 5, range: 2 });
    assert.deepEqual(bucketsOf(60, 17, 1), { width: 60, step: 1, range: 1 });
  });
});
