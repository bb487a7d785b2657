import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { within } from './index.js';

const never = new Promise<string>(() => undefined);

describe('a time-out', () => {
  it('gives what the work gives, or throws what it throws', async () => {
    assert.equal(await within(60_000, Promise.resolve('done'), () => 'late'), 'done');
    await assert.rejects(
      within(60_000, Promise.reject(new Error('broken')), () => 'late'),
      /broken/,
    );
  });

  it('gives what the late answer gives, or throws what it throws', async () => {
    assert.equal(await within(1, never, () => 'late'), 'late');
    assert.equal(await within(1, never, async () => 'later'), 'later');
    const fail = () => {
      throw new Error('too late');
    };
    await assert.rejects(within(1, never, fail), /too late/);
    await assert.rejects(
      within(1, never, async () => fail()),
      /too late/,
    );
  });

  it('may end the work and wait for it, whose own end then changes nothing', async () => {
    let end: (error: Error) => void = () => undefined;
    const work = new Promise<string>((_, reject) => (end = reject));
    const late = async () => {
      end(new Error('interrupted'));
      await work.catch(() => undefined);
      throw new Error('too late');
    };
    await assert.rejects(within(1, work, late), /too late/);
  });
});
