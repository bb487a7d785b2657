import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { openDatabase } from '../../duckdb/index.js';
import { createTelemetry } from '../../telemetry/index.js';
import { testLake } from '../../../test/support/lake.js';
import { KeptFooters, type FootedFile } from './kept-footers.js';

describe('kept footers of data files', () => {
  let folder: string;
  let telemetry = createTelemetry('silent');
  const file = (name: string, footerBytes = 1000): FootedFile => ({
    path: join(folder, name),
    footerBytes,
  });
  const read = ({ path }: FootedFile) => `SELECT sum(i)::INTEGER FROM read_parquet('${path}')`;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'canardstack-footers-'));
    await mkdir(join(folder, 'data'));
    const database = await openDatabase({});
    const { connection } = await database.connect();
    for (const name of ['data/a.parquet', 'data/b.parquet', 'outside.parquet']) {
      await connection.run(
        `COPY (SELECT range AS i FROM range(10)) TO '${join(folder, name)}' (FORMAT parquet)`,
      );
    }
    connection.closeSync();
    database.instance.closeSync();
  });
  after(() => rm(folder, { recursive: true, force: true }));
  beforeEach(() => {
    telemetry = createTelemetry('silent');
  });

  const opened = (bounds: { mostBytes?: number; shortestLifeMs?: number } = {}) =>
    new KeptFooters({
      ...{ folder: join(folder, 'data/'), temporary: () => join(folder, 'tmp'), threads: 1, telemetry },
      ...bounds,
    });
  const metric = async (name: string) => {
    const found = await telemetry.registry.getSingleMetric(`canardstack_footer_cache_${name}`)?.get();
    return new Map(found?.values.map(({ labels, value }) => [labels['outcome'] ?? '', value] as const));
  };
  const sumOf = async (footers: KeptFooters, one: FootedFile) => {
    const reading = await footers.acquire([one]);
    assert.ok(reading);
    const reader = await reading.connection.runAndReadAll(read(one));
    reading.done();
    assert.deepEqual(reader.getRows(), [[45]]);
    return reading.connection;
  };

  it('are counted once a file', async () => {
    const footers = opened();
    const first = await sumOf(footers, file('data/a.parquet'));
    assert.equal(await sumOf(footers, file('data/a.parquet')), first);
    assert.equal((await metric('memory_bytes')).get(''), 10_000);
    await footers.close();
    assert.equal((await metric('memory_bytes')).get(''), 0);
    assert.equal(await footers.acquire([file('data/a.parquet')]), null);
  });

  it('make room by a new instance, once statements of the old one have ended', async () => {
    const footers = opened({ mostBytes: 12_000, shortestLifeMs: 0 });
    const held = await footers.acquire([file('data/a.parquet')]);
    assert.ok(held);
    await sumOf(footers, file('data/b.parquet'));
    assert.equal((await metric('memory_bytes')).get(''), 20_000);
    assert.deepEqual((await held.connection.runAndReadAll(read(file('data/a.parquet')))).getRows(), [[45]]);
    held.done();
    assert.equal((await metric('memory_bytes')).get(''), 10_000);
    assert.equal(await footers.acquire([file('data/a.parquet', 1_000_000)]), null);
    await footers.close();
  });

  it('spill to a folder of their own', async () => {
    const folders: string[] = [];
    for (let i = 0; i < 2; i++) {
      telemetry = createTelemetry('silent');
      const footers = opened();
      const reading = await footers.acquire([file('data/a.parquet')]);
      assert.ok(reading);
      const reader = await reading.connection.runAndReadAll("SELECT current_setting('temp_directory')");
      folders.push(String(reader.getRows()[0]?.[0]));
      reading.done();
      await footers.close();
    }
    assert.equal(new Set(folders).size, 2);
    for (const own of folders) assert.ok(own.startsWith(join(folder, 'tmp', 'footers-')), own);
  });

  it('are read anew where there is no room yet', async () => {
    const footers = opened({ mostBytes: 12_000, shortestLifeMs: 3_600_000 });
    await sumOf(footers, file('data/a.parquet'));
    assert.equal(await footers.acquire([file('data/b.parquet')]), null);
    assert.equal((await metric('statements_total')).get('full'), 1);
    await sumOf(footers, file('data/a.parquet'));
    await footers.close();
  });

  it('are had of the data folder alone', async () => {
    const footers = opened();
    const outside = file('outside.parquet');
    const reading = await footers.acquire([outside]);
    assert.ok(reading);
    const error = await reading.connection.run(read(outside)).then(
      () => null,
      (reason: unknown) => reason,
    );
    assert.match(String(error), /Permission Error/);
    reading.done(error);
    await footers.close();
  });
});

describe('a statement that reads data files alone', () => {
  const second = 1_000_000_000n;
  const begin = 1_790_000_000n * second;
  const rows = Array.from({ length: 20 }, (_, i) => {
    const time = begin + BigInt(i) * 60n * second;
    return {
      timestamp: new Date(Number(time / 1_000_000n)).toISOString().replace('T', ' ').replace('Z', ''),
      time_unix_nano: time,
      body: `line ${i}`,
      log_attributes: `{"n":"${i}"}`,
    };
  });

  it('runs where footers are kept, and elsewhere when that fails', async () => {
    const lake = await testLake({}, 'one commit');
    try {
      await lake.connection.run('SET SESSION ducklake_default_data_inlining_row_limit = 0');
      await lake.insert('logs', rows);
      for (let i = 0; i < 2; i++) await lake.compact('logs');
      await lake.cache.prepare(['logs']);
      await lake.cache.settled();
      // What nothing in a statement's text tells from a table that is anywhere.
      await lake.connection.run('CREATE TABLE memory.main.only_here AS SELECT 9 AS n');
      const outcomes = async () => {
        const found = await lake.registry.getSingleMetric('canardstack_footer_cache_statements_total')?.get();
        return new Map(found?.values.map(({ labels, value }) => [labels['outcome'], value]));
      };
      const request = { table: 'logs', from: begin, until: begin + 86_400n * second, keys: ['n'] } as const;
      const { signal } = new AbortController();
      await lake.cached.run('test', signal, async ({ session }) => session.rowsOf?.(request));
      await lake.cache.settled();
      await lake.cached.run('test', signal, async ({ session }) => {
        const source = (await session.rowsOf?.(request)) ?? '';
        const bodies = async (where: string) =>
          (await session.rows(`SELECT body FROM ${source} WHERE ${where} ORDER BY body LIMIT 5`)).map(
            ({ body }) => body,
          );
        assert.deepEqual(await bodies(`attribute_0 = '7'`), ['line 7']);
        assert.deepEqual([...(await outcomes())], [['kept', 1]]);
        // As a whole, but of as many rows as there are.
        await session.raw?.(`SELECT body, count(*) AS n FROM ${source} GROUP BY ALL`, [], undefined, true);
        assert.deepEqual([...(await outcomes())], [['kept', 1]]);
        assert.deepEqual(await bodies(`attribute_0 = '8' AND EXISTS (FROM lake.main.logs)`), ['line 8']);
        assert.deepEqual(await bodies(`attribute_0 = '9' AND EXISTS (FROM only_here)`), ['line 9']);
        assert.deepEqual(
          new Map(await outcomes()),
          new Map([
            ['kept', 1],
            ['failed', 1],
          ]),
        );
      });
    } finally {
      await lake.close();
    }
  });
});
