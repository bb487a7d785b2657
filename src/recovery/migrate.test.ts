import assert from 'node:assert/strict';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { columnBatch } from '../../test/support/batch.js';
import { lakeConfig, openTestLake, rowsOf, silentTelemetry } from '../../test/support/open-lake.js';
import { skipWithoutPostgres, startPostgres, type TestPostgres } from '../../test/support/postgres.js';
import { temporaryFolder } from '../../test/support/server.js';
import type { Lake } from '../lake/index.js';
import { openStorage } from '../storage/index.js';
import { backupCatalog } from './backup.js';
import { migrateCatalog } from './migrate.js';
import { restoreCatalog } from './restore.js';
import type { RecoveryConfig } from './target.js';

const noon = Math.floor(Date.now() / 86_400_000) * 86_400_000_000 - 43_200_000_000;

function batch(seed: number, count: number) {
  const bodies = ["it's", 'ü🦆', '', 'tab\tnew\nline', '\\x41', 'a \0 NUL'];
  return columnBatch({
    logs: Array.from({ length: count }, (_, i) => ({
      timestamp: noon + i,
      service_name: 's',
      body: `${bodies[i % bodies.length] ?? ''} ${seed}/${i}`,
      ingested_at: noon + seed,
    })),
    metric_histogram: Array.from({ length: Math.min(count, 5) }, (_, i) => ({
      timestamp: noon + i,
      metric_name: 'm',
      sum: i === 0 ? NaN : i / 3,
      bucket_counts: [1, 2n ** 40n, i],
      explicit_bounds: [0.1, -Infinity, 1e300],
      ingested_at: noon + seed,
    })),
  });
}

const digests = [
  'SELECT count(*) n, bit_xor(hash(body, service_name, timestamp)) h FROM lake.logs',
  'SELECT count(*) n, bit_xor(hash(sum, bucket_counts, explicit_bounds, timestamp, ingested_at)) h FROM lake.metric_histogram',
];

describe('migration', { skip: skipWithoutPostgres() }, () => {
  let postgres: TestPostgres;
  let folder: string;
  const settings = { dataInliningRowLimit: 100 };
  const config = (dsn: string | undefined): RecoveryConfig => ({
    ...lakeConfig(folder, { ...settings, postgresDsn: dsn }),
    rawSpoolCapacityBytes: 1024 ** 3,
    rawSpoolSegmentBytes: 64 * 1024 ** 2,
    rawSpoolGroupCommitMs: 1,
  });
  const digest = async (lake: Lake) => {
    const found = [];
    for (const sql of digests) found.push(await rowsOf(lake, sql));
    return found;
  };

  before(async () => {
    postgres = await startPostgres();
    folder = await temporaryFolder();
  });

  after(async () => {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('takes a catalog to PostgreSQL and back, inlined rows included, and both can be written', async () => {
    const { dsn } = postgres;
    let lake = await openTestLake(folder, { config: settings });
    await lake.commit([batch(1, 300)], [{ stream: 'n/logs', from: 0, position: 10 }]);
    await lake.commit([batch(2, 40)], [{ stream: 'n/logs', from: 10, position: 20 }]);
    const expected = await digest(lake);
    assert.notEqual(Number(expected[1]?.[0]?.['n']), 0);
    const migrate = (to: 'postgres' | 'local', dryRun = false) =>
      migrateCatalog({ config: config(dsn), to, dryRun, telemetry: silentTelemetry() });
    await assert.rejects(migrate('postgres'), /in use|lease/);
    await lake.close();

    const dry = await migrate('postgres', true);
    assert.equal(dry.tables.find(({ table }) => table === 'logs')?.inlinedRows, 40);
    assert.deepEqual(
      await postgres.psql(`SELECT count(*) FROM pg_tables WHERE tablename = 'ducklake_table'`),
      ['0'],
    );
    const there = await migrate('postgres');
    assert.deepEqual(there.tables, dry.tables);
    assert.ok(!JSON.stringify(there).includes(postgres.password));
    await assert.rejects(migrate('postgres'), (error: Error) => {
      assert.match(error.message, /holds a lake already/);
      assert.ok(!error.message.includes(postgres.password));
      return true;
    });

    lake = await openTestLake(folder, { config: { ...settings, postgresDsn: dsn } });
    assert.deepEqual(await digest(lake), expected);
    assert.equal((await lake.watermarks()).get('n/logs'), 20);
    await lake.commit([batch(3, 300)], [{ stream: 'n/logs', from: 20, position: 30 }]);
    await lake.commit([batch(4, 30)], [{ stream: 'n/logs', from: 30, position: 40 }]);
    const grown = await digest(lake);
    const backups = openStorage(join(folder, 'backups'), config(dsn));
    const backup = await lake.withConnection((connection, scratch) =>
      backupCatalog(
        { connection, scratch, kind: 'postgres', dataPath: `${join(folder, 'data')}/` },
        backups,
        null,
      ),
    );
    assert.equal(backup.manifest.tables.find(({ table }) => table === 'logs')?.rows, 670);
    await lake.close();

    await rename(join(folder, 'canardstack.ducklake'), join(folder, 'former'));
    await migrate('local');
    lake = await openTestLake(folder, { config: settings });
    assert.deepEqual(await digest(lake), grown);
    await lake.commit([batch(5, 30)], [{ stream: 'n/logs', from: 40, position: 50 }]);
    assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
    assert.equal((await lake.watermarks()).get('n/logs'), 50);
    await lake.close();

    // A backup goes to another database as well.
    const other = await postgres.database('other');
    const restored = await restoreCatalog({
      config: config(other),
      telemetry: silentTelemetry(),
      dryRun: false,
      force: false,
      assumeCommitted: false,
      backups,
      name: null,
      import: false,
      retentionCutoffMs: null,
    });
    assert.deepEqual(restored.tables, backup.manifest.tables);
    lake = await openTestLake(folder, { config: { ...settings, postgresDsn: other } });
    assert.deepEqual(await digest(lake), grown);
    await lake.close();
  });
});
