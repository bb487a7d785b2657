import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually, sql, startServer, temporaryFolder, type TestServer } from './support/server.js';

const fixture = join(process.cwd(), 'test/fixtures/upgrade');

interface Expected {
  readonly startMs: number;
  /** Rows in the lake by table, and rows that only the spool holds. */
  readonly records: Readonly<Record<string, number>>;
  readonly spooled: Readonly<Record<string, number>>;
}

/** test/fixtures/upgrade/make.mjs says how the fixture was made. */
describe('a data folder of the release before', { timeout: 180_000 }, () => {
  const expected = JSON.parse(readFileSync(join(fixture, 'lake-before.json'), 'utf8')) as Expected;
  const { startMs } = expected;
  const names = Object.keys(expected.records);
  const total = (table: string) => (expected.records[table] ?? 0) + (expected.spooled[table] ?? 0);
  let base: string;
  let server: TestServer;

  const start = async () => {
    server = await startServer({
      dataDir: join(base, 'canardstack-data'),
      // The fixture's records have fixed times.
      env: { CANARDSTACK_RETENTION_DAYS: '36500', CANARDSTACK_SEAL_INTERVAL_MS: '100' },
    });
  };
  const counts = async () => {
    const found: Record<string, number> = {};
    for (const table of names) {
      const [row] = await sql(server, `SELECT count(*) AS n FROM lake.${table}`);
      found[table] = Number(row?.['n']);
    }
    return found;
  };
  const wanted = Object.fromEntries(names.map((table) => [table, total(table)]));
  const get = async (path: string, params: Record<string, string>) => {
    const response = await fetch(`${server.url}${path}?${new URLSearchParams(params).toString()}`);
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as { data: { result: Record<string, never>[] } };
  };
  const range = { start: String(startMs / 1000 - 60), end: String(startMs / 1000 + 300) };
  const digest = async () =>
    sql(
      server,
      `SELECT count(*) AS n, count(DISTINCT body) AS bodies, min(time_unix_nano)::VARCHAR AS first,
              max(time_unix_nano)::VARCHAR AS last, bit_xor(hash(body, service_name, trace_id, time_unix_nano))::VARCHAR AS h
       FROM lake.logs`,
    );
  const answers = async () => {
    const logs = await get('/loki/api/v1/query_range', {
      query: 'sum(count_over_time({service_name="shop"} |= "order" [10m]))',
      time: range.end,
      start: range.end,
      end: range.end,
      step: '60',
    });
    const [series] = logs.data.result as unknown as { values: [number, string][] }[];
    assert.equal(Number(series?.values[0]?.[1]), wanted['logs']);
    const gauge = await get('/api/v1/series', { 'match[]': 'queue_size_ratio', ...range });
    const shards = (gauge.data as unknown as { shard: string }[]).map(({ shard }) => shard);
    assert.deepEqual([...new Set(shards)].sort(), ['0', '1', '2', '3']);
    const trace = await fetch(`${server.url}/api/traces/${(1501).toString(16).padStart(32, '0')}`);
    assert.equal(trace.status, 200);
    assert.match(await trace.text(), /GET \/orders/);
  };

  before(async () => {
    base = await temporaryFolder();
    execFileSync('tar', ['-C', base, '-xzf', join(fixture, 'lake-before.tar.gz')]);
    await start();
  });
  after(async () => {
    await server.stop();
    await rm(base, { recursive: true, force: true });
  });

  it('opens, and what only its spool held is replayed once', async () => {
    await eventually(async () => {
      assert.deepEqual(await counts(), wanted);
      return true;
    }, 60_000);
    const [logs] = await digest();
    assert.equal(Number(logs?.['bodies']), wanted['logs']);
  });

  it('answers in the three languages', answers);

  it('is compacted without a difference, and takes more', async () => {
    const logs = await digest();
    for (let i = 0; i < 2; i++) {
      const response = await fetch(`${server.url}/api/admin/maintenance/checkpoint`, { method: 'POST' });
      assert.equal(response.status, 200, await response.text());
    }
    assert.deepEqual(await counts(), wanted);
    assert.deepEqual(await digest(), logs);
    await answers();
    const record = { timeUnixNano: `${BigInt(Date.now()) * 1_000_000n}`, body: { stringValue: 'new' } };
    const sent = await fetch(`${server.url}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }),
    });
    assert.equal(sent.status, 200);
    await eventually(async () => ((await counts())['logs'] === total('logs') + 1 ? true : undefined));
    const verified = await fetch(`${server.url}/api/admin/catalog/verify`, { method: 'POST' });
    assert.equal(((await verified.json()) as { ok: boolean }).ok, true);
  });

  it('starts again with all of it', async () => {
    assert.equal(await server.stop(), 0);
    await start();
    assert.deepEqual(await counts(), { ...wanted, logs: total('logs') + 1 });
    await answers();
  });
});
