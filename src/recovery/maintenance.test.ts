import assert from 'node:assert/strict';
import { cp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { columnBatch } from '../../test/support/batch.js';
import { lakeConfig, openTestLake, silentTelemetry } from '../../test/support/open-lake.js';
import { temporaryFolder } from '../../test/support/server.js';
import type { Lake } from '../lake/index.js';
import { CatalogBackups } from './backups.js';
import { CatalogMaintenance } from './maintenance.js';

const noon = Math.floor(Date.now() / 86_400_000) * 86_400_000_000 - 43_200_000_000;

describe('the scheduled verification', () => {
  let folder: string;
  let lake: Lake;
  const opened: CatalogMaintenance[] = [];

  const maintenanceWith = (catalogVerifyRepair: boolean) => {
    const config = {
      ...lakeConfig(folder, { dataInliningRowLimit: 10 }),
      catalogBackupPath: join(folder, 'backups'),
      catalogBackupIntervalSecs: 86_400,
      catalogBackupKeep: 2,
      catalogVerifyIntervalSecs: undefined,
      catalogVerifyRepair,
      catalogOrphanMinAgeSecs: 3600,
    };
    const catalogMaintenance = new CatalogMaintenance(lake, config, silentTelemetry());
    opened.push(catalogMaintenance);
    return catalogMaintenance;
  };
  const files = async () => {
    const found = await readdir(join(folder, 'data'), { recursive: true });
    return found.filter((name) => name.startsWith('main/logs/') && name.endsWith('.parquet')).sort();
  };
  /** An old copy of a file of the lake. */
  const orphan = async (name: string) => {
    const [first = ''] = await files();
    const key = join(first, '..', `${name}.parquet`);
    await cp(join(folder, 'data', first), join(folder, 'data', key));
    const old = new Date(Date.now() - 7200_000);
    await utimes(join(folder, 'data', key), old, old);
    return key;
  };

  before(async () => {
    folder = await temporaryFolder();
    lake = await openTestLake(folder, { config: { dataInliningRowLimit: 10 } });
    for (let n = 0; n < 2; n++) {
      const rows = Array.from({ length: 50 }, (_, i) => ({
        timestamp: noon + i,
        ingested_at: noon + i,
        body: `row ${n}/${i}`,
      }));
      await lake.commit([columnBatch({ logs: rows })], [{ stream: 'n/logs', from: n, position: n + 1 }]);
    }
  });
  after(async () => {
    for (const catalogMaintenance of opened) await catalogMaintenance.stop();
    await lake.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('tells what lies where: files by day, snapshots', async () => {
    const catalogMaintenance = maintenanceWith(false);
    const day = new Date(noon / 1000).toISOString().slice(0, 10);
    const [logs] = await catalogMaintenance.files();
    assert.deepEqual([logs?.table, logs?.day, logs?.files, logs?.rows], ['logs', day, 2, 100]);
    const [newest, before] = await catalogMaintenance.snapshots();
    assert.ok(newest && before && newest.id > before.id && Date.parse(newest.at) >= Date.parse(before.at));
    assert.match(newest.changes, /insert/);
    assert.deepEqual(await catalogMaintenance.listed(), []);
  });

  it('removes nothing by default', async () => {
    const catalogMaintenance = maintenanceWith(false);
    const key = await orphan('a');
    for (let i = 0; i < 3; i++) assert.deepEqual((await catalogMaintenance.scheduledVerify()).removed, []);
    assert.ok((await files()).includes(key));
    await rm(join(folder, 'data', key));
  });

  it('removes an orphan only after it was named, and what came since only the next time', async () => {
    const catalogMaintenance = maintenanceWith(true);
    const first = await orphan('first');
    assert.deepEqual((await catalogMaintenance.scheduledVerify()).removed, []);
    const second = await orphan('second');
    assert.deepEqual((await catalogMaintenance.scheduledVerify()).removed, [first]);
    assert.deepEqual((await catalogMaintenance.scheduledVerify()).removed, [second]);
    assert.equal((await files()).length, 2);
    assert.equal((await catalogMaintenance.scheduledVerify()).ok, true);
  });

  it('names a backup that is not as it was made, in a deep verification and by the daily check', async () => {
    const catalogMaintenance = maintenanceWith(false);
    const { name } = await catalogMaintenance.backup();
    const deep = await catalogMaintenance.verify({ repair: false, deep: true });
    assert.deepEqual([deep.ok, deep.deep?.files, deep.damagedBackups], [true, 2, []]);
    const path = join(folder, 'backups', name, 'catalog.ducklake');
    const bytes = await readFile(path);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 4;
    await writeFile(path, bytes);
    const { ok, damagedBackups } = await catalogMaintenance.verify({ repair: false, deep: true });
    assert.equal(ok, false);
    assert.deepEqual(
      damagedBackups.map(({ problem }) => problem),
      ['other bytes than were written'],
    );
    const telemetry = silentTelemetry();
    const config = { ...lakeConfig(folder), catalogBackupIntervalSecs: 86_400, catalogBackupKeep: 2 };
    const storage = catalogMaintenance.backups;
    const backups = new CatalogBackups({ config, storage, telemetry, source: () => Promise.resolve(null) });
    await backups.check();
    assert.match(await telemetry.registry.metrics(), /^canardstack_catalog_damaged_backups 1$/m);
  });

  it('removes nothing while a file of the lake is missing', async () => {
    const catalogMaintenance = maintenanceWith(true);
    const key = await orphan('third');
    await catalogMaintenance.scheduledVerify();
    const [lost = ''] = (await files()).filter((name) => name !== key);
    await rename(join(folder, 'data', lost), join(folder, 'aside'));
    for (let i = 0; i < 2; i++) assert.deepEqual((await catalogMaintenance.scheduledVerify()).removed, []);
    assert.ok((await files()).includes(key));
    await rename(join(folder, 'aside'), join(folder, 'data', lost));
    assert.deepEqual((await catalogMaintenance.scheduledVerify()).removed, []);
    assert.deepEqual((await catalogMaintenance.scheduledVerify()).removed, [key]);
  });
});
