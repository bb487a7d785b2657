import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openTestLake, rowsOf, silentTelemetry } from '../../test/support/open-lake.js';
import { logsRequest } from '../../test/support/otlp.js';
import { eventually, temporaryFolder } from '../../test/support/server.js';
import { resolveConfig } from '../config/index.js';
import { DecodePool } from '../decode/index.js';
import { CommitError, type Lake } from '../lake/index.js';
import { batchRows, type Payload } from '../schema/index.js';
import type { IntakeResult } from './types.js';
import { openSpool, type Spool } from '../spool/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { openPipeline, type Pipeline } from './index.js';

/** Commits to the real lake unless `fault` says otherwise, before or after the real commit. */
class FaultyLake {
  fault: ((call: number, bytes: number, rows: number) => CommitError | null) | null = null;
  faultAfter: ((call: number) => CommitError | null) | null = null;
  calls = 0;
  /** What commits wait for. */
  held: Promise<void> | undefined;

  wrap(lake: Lake): Lake {
    return {
      ...lake,
      commit: async (batches, progress) => {
        const call = ++this.calls;
        const before = this.fault?.(
          call,
          batches.reduce((sum, batch) => sum + batch.arena.byteLength, 0),
          batches.reduce((sum, batch) => sum + batchRows(batch), 0),
        );
        if (before) throw before;
        await this.held;
        const result = await lake.commit(batches, progress);
        const after = this.faultAfter?.(call);
        if (after) throw after;
        return result;
      },
    };
  }
}

function payload(id: string, records = 3): Payload {
  const now = BigInt(Date.now()) * 1_000_000n;
  const body = logsRequest(
    { 'service.name': 'seal' },
    Array.from({ length: records }, (_, i) => ({
      timeNs: now,
      body: `${id}/${i} in a body longer than inline`,
    })),
  );
  return {
    format: 'protobuf',
    encoding: 'identity',
    receivedAtNs: now,
    minTimeNs: now - 3_600_000_000_000n,
    maxTimeNs: now + 3_600_000_000_000n,
    body: Uint8Array.from(body),
  };
}

describe('sealing', () => {
  let folder: string;
  let telemetry: Telemetry;
  let lake: Lake;
  let spool: Spool;
  let pool: DecodePool;
  let pipeline: Pipeline;
  let faulty: FaultyLake;

  const open = async (env: Record<string, string> = {}): Promise<void> => {
    telemetry = silentTelemetry();
    const { config } = resolveConfig({ flags: {}, env: { CANARDSTACK_SEAL_INTERVAL_MS: '50', ...env } });
    lake = await openTestLake(folder, { telemetry });
    spool = await openSpool({
      dir: join(folder, 'spool'),
      capacityBytes: config.rawSpoolCapacityBytes,
      segmentBytes: config.rawSpoolSegmentBytes,
      groupCommitMs: 0,
      setAsideBytes: config.rawSpoolSetAsideBytes,
      telemetry,
    });
    pool = await DecodePool.start({
      threads: 1,
      queueBytes: config.decodeQueueBytes,
      telemetry,
    });
    pipeline = await openPipeline({
      config: config,
      spool,
      lake: faulty.wrap(lake),
      pool,
      telemetry,
      memoryCapBytes: Number.MAX_SAFE_INTEGER,
    });
  };

  const close = async (drain = true): Promise<void> => {
    if (drain) assert.equal(await pipeline.drain(AbortSignal.timeout(20_000)), true);
    else await pipeline.sealer.stop();
    await pool.close();
    await spool.close();
    await lake.close();
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
    faulty = new FaultyLake();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const submit = async (...ids: string[]): Promise<IntakeResult[]> =>
    Promise.all(ids.map((id) => pipeline.intake.submit('logs', payload(id))));
  const bodies = async () =>
    (await rowsOf(lake, 'SELECT body FROM lake.logs ORDER BY body')).map((row) => row['body'] as string);
  const expected = (...ids: string[]) =>
    ids.flatMap((id) => [0, 1, 2].map((i) => `${id}/${i} in a body longer than inline`)).sort();
  const settled = () => eventually(async () => (pipeline.sealer.backlogBytes === 0 ? true : undefined));

  it('commits what was accepted, with its watermark', async () => {
    await open();
    const results = await submit('a', 'b', 'c');
    assert.deepEqual(
      results.map((result) => result.kind),
      ['accepted', 'accepted', 'accepted'],
    );
    await settled();
    assert.deepEqual(await bodies(), expected('a', 'b', 'c'));
    const stream = spool.stream('logs');
    assert.equal((await lake.watermarks()).get(stream.id), stream.head);
    await close();
  });

  it('settles a commit whose answer was lost by the watermark, whichever way it went', async () => {
    await open();
    faulty.faultAfter = (call) => (call === 1 ? new CommitError('unknown', 'the answer was lost') : null);
    await submit('done');
    await settled();
    faulty.faultAfter = null;
    const next = faulty.calls + 1;
    faulty.fault = (call) => (call === next ? new CommitError('unknown', 'the request was lost') : null);
    await submit('again');
    await settled();
    assert.deepEqual(await bodies(), expected('again', 'done'));
    await close();
  });

  it('goes on acknowledging while the lake is away, and loses nothing', async () => {
    await open();
    faulty.fault = () => new CommitError('unavailable', 'the catalog is away');
    for (let i = 0; i < 5; i++) {
      assert.equal((await submit(`w${i}`))[0]?.kind, 'accepted');
    }
    await eventually(async () => (pipeline.sealer.unavailable === null ? undefined : true));
    assert.equal(pipeline.sealer.unavailable, 'the catalog is away');
    assert.deepEqual(await bodies(), []);
    faulty.fault = null;
    await settled();
    assert.equal(pipeline.sealer.unavailable, null);
    assert.deepEqual(await bodies(), expected('w0', 'w1', 'w2', 'w3', 'w4'));
    await close();
  });

  it('replays after a start what no commit holds, once', async () => {
    await open();
    await submit('early');
    await settled();
    faulty.fault = () => new CommitError('unavailable', 'the catalog is away');
    await submit('late1', 'late2');
    await close(false);
    faulty.fault = null;
    await open();
    await settled();
    assert.deepEqual(await bodies(), expected('early', 'late1', 'late2'));
    await close();
    await open();
    await settled();
    assert.deepEqual(await bodies(), expected('early', 'late1', 'late2'));
    await close();
  });

  it('reads back from the spool what memory does not hold', async () => {
    await open({ CANARDSTACK_SEAL_MAX_BYTES: '1' });
    const ids = Array.from({ length: 20 }, (_, i) => `m${i}`);
    for (const id of ids) await submit(id);
    await settled();
    assert.deepEqual(await bodies(), expected(...ids));
    await close();
  });

  it('lets clients wait that are faster than the commits, and only them', async () => {
    await open({ CANARDSTACK_SEAL_MAX_BYTES: '25000' });
    const paced = async () =>
      (await telemetry.registry.getSingleMetric('canardstack_ingest_paced_seconds_total')?.get())?.values[0]
        ?.value;
    await submit('first');
    await settled();
    assert.equal(await paced(), 0);
    let release: () => void = () => undefined;
    faulty.held = new Promise((resolve) => (release = resolve));
    const ids = Array.from({ length: 12 }, (_, i) => `p${i}`);
    for (const id of ids) await pipeline.intake.submit('logs', payload(id, 40));
    const waited = await paced();
    assert.ok(waited !== undefined && waited > 0 && waited < ids.length, String(waited));
    release();
    await settled();
    assert.equal((await bodies()).length, 3 + 40 * ids.length);
    await close();
  });

  it('finds the payload that can never be committed and sets it aside alone', async () => {
    await open({ CANARDSTACK_SEAL_INTERVAL_MS: '300' });
    const ids = Array.from({ length: 9 }, (_, i) => `g${i}`);
    const poisonBytes = payload('x', 400).body.byteLength;
    // Only the large payload's batch has an arena this big.
    faulty.fault = (_call, bytes) =>
      bytes > poisonBytes / 3 ? new CommitError('data', 'cannot be stored') : null;
    const submitted = [
      ...ids.slice(0, 4).map((id) => pipeline.intake.submit('logs', payload(id))),
      pipeline.intake.submit('logs', payload('poison', 400)),
      ...ids.slice(4).map((id) => pipeline.intake.submit('logs', payload(id))),
    ];
    for (const result of await Promise.all(submitted)) assert.equal(result.kind, 'accepted');
    await settled();
    assert.deepEqual(await bodies(), expected(...ids));
    const poison = await telemetry.registry.getSingleMetric('canardstack_spool_poison_total')?.get();
    assert.equal(
      poison?.values.reduce((sum, value) => sum + value.value, 0),
      1,
    );
    await close();
  });

  it('waits with a payload that can never be committed while no more can be set aside, and loses neither', async () => {
    await open({ CANARDSTACK_RAW_SPOOL_SET_ASIDE_BYTES: '1' });
    faulty.fault = (_call, _bytes, rows) =>
      rows >= 400 ? new CommitError('data', 'these rows can not be stored') : null;
    await pipeline.intake.submit('logs', payload('first poison', 400));
    await eventually(async () => ((await spool.setAside.list()).length === 1 ? true : undefined));
    await pipeline.intake.submit('logs', payload('second poison', 400));
    const said = await eventually(() => Promise.resolve(pipeline.sealer.unavailable ?? undefined));
    assert.match(said, /cannot be set aside: .*CANARDSTACK_RAW_SPOOL_SET_ASIDE_BYTES.*spool list/);
    assert.equal((await pipeline.intake.submit('logs', payload('behind'))).kind, 'accepted');
    const [first] = await spool.setAside.list();
    await spool.setAside.remove(first?.name ?? '');
    await settled();
    assert.deepEqual(await bodies(), expected('behind'));
    assert.equal((await spool.setAside.list()).length, 1);
    assert.equal(pipeline.sealer.unavailable, null);
    await close();
  });

  for (const [what, message, fails] of [
    ['the database dies', 'FATAL Error: the record did it', Infinity],
    ['DuckDB has too little memory', 'Out of Memory Error: could not allocate', Infinity],
    ['another statement broke the database', 'FATAL Error: database has been invalidated because', 6],
  ] as const) {
    it(`finds the record at whose commits ${what}, and sets aside none without need`, async () => {
      await open({ CANARDSTACK_FRESHNESS_BUDGET_SLA_SECS: '3600' });
      let failed = 0;
      // All others together are 90.
      faulty.fault = (_call, _bytes, rows) => {
        if (rows < 400 || failed === fails) return null;
        failed++;
        return new CommitError('unavailable', 'the lake is away', { cause: new Error(message) });
      };
      const ids = Array.from({ length: 30 }, (_, i) => `g${i}`);
      const results = await Promise.all([
        ...ids.slice(0, 12).map((id) => pipeline.intake.submit('logs', payload(id))),
        pipeline.intake.submit('logs', payload('guilty', 400)),
        ...ids.slice(12).map((id) => pipeline.intake.submit('logs', payload(id))),
      ]);
      assert.ok(results.every(({ kind }) => kind === 'accepted'));
      await settled();
      const good = await bodies();
      const innocent = fails !== Infinity;
      assert.deepEqual(
        good.filter((body) => !body.startsWith('guilty')),
        expected(...ids),
      );
      assert.equal(good.length, 90 + (innocent ? 400 : 0));
      assert.equal(spool.setAside.records('crash'), innocent ? 0 : 1);
      assert.deepEqual(spool.attempts.suspects, []);
      await close();
    });
  }

  it('refuses while it drains, and says why', async () => {
    await open();
    await submit('last');
    const draining = pipeline.drain(AbortSignal.timeout(20_000));
    const [refused] = await submit('too late');
    assert.ok(refused?.kind === 'refused');
    assert.equal(refused.reason, 'shutting_down');
    assert.equal(await draining, true);
    assert.deepEqual(await bodies(), expected('last'));
    await pool.close();
    await spool.close();
    await lake.close();
  });
});
