import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { QueryError } from '../../lake/query-error.js';
import { QueryGuard, type QueryLimits, type QueryObserver } from './guard.js';
import type { ReadPool, ReadSession } from '../../lake/session.js';

const limits: QueryLimits = {
  concurrency: 1,
  queueLength: 1,
  timeoutMs: 10_000,
  retentionMs: Infinity,
  maxRangeMs: 1,
  maxRows: 1,
  maxSamples: 1,
  maxSeries: 1,
  scopeLabels: true,
  promqlExperimental: true,
  spanMetrics: null,
};

const pool: ReadPool = {
  withSession: (signal, work) => {
    signal.throwIfAborted();
    return work({} as ReadSession);
  },
};

const forever = new AbortController().signal;

function blocked(guard: QueryGuard, signal = forever): { done: Promise<unknown>; release: () => void } {
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  return { done: guard.run('test', signal, () => gate), release };
}

/** Everything that was already due has run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('QueryGuard', () => {
  it('runs as many as may run, queues as many as may wait, and refuses the rest', async () => {
    const refused: string[] = [];
    const observer: QueryObserver = {
      started() {},
      finished() {},
      refused: (reason) => refused.push(reason),
    };
    const guard = new QueryGuard(pool, limits, observer);
    const first = blocked(guard);
    const second = blocked(guard);
    await settled();
    assert.deepEqual([guard.running, guard.queued], [1, 1]);
    await assert.rejects(
      guard.run('test', forever, async () => 1),
      { kind: 'busy', retryAfterSeconds: 1 },
    );
    assert.deepEqual(refused, ['query_queue_full']);
    first.release();
    await first.done;
    await settled();
    assert.deepEqual([guard.running, guard.queued], [1, 0]);
    second.release();
    await second.done;
    assert.equal(guard.running, 0);
  });

  it('counts the wait into the timeout', async () => {
    const guard = new QueryGuard(pool, { ...limits, timeoutMs: 50 });
    const first = blocked(guard);
    // A timeout signal alone does not keep the process alive.
    const alive = setInterval(() => {}, 1000);
    await assert.rejects(
      guard.run('test', forever, async () => 1),
      { kind: 'timeout' },
    );
    clearInterval(alive);
    assert.equal(guard.queued, 0);
    first.release();
    await first.done;
  });

  it('forgets a waiting query whose client has gone', async () => {
    const guard = new QueryGuard(pool, limits);
    const first = blocked(guard);
    const client = new AbortController();
    const second = guard.run('test', client.signal, async () => 1);
    await settled();
    client.abort();
    await assert.rejects(second, { kind: 'canceled' });
    assert.deepEqual([guard.running, guard.queued], [1, 0]);
    first.release();
    await first.done;
    assert.equal(await guard.run('test', forever, async () => 7), 7);
  });

  it('cuts what an error repeats of a query', async () => {
    const guard = new QueryGuard(pool, limits);
    const failing = guard.run('test', forever, async () => {
      throw new QueryError('bad_data', `unexpected ${'x'.repeat(100_000)}`);
    });
    await assert.rejects(failing, /^QueryError: unexpected x{3989}… \(96011 more characters\)$/);
  });

  it('passes query errors on, hides the text of all others, and frees the place', async () => {
    const outcomes: string[] = [];
    const observer: QueryObserver = {
      started() {},
      refused() {},
      finished: (_api, outcome) => outcomes.push(outcome),
    };
    const guard = new QueryGuard(pool, limits, observer);
    const failing = (error: Error) =>
      guard.run('test', forever, async () => {
        throw error;
      });
    await assert.rejects(failing(new QueryError('bad_data', 'no such field')), {
      kind: 'bad_data',
      message: 'no such field',
    });
    const internal = new Error('Binder Error: SELECT secret');
    await assert.rejects(failing(internal), {
      kind: 'internal',
      message: 'the query failed inside the server',
      cause: internal,
    });
    await assert.rejects(failing(new Error('IO Error: cannot open "/var/x"')), {
      kind: 'unavailable',
      retryAfterSeconds: 5,
    });
    await assert.rejects(failing(new Error('Out of Memory Error: failed to pin')), { kind: 'limit' });
    assert.deepEqual(outcomes, ['bad_data', 'internal', 'unavailable', 'limit']);
    assert.equal(guard.running, 0);
  });
});
