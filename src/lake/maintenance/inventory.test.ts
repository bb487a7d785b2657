import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { columnBatch } from '../../../test/support/batch.js';
import { lakeConfig, openTestLake, rowsOf, silentTelemetry } from '../../../test/support/open-lake.js';
import { eventually, temporaryFolder } from '../../../test/support/server.js';
import { verifyLake } from '../../recovery/verify.js';
import { openStorage } from '../../storage/index.js';
import type { Lake } from '../index.js';

describe('the checksums of files whose names have none', () => {
  let folder: string;
  let lake: Lake;

  before(async () => {
    folder = await temporaryFolder();
    lake = await openTestLake(folder, { config: { dataInliningRowLimit: 20_000, snapshotRetentionSecs: 0 } });
  });
  after(async () => {
    await lake.close();
    await rm(folder, { recursive: true, force: true });
  });

  const commit = (position: number) =>
    lake.commit(
      [columnBatch({ logs: [{ timestamp: Date.now() * 1000, body: `row ${position}` }] })],
      [{ stream: 'a/logs', position }],
    );
  const checkpoint = async () => assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
  const count = async (sql: string) => Number((await rowsOf(lake, sql))[0]?.['n']);
  const deep = async () => {
    const storage = openStorage(join(folder, 'data'), lakeConfig(folder));
    const report = await lake.withConnection((connection) =>
      verifyLake(connection, storage, { minAgeMs: 3_600_000, retentionCutoffMs: null, deep: true }),
    );
    return [report.ok, report.deep?.withoutChecksum];
  };

  it('are noted by CHECKPOINT, and go with their files, also out of the catalog', async () => {
    await commit(1);
    await checkpoint();
    assert.ok((await count('SELECT count(*) AS n FROM lake.canardstack_files')) >= 3);
    assert.deepEqual(await deep(), [true, 0]);
    await lake.withConnection((connection) =>
      connection.run(
        `INSERT INTO lake.canardstack_files SELECT 'main/logs/gone-' || i, 1, '00000000', now() FROM range(6000) t(i)`,
      ),
    );
    const inlined = await lake.withConnection(async (connection) => {
      const reader = await connection.runAndReadAll(
        `SELECT i.table_name FROM __ducklake_metadata_lake.ducklake_inlined_data_tables i
         JOIN __ducklake_metadata_lake.ducklake_table t USING (table_id) WHERE t.table_name = 'canardstack_files'`,
      );
      return String(reader.getRows()[0]?.[0]);
    });
    const rows = () =>
      lake.withConnection(async (connection) => {
        const reader = await connection.runAndReadAll(
          `SELECT count(*) FROM __ducklake_metadata_lake.${inlined}`,
        );
        return Number(reader.getRows()[0]?.[0]);
      });
    assert.ok((await rows()) > 6000);
    await checkpoint();
    const gone = `SELECT count(*) AS n FROM lake.canardstack_files WHERE key LIKE '%gone%'`;
    assert.equal(await count(gone), 0);
    await commit(2);
    await checkpoint();
    assert.ok((await rows()) < 100);
    await checkpoint();
    assert.deepEqual(await deep(), [true, 0]);
  });

  it('are compared by the scheduled scrub, within its budget', async () => {
    const telemetry = silentTelemetry();
    await lake.close();
    lake = await openTestLake(folder, {
      telemetry,
      config: { checkpointIntervalSecs: 1, scrubBytesPerDay: 86_400 * 1024 },
    });
    lake.maintenance.start();
    await eventually(async () => {
      const metrics = await telemetry.registry.metrics();
      return /^canardstack_scrub_files_total [1-9]/m.test(metrics) ? true : undefined;
    });
  });
});
