import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { checkBatch, rowsOf } from '../../../test/support/batch-reader.js';
import { logsRequest } from '../../../test/support/otlp.js';
import { now, payloadOf } from '../../../test/support/payload.js';
import { batchRows, defaultDecodeLimits, type Payload, type Signal } from '../../schema/index.js';
import { createTelemetry } from '../../telemetry/index.js';
import {
  DecodeMemoryError,
  DecodePool,
  DecodeQueueFullError,
  DecodeWorkerError,
  GroupingDecoder,
  type DecodedGroup,
} from '../index.js';

const logs = (body: string, count = 1) =>
  payloadOf(
    logsRequest(
      { 'service.name': 'pool' },
      Array.from({ length: count }, () => ({ timeNs: now, body })),
    ),
  );

const startPool = (
  more: {
    threads?: number;
    queueBytes?: number;
    taskTimeoutMs?: number;
    replayBudgetBytes?: number;
    memoryBytes?: number;
  } = {},
) => {
  const telemetry = createTelemetry('silent');
  const options = { threads: 2, queueBytes: 64 * 1024 * 1024 };
  return DecodePool.start({ ...options, telemetry, ...more }).then((pool) => ({ pool, telemetry }));
};

async function metric(registry: { getSingleMetricAsString(name: string): Promise<string> }, name: string) {
  return Number(/ (\d+)$/m.exec(await registry.getSingleMetricAsString(name))?.[1]);
}

/** A payload that keeps a worker busy for many milliseconds. */
const slow = () => ({
  ...payloadOf(gzipSync(logsRequest({}, [{ timeNs: now, body: '\u0001'.repeat(30_000_000) }]))),
  encoding: 'gzip' as const,
  limits: { ...defaultDecodeLimits, maxRecordBytes: 2 ** 30 },
});

describe('DecodePool', () => {
  let pool: DecodePool;
  let telemetry: Awaited<ReturnType<typeof startPool>>['telemetry'];
  before(async () => {
    ({ pool, telemetry } = await startPool());
  });
  after(() => pool.close());

  it('decodes in a worker and leaves the payloads as they were', async () => {
    const payloads = [
      logs('one line of log text'),
      payloadOf(Uint8Array.of(1)),
      logs('two lines of log text', 2),
    ];
    const sizes = payloads.map((payload) => payload.body.length);
    const group = await pool.decode('logs', payloads);
    assert.deepEqual(
      group.results.map((result) => (result.ok ? result.rows : result.code)),
      [1, 'malformed', 2],
    );
    const [batch] = group.batches;
    assert.ok(batch && group.batches.length === 1);
    checkBatch(batch, 3);
    assert.equal(rowsOf(batch, 'logs')[2]?.['body'], 'two lines of log text');
    assert.deepEqual(
      payloads.map((payload) => payload.body.length),
      sizes,
    );
    assert.equal(pool.queuedBytes, 0);
    assert.deepEqual((await pool.decode('logs', [])).batches, []);
  });

  it('gives several batches when it is too much for one', async () => {
    const { pool: small } = await startPool({ replayBudgetBytes: 1000 });
    const payloads = Array.from({ length: 12 }, (_, i) => logs(String(i).repeat(600)));
    const { batches, results } = await small.decode('logs', payloads);
    assert.ok(results.length === 12 && results.every((result) => result.ok));
    assert.ok(batches.length > 1);
    for (const batch of batches) checkBatch(batch, batchRows(batch));
    const bodies = batches.flatMap((batch) => rowsOf(batch, 'logs').map((row) => row['body']));
    assert.deepEqual(
      bodies,
      payloads.map((_, i) => String(i).repeat(600)),
    );
    await small.close();
  });

  it('gives up only the payload that a worker fails on', async () => {
    const poison = { ...logs('poison'), minTimeNs: 'not a time' as unknown as bigint };
    const { results, batches } = await pool.decode('logs', [logs('before'), poison, logs('after')]);
    assert.deepEqual(
      results.map((result) => (result.ok ? result.rows : result.code)),
      [1, 'malformed', 1],
    );
    assert.deepEqual(
      batches.flatMap((batch) => rowsOf(batch, 'logs').map((row) => row['body'])),
      ['before', 'after'],
    );
  });

  it('counts what it decodes', async () => {
    const text = await telemetry.registry.metrics();
    assert.match(text, /canardstack_decode_payloads_total\{signal="logs",outcome="malformed"\} \d/);
    assert.match(text, /canardstack_decode_queue_bytes 0/);
  });
});

describe('GroupingDecoder', () => {
  const groups: { signal: Signal; group: DecodedGroup }[] = [];
  const sink = async (signal: Signal, group: DecodedGroup) => {
    groups.push({ signal, group });
    return group.results.map((result, i) => ({ result, body: group.payloads[i]?.body.length ?? -1 }));
  };

  it('gathers small payloads while the workers are busy and answers each', async () => {
    const { pool } = await startPool({ threads: 1 });
    const decoder = new GroupingDecoder(pool, sink);
    groups.length = 0;
    const payloads = Array.from({ length: 300 }, (_, i) => logs(`line number ${i}`));
    const sizes = payloads.map((payload) => payload.body.length);
    const results = await Promise.all(payloads.map((payload) => decoder.submit('logs', payload)));
    assert.deepEqual(
      results.map(({ body }) => body),
      sizes,
      'bodies come back',
    );
    assert.ok(results.every(({ result }) => result.ok && result.rows === 1));
    assert.ok(groups.length < 10, `${groups.length} groups`);
    const lines = groups.flatMap(({ group }) => rowsOf(group.batch, 'logs').map((row) => row['body']));
    assert.deepEqual(
      lines,
      payloads.map((_, i) => `line number ${i}`),
    );
    for (const { group } of groups) checkBatch(group.batch);
    assert.equal(pool.queuedBytes, 0);
    await pool.close();
  });

  it('keeps signals apart and hands results to the right payloads', async () => {
    const { pool } = await startPool({ threads: 1 });
    const decoder = new GroupingDecoder(pool, sink);
    const submitted = Array.from({ length: 90 }, (_, i) => {
      const signal = (['logs', 'traces', 'metrics'] as const)[i % 3]!;
      const broken = i % 7 === 0;
      const payload = broken
        ? payloadOf(Uint8Array.of(0x0a, 0x05))
        : signal === 'logs'
          ? logs('x')
          : payloadOf(new Uint8Array(0));
      return { broken, result: decoder.submit(signal, payload) };
    });
    for (const { broken, result } of submitted) assert.equal((await result).result.ok, !broken);
    await pool.close();
  });

  it('refuses what the queue has no room for', async () => {
    const { pool } = await startPool({ threads: 1, queueBytes: 10_000 });
    const decoder = new GroupingDecoder(pool, sink);
    const body = 'x'.repeat(4000);
    const settled = await Promise.allSettled(
      Array.from({ length: 10 }, () => decoder.submit('logs', logs(body))),
    );
    const refused = settled.filter((result) => result.status === 'rejected');
    assert.equal(refused.length, 8);
    for (const result of refused) assert.ok(result.reason instanceof DecodeQueueFullError);
    assert.equal(pool.queuedBytes, 0);
    assert.ok((await decoder.submit('logs', logs('x'.repeat(20_000)))).result.ok, 'one is always admitted');
    await pool.close();
  });

  it('splits a group whose payloads decompress to far more', async () => {
    const { pool } = await startPool({ threads: 1 });
    const decoder = new GroupingDecoder(pool, sink);
    groups.length = 0;
    const bomb = (i: number): Payload => ({
      ...payloadOf(gzipSync(logsRequest({}, [{ timeNs: now, body: String(i).repeat(10_000_000) }]))),
      encoding: 'gzip',
    });
    const results = await Promise.all(Array.from({ length: 8 }, (_, i) => decoder.submit('logs', bomb(i))));
    assert.ok(results.every(({ result }) => result.ok));
    assert.ok(groups.length >= 4, `${groups.length} groups`);
    assert.ok(groups.every(({ group }) => group.batch.arena.length < 40_000_000));
    await pool.close();
  });

  it('takes memory before it decodes, and gives all of it back', async () => {
    const { pool } = await startPool({ threads: 2, memoryBytes: 8 * 1024 * 1024 });
    let highest = 0;
    const decoder = new GroupingDecoder(pool, async (_, group) => {
      highest = Math.max(highest, pool.budget.usedBytes);
      return [...group.results];
    });
    const large = (i: number): Payload => ({
      ...payloadOf(gzipSync(logsRequest({}, [{ timeNs: now, body: String(i).repeat(6_000_000) }]))),
      encoding: 'gzip',
    });
    const settled = await Promise.allSettled(
      Array.from({ length: 9 }, (_, i) =>
        decoder.submit('logs', i === 4 ? payloadOf(Uint8Array.of(1)) : large(i)),
      ),
    );
    for (const [i, result] of settled.entries()) {
      if (result.status === 'rejected')
        assert.ok(result.reason instanceof DecodeMemoryError, String(result.reason));
      else assert.equal(result.value.ok, i !== 4);
    }
    assert.ok(settled.filter((result) => result.status === 'fulfilled').length >= 2);
    assert.ok(highest >= 6_000_000, `${highest}`);
    assert.equal(pool.budget.usedBytes, 0);
    assert.equal(pool.queuedBytes, 0);
    await pool.close();
  });

  it('gives what is decoded again in parts', async () => {
    const { pool } = await startPool({ threads: 1, replayBudgetBytes: 1 });
    const payloads = Array.from({ length: 5 }, () => logs('x'.repeat(100_000)));
    const first = await pool.decode('logs', payloads, 150_000);
    assert.equal(first.results.length, 2);
    assert.equal(first.batches.length, 2);
    const rest = await pool.decode('logs', payloads.slice(first.results.length));
    assert.equal(rest.results.length, 3);
    assert.equal(pool.budget.usedBytes, 0);
    await pool.close();
  });

  it('passes on the error of its sink', async () => {
    const { pool } = await startPool({ threads: 1 });
    const decoder = new GroupingDecoder<number>(pool, () => Promise.reject(new Error('the disk is gone')));
    await assert.rejects(decoder.submit('logs', logs('x')), /the disk is gone/);
    const short = new GroupingDecoder<number>(pool, () => Promise.resolve([]));
    await assert.rejects(short.submit('logs', logs('x')), DecodeWorkerError);
    await pool.close();
  });
});

describe('a worker that hangs or ends', () => {
  it('is replaced, its group is rejected, and others are decoded after it', async () => {
    const { pool, telemetry } = await startPool({ threads: 1, taskTimeoutMs: 20 });
    const decoder = new GroupingDecoder(pool, async (_, group) => group.results.map(() => 0));
    await assert.rejects(decoder.submit('logs', slow()), DecodeWorkerError);
    assert.equal(await metric(telemetry.registry, 'canardstack_decode_worker_restarts_total'), 1);
    assert.equal(pool.queuedBytes, 0);
    // On a busy machine a small payload may take too long as well, but not every time.
    let decoded = false;
    for (let i = 0; i < 100 && !decoded; i++) {
      decoded = await decoder.submit('logs', logs('x')).then(
        () => true,
        () => false,
      );
    }
    assert.ok(decoded);
    await pool.close();
  });

  it('rejects what is waiting when it is closed', async () => {
    const { pool } = await startPool({ threads: 1 });
    const decoder = new GroupingDecoder(pool, async (_, group) => group.results.map(() => 0));
    const waiting = [slow(), logs('x'), logs('y')].map((payload) => decoder.submit('logs', payload));
    const settled = Promise.allSettled(waiting);
    await pool.close();
    for (const result of await settled) assert.equal(result.status, 'rejected');
    await assert.rejects(decoder.submit('logs', logs('x')), /closed/);
  });
});
