import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BufferPool } from './buffer-pool.js';

describe('BufferPool', () => {
  it('gives memory out again that fits', () => {
    const pool = new BufferPool(1024 * 1024);
    const first = pool.bytes(20_000);
    assert.equal(first.length, 20_000);
    pool.give(first.buffer);
    assert.equal(pool.idleBytes, 20 * 1024);
    assert.notEqual(pool.bytes(30_000).buffer, first.buffer);
    assert.equal(pool.bytes(10_000).buffer, first.buffer);
    assert.equal(pool.idleBytes, 0);
  });

  it('gives the smallest that fits, and none of twice what is needed', () => {
    const pool = new BufferPool(1024 * 1024);
    const [small, large] = [pool.bytes(28_000), pool.bytes(40_000)];
    pool.give(large.buffer);
    pool.give(small.buffer);
    assert.equal(pool.bytes(24_000).buffer, small.buffer);
    assert.notEqual(pool.bytes(20_000).buffer, large.buffer);
    assert.equal(pool.bytes(24_000).buffer, large.buffer);
  });

  it('gives up what stayed idle', () => {
    const pool = new BufferPool(1024 * 1024);
    const taken = Array.from({ length: 4 }, () => pool.bytes(20_000));
    for (const { buffer } of taken) pool.give(buffer);
    assert.equal(pool.trim(), 0);
    assert.equal(pool.idleBytes, 80 * 1024);
    pool.give(pool.bytes(20_000).buffer);
    assert.equal(pool.trim(), 60 * 1024);
    assert.equal(pool.idleBytes, 20 * 1024);
    // Until it is collected it counts, however little is given up at once.
    assert.equal(pool.trim(), 80 * 1024);
    pool.collected();
    assert.equal(pool.trim(), 0);
  });

  it('keeps no more than its bound, and detaches memory that is no buffer', () => {
    const pool = new BufferPool(70 * 1024);
    const taken = Array.from({ length: 5 }, () => pool.bytes(20_000));
    for (const { buffer } of taken) pool.give(buffer);
    assert.equal(pool.idleBytes, 60 * 1024);
    const large = pool.bytes(40 * 1024 * 1024);
    assert.ok(large.buffer instanceof ArrayBuffer);
    pool.give(large.buffer);
    assert.equal(large.length, 0);
    assert.equal(pool.idleBytes, 60 * 1024);
  });

  it('counts what is held towards its bound: gives larger ones out then, and gives up what fits nothing', () => {
    const KiB = 1024;
    const pool = new BufferPool(200 * KiB);
    let held = 0;
    pool.countHeld(() => held);
    const [small, large] = [pool.bytes(16 * KiB), pool.bytes(80 * KiB)];
    pool.give(small.buffer);
    pool.give(large.buffer);
    held = 100 * KiB;
    assert.notEqual(pool.bytes(4 * KiB).buffer, large.buffer);
    assert.equal(pool.bytes(30 * KiB).buffer, large.buffer);
    assert.equal(pool.idleBytes, 0);
    pool.give(small.buffer);
    pool.give(large.buffer);
    assert.equal(pool.idleBytes, 96 * KiB);
    // None is as large: those that are idle make room.
    assert.equal(pool.take(112 * KiB), null);
    assert.equal(pool.idleBytes, 0);
    held = 150 * KiB;
    pool.give(large.buffer);
    pool.give(small.buffer);
    assert.equal(pool.idleBytes, 16 * KiB);
    // Until they are collected they count.
    assert.equal(pool.trim(), 176 * KiB);
  });
});
