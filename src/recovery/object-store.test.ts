import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { columnBatch } from '../../test/support/batch.js';
import { lakeConfig, openTestLake, rowsOf, silentTelemetry } from '../../test/support/open-lake.js';
import { skipWithoutS3, startS3, type TestS3 } from '../../test/support/s3.js';
import { temporaryFolder } from '../../test/support/server.js';
import { openStorage } from '../storage/index.js';
import { rebuildCatalog } from './rebuild.js';
import { restoreCatalog } from './restore.js';
import type { RecoveryConfig } from './target.js';
import { CatalogMaintenance } from './maintenance.js';

const noon = Math.floor(Date.now() / 86_400_000) * 86_400_000_000 - 43_200_000_000;
const digest = `SELECT count(*) n, bit_xor(hash(body, timestamp)) h FROM lake.logs`;

describe('recovery from an object store', { skip: skipWithoutS3() }, () => {
  let s3: TestS3;
  let folder: string;
  const saved = { ...process.env };

  before(async () => {
    s3 = await startS3();
    folder = await temporaryFolder();
    Object.assign(process.env, s3.env());
  });

  after(async () => {
    process.env = saved;
    await s3.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('backs up to it, rebuilds from it, restores from it, and removes what is left over', async () => {
    const settings = {
      dataInliningRowLimit: 10,
      ducklakeDataPath: `s3://${s3.bucket}/lake/`,
      s3Endpoint: s3.endpoint,
      s3Region: 'us-east-1',
    };
    const config: RecoveryConfig = {
      ...lakeConfig(folder, settings),
      rawSpoolCapacityBytes: 1024 ** 3,
      rawSpoolSegmentBytes: 64 * 1024 ** 2,
      rawSpoolGroupCommitMs: 1,
    };
    const catalogMaintenanceConfig = {
      ...config,
      catalogBackupPath: `s3://${s3.bucket}/backups`,
      catalogBackupIntervalSecs: 86_400,
      catalogBackupKeep: 2,
      catalogVerifyIntervalSecs: undefined,
      catalogVerifyRepair: false,
      catalogOrphanMinAgeSecs: 3600,
    };
    const loseCatalog = async () => {
      for (const name of await readdir(folder)) {
        if (name.startsWith('canardstack.ducklake')) await rm(join(folder, name));
      }
    };
    const recovery = () => ({
      config,
      telemetry: silentTelemetry(),
      dryRun: false,
      force: false,
      assumeCommitted: false,
    });
    let lake = await openTestLake(folder, { config: settings });
    let catalogMaintenance = new CatalogMaintenance(lake, catalogMaintenanceConfig, silentTelemetry());
    const commit = (n: number) => {
      const rows = Array.from({ length: 50 }, (_, i) => ({
        timestamp: noon + i,
        body: `row ${n}/${i}`,
        ingested_at: noon + n,
      }));
      return lake.commit([columnBatch({ logs: rows })], [{ stream: 'n/logs', from: n, position: n + 1 }]);
    };
    for (let n = 0; n < 5; n++) await commit(n);
    const backup = await catalogMaintenance.backup();
    assert.equal((await catalogMaintenance.status()).lastBackup?.path, backup.path);
    await commit(5);
    await lake.maintenance.checkpoint();
    const expected = await rowsOf(lake, digest);
    assert.equal((await catalogMaintenance.verify({ repair: false })).ok, true);
    await catalogMaintenance.stop();
    await lake.close();

    await loseCatalog();
    const rebuilt = await rebuildCatalog(recovery());
    assert.deepEqual([rebuilt.rows['logs'], rebuilt.failed], [300, []]);
    lake = await openTestLake(folder, { config: settings });
    catalogMaintenance = new CatalogMaintenance(lake, catalogMaintenanceConfig, silentTelemetry());
    assert.deepEqual(await rowsOf(lake, digest), expected);
    // Writes the watermarks to Parquet, where the next rebuild finds them.
    assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
    const repaired = await catalogMaintenance.verify({ repair: true, minAgeMs: 0 });
    assert.deepEqual(repaired.damaged, []);
    assert.ok(repaired.orphans.some(({ state }) => state === 'copies'));
    assert.equal(repaired.removed.length, repaired.orphans.length);
    assert.equal((await catalogMaintenance.verify({ repair: false, minAgeMs: 0 })).ok, true);
    assert.deepEqual(await rowsOf(lake, digest), expected);
    await catalogMaintenance.stop();
    await lake.close();

    // The backup names files that are gone by now; what they became is taken in.
    await loseCatalog();
    const backups = openStorage(catalogMaintenanceConfig.catalogBackupPath, config);
    const restored = await restoreCatalog({
      ...recovery(),
      backups,
      name: null,
      import: true,
      retentionCutoffMs: null,
    });
    backups.close();
    assert.ok((restored.imported?.forgotten.length ?? 0) > 0);
    lake = await openTestLake(folder, { config: settings });
    assert.deepEqual(await rowsOf(lake, digest), expected);
    assert.equal((await lake.watermarks()).get('n/logs'), 6);
    await lake.close();
  });
});
