import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { DecodeMemoryError } from '../errors.js';
import { DecodeBudget, ThreadMemory } from './budget.js';

const mebibyte = 1024 * 1024;
const thread = (budget: DecodeBudget) => new ThreadMemory(budget.shared, new SharedArrayBuffer(4));

describe('DecodeBudget', () => {
  it('refuses what does not fit beside others, and takes it once they gave back', () => {
    const budget = new DecodeBudget(10 * mebibyte);
    const [a, b] = [thread(budget), thread(budget)];
    a.begin(0);
    b.begin(0);
    a.take(6 * mebibyte);
    b.take(4 * mebibyte);
    assert.equal(budget.usedBytes, 10 * mebibyte);
    assert.throws(() => b.take(1), DecodeMemoryError);
    a.give(mebibyte);
    b.take(mebibyte);
    assert.equal(b.end(2 * mebibyte), 512);
    assert.equal(budget.usedBytes, 7 * mebibyte);
    budget.give(512);
    assert.equal(a.end(0), 0);
    assert.equal(budget.usedBytes, 0);
  });

  it('lets a request alone have more, so that none is refused for ever', () => {
    const budget = new DecodeBudget(mebibyte);
    const [a, b] = [thread(budget), thread(budget)];
    a.take(5 * mebibyte);
    a.take(5 * mebibyte);
    assert.throws(() => b.take(1), DecodeMemoryError);
    a.end(0);
    b.take(3 * mebibyte);
    assert.equal(budget.usedBytes, 3 * mebibyte);
  });

  it('has a thread wait until another gives back, and no longer than it may', async () => {
    const budget = new DecodeBudget(mebibyte);
    const holder = thread(budget);
    holder.take(mebibyte);
    const wait = (waitMs: number) => {
      const module = new URL('./budget.js', import.meta.url).href;
      const code = `const { workerData, parentPort } = require('node:worker_threads');
        import(${JSON.stringify(module)}).then(({ ThreadMemory }) => {
          const memory = new ThreadMemory(workerData, new SharedArrayBuffer(4));
          memory.begin(${waitMs});
          parentPort.postMessage('waits');
          try { memory.take(1024); parentPort.postMessage('took'); }
          catch (error) { parentPort.postMessage(error.name); }
        });`;
      const worker = new Worker(code, { eval: true, workerData: budget.shared });
      const messages: string[] = [];
      return new Promise<string[]>((resolve, reject) => {
        worker.on('message', (message: string) => {
          messages.push(message);
          if (message === 'waits' && waitMs > 1000) setTimeout(() => holder.give(mebibyte), 50);
        });
        worker.on('error', reject).on('exit', () => resolve(messages));
      });
    };
    assert.deepEqual(await wait(20), ['waits', 'DecodeMemoryError']);
    assert.deepEqual(await wait(30_000), ['waits', 'took']);
  });
});
