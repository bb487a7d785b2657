import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { joinedPrefix } from '../moved.js';
import type { DataFile } from './groups.js';
import { Learned } from './learned.js';

const files = (count: number, rows: number, prefix = 'f'): DataFile[] =>
  Array.from({ length: count }, (_, i) => ({ path: `/lake/${prefix}${i}.parquet`, bytes: 1000, rows }));

describe('what compaction learns of a table', () => {
  it('has groups made smaller that do not fit into memory, and larger again after some that do', () => {
    const learned = new Learned();
    const logs = learned.of('logs');
    const several = files(4, 300_000);
    assert.equal(logs.exceeded(several), true);
    assert.equal(logs.exceeded(several), true);
    assert.equal(logs.share, 1 / 4);
    assert.equal(learned.of('logs').share, 1 / 4);
    assert.equal(learned.of('spans').share, 1);
    for (let i = 0; i < 20; i++) logs.fitted(files(2, 10));
    assert.equal(logs.share, 1 / 4, 'little says nothing');
    for (let i = 0; i < 7; i++) logs.fitted(several);
    assert.equal(logs.share, 1 / 4);
    logs.fitted(several);
    assert.equal(logs.share, 1 / 2);
    for (let i = 0; i < 16; i++) logs.fitted(several);
    assert.equal(logs.share, 1);
  });

  it('ends at some size', () => {
    const logs = new Learned().of('logs');
    const several = files(4, 300_000);
    for (let i = 0; i < 4; i++) assert.equal(logs.exceeded(several), true);
    assert.equal(logs.exceeded(several), false);
    assert.equal(logs.share, 1 / 16);
    assert.deepEqual([...logs.tooLarge], []);
  });

  it('knows joined files that do not fit alone, and has others of their size made smaller', () => {
    const logs = new Learned().of('logs');
    const joined = files(3, 900_000, joinedPrefix);
    for (const one of joined) assert.equal(logs.exceeded([one]), false);
    assert.equal(logs.share, 1 / 2, 'of which that size is no more');
    assert.deepEqual(
      [...logs.tooLarge],
      joined.map(({ path }) => path),
    );
  });

  it('forgets files that are gone', () => {
    const logs = new Learned().of('logs');
    const [large, ...others] = files(3, 900_000);
    assert.ok(large);
    logs.exceeded([large]);
    logs.notJoined(others.map(({ path }) => path));
    assert.equal(logs.unjoinable.size, 2);
    logs.keep(new Set([large.path, others[0]?.path ?? '']));
    assert.deepEqual([logs.unjoinable.size, logs.tooLarge.size], [1, 1]);
    logs.keep(new Set());
    assert.deepEqual([logs.unjoinable.size, logs.tooLarge.size], [0, 0]);
  });
});
