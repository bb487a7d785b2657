import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { columnBatch } from '../../../test/support/batch.js';
import { lakeConfig, rowsOf, silentTelemetry } from '../../../test/support/open-lake.js';
import { temporaryFolder } from '../../../test/support/server.js';
import { openLake, type Lake, type LakeConfig } from '../index.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Commits are stamped by the machine's clock. */
const noon = Date.now();

describe("the lake's time", () => {
  let folder: string;
  let lake: Lake;
  let position = 0;
  /** Milliseconds: the wall clock, and how long the machine has run. */
  let wall = noon;
  let passed = 1000;
  const telemetry = silentTelemetry();

  const open = async (config: Partial<LakeConfig> = {}) => {
    telemetry.registry.clear();
    lake = await openLake({
      config: lakeConfig(folder, { snapshotRetentionSecs: 1, retentionDays: 7, ...config }),
      nodeId: 'test',
      telemetry,
      clocks: { wall: () => wall, monotonic: () => passed },
    });
  };
  const restart = async (config: Partial<LakeConfig> = {}) => {
    await lake.close();
    // Another process has another monotonic clock.
    passed = 500;
    await open(config);
  };
  /** Time goes by on every clock. */
  const pass = (ms: number) => {
    wall += ms;
    passed += ms;
  };
  const send = async (count: number, atMs: number, service = 'shop') => {
    const rows = Array.from({ length: count }, (_, i) => ({
      timestamp: atMs * 1000 + i,
      service_name: service,
      body: `row ${i} of ${service}`,
    }));
    await lake.commit([columnBatch({ logs: rows })], [{ stream: 'n/logs', position: ++position }]);
  };
  const rows = async () => Number((await rowsOf(lake, 'SELECT count(*) n FROM lake.logs'))[0]?.['n']);
  const kind = async () => (await lake.time.look({ write: true })).contradiction?.kind ?? null;
  const maintain = async () => (await lake.maintenance.retention({ dryRun: false })).status;
  const sendDays = async (days: number, perDay = 100) => {
    const logs = Array.from({ length: days * perDay }, (_, i) => ({
      timestamp: (wall - Math.floor(i / perDay) * dayMs) * 1000 + i,
      service_name: 'shop',
    }));
    await lake.commit([columnBatch({ logs })], [{ stream: 'n/logs', position: ++position }]);
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
    position = 0;
    wall = noon;
    passed = 1000;
    await open();
  });
  afterEach(async () => {
    await lake.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('holds everything at a start with a clock that is ahead, and goes on when it is right again', async () => {
    await send(1000, noon);
    for (const days of [30, 400]) {
      wall = noon + days * dayMs;
      await restart();
      assert.equal(await kind(), 'ahead');
      assert.equal(Math.round((lake.maintenance.state().clock?.seconds ?? 0) / 86_400), days);
      await maintain();
      assert.equal(await rows(), 1000);
      assert.match(await telemetry.registry.metrics(), /canardstack_clock_contradiction\{kind="ahead"\} 1/);
    }
    wall = noon + hourMs / 2;
    assert.equal(await kind(), null);
    assert.equal(await maintain(), 'ok');
    assert.equal(await rows(), 1000);
    assert.equal(lake.maintenance.state().clock, null);
  });

  it('holds everything while a running clock is ahead, and needs nobody when it jumps back', async () => {
    await send(1000, noon);
    assert.equal(await kind(), null);
    wall += 400 * dayMs;
    await lake.maintenance.checkpoint();
    await maintain();
    assert.equal(await kind(), 'ahead');
    passed += 9000;
    wall += 9000 - 400 * dayMs;
    assert.equal(await kind(), null);
    assert.equal(await maintain(), 'ok');
    assert.equal(await rows(), 1000);
  });

  it('loses nothing with a clock that is behind', async () => {
    await send(1000, noon);
    await maintain();
    wall -= 2 * dayMs;
    assert.equal(await kind(), 'behind');
    await maintain();
    await restart();
    assert.equal(await kind(), 'behind');
    await maintain();
    assert.equal(await rows(), 1000);
  });

  it('follows the wall clock after a pause once fresh telemetry agrees with it, and then goes on by itself', async () => {
    await sendDays(8);
    await lake.maintenance.checkpoint();
    assert.equal(await maintain(), 'ok');
    wall += 5 * dayMs;
    await restart({ retentionMaxSharePercent: 30 });
    assert.equal(await kind(), 'ahead');
    await maintain();
    assert.equal(await rows(), 800);
    await send(100, wall);
    assert.equal(await kind(), null);
    // Five days of nine are due: more than goes at once.
    pass(1000);
    assert.equal(await maintain(), 'ok');
    assert.equal(await rows(), 600);
    assert.equal(await maintain(), 'ok');
    assert.equal(await rows(), 600, 'the rest waits for a day');
    for (let day = 0; day < 6; day++) {
      pass(dayMs);
      assert.equal(await maintain(), 'ok');
    }
    assert.equal(await rows(), 100, 'it has caught up');
  });

  it('does not believe one client about a clock that is ahead', async () => {
    for (const service of ['a', 'b', 'c', 'd']) await send(250, noon, service);
    await lake.maintenance.checkpoint();
    wall += 30 * dayMs;
    await restart();
    assert.equal(await kind(), 'ahead');
    await send(5000, wall, 'liar');
    assert.equal(await kind(), 'ahead', 'one service of the two that must agree');
    await send(5000, wall, 'another');
    assert.equal(await kind(), null);
    // Even then what goes is no more than the plausible part.
    await lake.maintenance.checkpoint();
    const before = await rows();
    const result = await lake.maintenance.retention({ dryRun: false });
    assert.ok(result.tables.reduce((sum, table) => sum + table.rows, 0) <= before / 4);
  });

  it('does not count its own telemetry, nor telemetry when more speaks against it', async () => {
    await send(100, noon);
    wall += 5 * hourMs;
    await restart();
    assert.equal(await kind(), 'ahead');
    await send(100, wall, 'canardstack');
    assert.equal(await kind(), 'ahead');
    await send(10, wall, 'wrong');
    passed += hourMs;
    wall += hourMs;
    await send(50, wall - 5 * hourMs);
    assert.equal(await kind(), 'ahead');
    await send(100, wall);
    assert.equal(await kind(), null);
  });

  it('takes a person at their word', async () => {
    await send(1000, noon);
    wall += 10 * dayMs;
    await restart();
    assert.equal(await kind(), 'ahead');
    assert.equal((await lake.time.accept()).contradiction, null);
    assert.equal(await kind(), null);
    // It is about the clock; all that the lake has is another question.
    assert.equal((await lake.maintenance.retention({ dryRun: false })).status, 'held');
    await restart();
    assert.equal(await kind(), null);
    wall -= 10 * dayMs;
    assert.equal(await kind(), 'behind');
    assert.equal((await lake.time.accept()).contradiction, null);
    await restart();
    assert.equal(await kind(), null);
    assert.equal(await rows(), 1000);
  });

  it('asks before a shorter retention deletes much, and not for the day that passes', async () => {
    await restart({ retentionDays: 30 });
    await sendDays(31);
    assert.equal(await maintain(), 'ok');
    assert.equal(await rows(), 3100);
    await restart({ retentionDays: 7 });
    const asked = await lake.maintenance.retention({ dryRun: false });
    assert.equal(asked.status, 'held');
    assert.equal(asked.days.length, 23);
    assert.equal(await rows(), 3100);
    const confirm = asked.held?.confirm ?? '';
    assert.equal((await lake.maintenance.retention({ dryRun: false, confirm })).status, 'ok');
    assert.equal(await rows(), 800);
    // Nothing new comes: in the end a day is half of the lake, and still goes.
    for (const day of [0, 1, 6, 7]) {
      pass(day === 6 ? 5 * dayMs : dayMs);
      assert.equal(await maintain(), 'ok');
      assert.equal(await rows(), 700 - day * 100);
    }
  });

  it('survives a start without what it noted', async () => {
    await send(100, noon);
    await lake.time.look({ write: true });
    assert.equal(await kind(), null);
    const [noted] = await rowsOf(lake, `SELECT count(*) n FROM lake.canardstack_meta WHERE key = 'clock'`);
    assert.equal(noted?.['n'], 1n);
    await lake.withConnection((connection) =>
      connection.run(`UPDATE lake.main.canardstack_meta SET value = '{"lakeMs": "x' WHERE key = 'clock'`),
    );
    wall += 30 * dayMs;
    await restart();
    assert.equal(await kind(), 'ahead', 'by the last ingest');
  });
});
