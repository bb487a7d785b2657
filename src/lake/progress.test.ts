import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refuseForeign, refuseStale, type Watermark, type WriterIdentity } from './progress.js';
import { CommitError } from './types.js';

const identity: WriterIdentity = { nodeId: 'n', writer: 'me', predecessors: new Set(['before']) };
const kindOf = (work: () => void) => {
  try {
    work();
    return null;
  } catch (error) {
    assert.ok(error instanceof CommitError);
    return error.kind;
  }
};

describe('a commit against the watermark of its stream', () => {
  const check = (committed: number | null, entry: { from?: number; position: number }, withRows = true) => {
    const current = new Map<string, Watermark>();
    if (committed !== null) current.set('n/logs', { position: committed, writer: 'me' });
    return kindOf(() =>
      refuseStale([{ stream: 'n/logs', ...entry }], current, withRows, identity, new Map()),
    );
  };

  it('goes on where the lake stands, or behind what a restored catalog knows', () => {
    assert.equal(check(null, { from: 0, position: 10 }), null);
    assert.equal(check(10, { from: 10, position: 20 }), null);
    assert.equal(check(5, { from: 10, position: 20 }), null);
    assert.equal(check(10, { position: 20 }), null);
  });

  it('is refused when any of its rows is committed, though its end is not', () => {
    assert.equal(check(15, { from: 10, position: 20 }), 'regressed');
    assert.equal(check(20, { from: 10, position: 20 }), 'regressed');
    assert.equal(check(20, { position: 20 }), 'regressed');
    assert.equal(check(30, { from: 10, position: 20 }), 'regressed');
    assert.equal(check(20, { from: 10, position: 20 }, false), null, 'a watermark alone may come twice');
  });
});

describe('the writer of a watermark', () => {
  const check = (writer: string | null, position: number, inherited?: number, who = identity) =>
    kindOf(() => refuseForeign('n/logs', { position, writer }, who, inherited));

  it('is this process, a predecessor where this one found it, or unknown', () => {
    assert.equal(check('me', 7, 5), null);
    assert.equal(check('before', 5), null);
    assert.equal(check('before', 5, 5), null);
    assert.equal(check(null, 5, 3), null);
    assert.equal(check('other', 5, 5, { ...identity, predecessors: null }), null);
  });

  it('is foreign otherwise: a copy of the data folder is at work', () => {
    assert.equal(check('other', 5, 5), 'fenced');
    assert.equal(check('before', 6, 5), 'fenced');
  });
});
