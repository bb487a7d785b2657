import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, readdir, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { columnBatch, type Row } from '../../test/support/batch.js';
import { lakeConfig, openTestLake, rowsOf, silentTelemetry } from '../../test/support/open-lake.js';
import { logsRequest } from '../../test/support/otlp.js';
import { payloadOf } from '../../test/support/payload.js';
import { temporaryFolder } from '../../test/support/server.js';
import type { Lake } from '../lake/index.js';
import { openSpool } from '../spool/index.js';
import { openStorage } from '../storage/index.js';
import { backupCatalog, type BackupResult } from './backup.js';
import { rebuildCatalog } from './rebuild.js';
import { restoreCatalog } from './restore.js';
import type { RecoveryConfig } from './target.js';
import { removableOrphans, removeOrphans, verifyLake } from './verify.js';

const dayUs = 86_400_000_000;
const noon = Math.floor((Date.now() * 1000) / dayUs) * dayUs - dayUs / 2;

/** Rows as one request gives them: all of one microsecond of receipt. */
function logRows(count: number, seed: number, atUs = noon): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    timestamp: atUs + ((i * 7919) % 1000) * 1000,
    time_unix_nano: BigInt(atUs + ((i * 7919) % 1000) * 1000) * 1000n,
    service_name: `service-${(i * 31 + seed) % 7}`,
    body: `row ${seed}/${i} with a body that is longer than inline strings`,
    ingested_at: noon + seed * 1_000_000,
  }));
}

const digest = `SELECT count(*) n, count(DISTINCT body) bodies, bit_xor(hash(body, service_name, timestamp)) h FROM lake.logs`;

describe('recovery', () => {
  let folder: string;
  let lake: Lake | null = null;
  const settings = { snapshotRetentionSecs: 3600, dataInliningRowLimit: 100 };

  const config = (at = folder): RecoveryConfig => ({
    ...lakeConfig(at, settings),
    rawSpoolCapacityBytes: 1024 ** 3,
    rawSpoolSegmentBytes: 64 * 1024 ** 2,
    rawSpoolGroupCommitMs: 1,
  });
  const open = async (at = folder, changed: Partial<typeof settings> = {}) => {
    lake = await openTestLake(at, { config: { ...settings, ...changed } });
    return lake;
  };
  const close = async () => {
    await lake?.close();
    lake = null;
  };
  const storage = (path = join(folder, 'data')) => openStorage(path, config());
  let position = 0;
  const commit = (rows: Row[]) => {
    const from = position;
    position += 10;
    if (lake === null) throw new Error('no lake');
    return lake.commit([columnBatch({ logs: rows })], [{ stream: 'n/logs', from, position }]);
  };
  const backUp = (to: string, keep: number | null = null): Promise<BackupResult> => {
    if (lake === null) throw new Error('no lake');
    return lake.withConnection((connection, scratch) =>
      backupCatalog(
        { connection, scratch, kind: 'local', dataPath: `${join(folder, 'data')}/` },
        storage(to),
        keep,
      ),
    );
  };
  const verify = (minAgeMs = 0) => {
    if (lake === null) throw new Error('no lake');
    return lake.withConnection((connection) =>
      verifyLake(connection, storage(), { minAgeMs, retentionCutoffMs: null }),
    );
  };
  const loseCatalog = async () => {
    for (const name of await readdir(folder)) {
      if (name.startsWith('canardstack.ducklake')) await rm(join(folder, name));
    }
  };
  const rebuild = (options: { dryRun?: boolean; force?: boolean; assumeCommitted?: boolean } = {}) =>
    rebuildCatalog({
      config: config(),
      telemetry: silentTelemetry(),
      dryRun: options.dryRun ?? false,
      force: options.force ?? false,
      assumeCommitted: options.assumeCommitted ?? false,
    });
  const restore = (backups: string, options: { import?: boolean; force?: boolean; dryRun?: boolean } = {}) =>
    restoreCatalog({
      config: config(),
      telemetry: silentTelemetry(),
      dryRun: options.dryRun ?? false,
      force: options.force ?? false,
      assumeCommitted: false,
      backups: storage(backups),
      name: null,
      import: options.import ?? false,
      retentionCutoffMs: null,
    });
  const logFiles = async () => {
    const names = await readdir(join(folder, 'data/main/logs'), { recursive: true });
    return names.filter((name) => name.endsWith('.parquet')).map((name) => `main/logs/${name}`);
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
    position = 0;
    await open();
  });

  afterEach(async () => {
    await close();
    await rm(folder, { recursive: true, force: true });
  });

  it('restores a backup taken under load to exactly the moment of the backup', async () => {
    let [running, committed] = [true, 0];
    const load = (async () => {
      for (let i = 0; running; i++) {
        await commit(logRows(i % 3 === 0 ? 30 : 400, i));
        committed++;
      }
    })();
    while (committed < 5) await new Promise((resolve) => setTimeout(resolve, 5));
    const backup = await backUp(join(folder, 'backups'));
    const after = committed;
    while (committed < after + 3) await new Promise((resolve) => setTimeout(resolve, 5));
    running = false;
    await load;
    const logs = backup.manifest.tables.find(({ table }) => table === 'logs');
    assert.ok(logs && logs.rows > 0 && logs.inlinedRows > 0 && logs.files > 0);
    const [then] = await rowsOf(
      lake!,
      `SELECT count(*) n FROM lake.logs AT (VERSION => ${backup.manifest.snapshotId})`,
    );
    assert.equal(Number(then?.['n']), logs.rows);
    const [now] = await rowsOf(lake!, digest);
    assert.ok(Number(now?.['n']) > logs.rows);
    await close();

    // Elsewhere: only the Parquet and the backup came along.
    const elsewhere = await temporaryFolder();
    await cp(join(folder, 'data'), join(elsewhere, 'data'), { recursive: true });
    const report = await restoreCatalog({
      config: config(elsewhere),
      telemetry: silentTelemetry(),
      dryRun: false,
      force: false,
      assumeCommitted: false,
      backups: storage(join(folder, 'backups')),
      name: null,
      import: false,
      retentionCutoffMs: null,
    });
    assert.equal(report.verified.ok, false, 'what was committed later lies unknown');
    assert.ok(
      report.verified.orphans.some(({ state, missingRows }) => state === 'rows' && missingRows === 400),
    );
    assert.deepEqual(report.tables, backup.manifest.tables);
    await open(elsewhere);
    const [restored] = await rowsOf(lake!, digest);
    assert.equal(Number(restored?.['n']), logs.rows);
    await close();
    await rm(elsewhere, { recursive: true, force: true });
  });

  it('keeps the number of backups asked for, and refuses a damaged one and an existing catalog', async () => {
    await commit(logRows(200, 1));
    const backups = join(folder, 'backups');
    const first = await backUp(backups, 2);
    await backUp(backups, 2);
    const third = await backUp(backups, 2);
    assert.deepEqual(third.removed, [first.name]);
    assert.equal((await readdir(backups)).filter((name) => name !== first.name).length, 2);
    await close();
    await assert.rejects(restore(backups), /already.*--force/s);
    const forced = await restore(backups, { force: true });
    assert.ok(forced.replaced);
    await open();
    assert.equal(Number((await rowsOf(lake!, digest))[0]?.['n']), 200);
    await close();
    await appendFile(join(backups, third.name, 'catalog.ducklake'), 'x');
    await assert.rejects(restore(backups, { force: true }), /damaged.*SHA-256/s);
    await open();
    assert.equal(Number((await rowsOf(lake!, digest))[0]?.['n']), 200);
  });

  it('finds missing, truncated and unknown files; removes those whose rows the lake has', async () => {
    for (let i = 0; i < 3; i++) await commit(logRows(300, i));
    assert.equal((await verify()).ok, true);
    const [first = '', second = ''] = await logFiles();
    const aside = join(folder, 'aside');
    await rename(join(folder, 'data', first), aside);
    let report = await verify();
    assert.deepEqual([report.ok, report.damaged.length], [false, 1]);
    assert.deepEqual([report.damaged[0]?.key, report.damaged[0]?.problem], [first, 'missing']);
    await rename(aside, join(folder, 'data', first));

    await cp(join(folder, 'data', second), aside);
    await truncate(join(folder, 'data', second), 100);
    report = await verify();
    assert.deepEqual(
      [report.damaged[0]?.key, report.damaged[0]?.problem, report.damaged[0]?.foundBytes],
      [second, 'size', 100],
    );
    await rename(aside, join(folder, 'data', second));

    const copy = join(first, '..', 'copy.parquet');
    await cp(join(folder, 'data', first), join(folder, 'data', copy));
    await writeFile(join(folder, 'data', first, '..', 'torn.parquet'), 'PAR1 but no more');
    await mkdir(join(folder, 'data/main/notes'));
    await writeFile(join(folder, 'data/main/notes/readme.txt'), 'hello');
    assert.deepEqual(
      (await verify(3_600_000)).orphans.map(({ state }) => state),
      ['young', 'young', 'foreign'],
    );
    const old = new Date(Date.now() - 7200_000);
    for (const name of [copy, join(first, '..', 'torn.parquet')])
      await utimes(join(folder, 'data', name), old, old);
    report = await verify(3_600_000);
    assert.equal(report.ok, false);
    assert.deepEqual(
      report.orphans.map(({ state }) => state),
      ['copies', 'damaged', 'foreign'],
    );
    assert.ok((report.orphans[0]?.ageSeconds ?? 0) >= 7200);
    const gone = await lake!.withConnection((connection) =>
      removeOrphans(connection, storage(), removableOrphans(report)),
    );
    assert.equal(gone.length, 2);
    assert.equal((await verify(3_600_000)).ok, true);
    assert.equal((await logFiles()).length, 3);
  });

  it('never removes unknown rows', async () => {
    await commit(logRows(300, 1));
    await backUp(join(folder, 'backups'));
    await commit(logRows(300, 2));
    await close();
    await restore(join(folder, 'backups'), { force: true });
    await open();
    const report = await verify();
    assert.deepEqual(
      report.orphans.filter(({ state }) => state === 'rows').map(({ missingRows }) => missingRows),
      [300],
    );
    assert.deepEqual(
      removableOrphans(report).filter(({ key }) => key.startsWith('main/logs/')),
      [],
    );
  });

  it('rebuilds all rows of Parquet once, watermarks included, and goes on from there', async () => {
    for (let i = 0; i < 5; i++) await commit(logRows(300, i));
    await commit([...logRows(300, 10), ...logRows(300, 11, noon - dayUs)]);
    const before = await rowsOf(lake!, digest);
    await close();
    await loseCatalog();
    const dry = await rebuild({ dryRun: true });
    assert.deepEqual(
      [dry.rows, (await readdir(folder)).some((name) => name.includes('ducklake'))],
      [{ logs: 2100 }, false],
    );
    const report = await rebuild();
    assert.deepEqual([report.copies, report.partly, report.failed], [0, 0, []]);
    await open();
    assert.deepEqual(await rowsOf(lake!, digest), before);
    assert.equal((await lake!.watermarks()).get('n/logs'), 60);
    assert.equal((await verify()).ok, true);
    await commit(logRows(300, 20));
    await commit(logRows(20, 21));
    assert.equal((await lake!.maintenance.checkpoint()).status, 'ok');
    assert.equal(Number((await rowsOf(lake!, digest))[0]?.['n']), 2420);
  });

  it('takes the rest of the spool for committed only when told to, where no file tells how far that was', async () => {
    const { rawSpoolCapacityBytes, rawSpoolSegmentBytes, rawSpoolGroupCommitMs } = config();
    const spool = await openSpool({
      dir: join(folder, 'spool'),
      capacityBytes: rawSpoolCapacityBytes,
      segmentBytes: rawSpoolSegmentBytes,
      groupCommitMs: rawSpoolGroupCommitMs,
      telemetry: silentTelemetry(),
    });
    const stream = spool.stream('logs');
    await stream.append([payloadOf(logsRequest({}, [{ timeNs: 1n, body: 'acknowledged' }]))]);
    const { id, head } = stream;
    await spool.close();
    // Of two days and without `from`: its files carry no note of the stream.
    const rows = [...logRows(300, 1), ...logRows(300, 2, noon - dayUs)];
    await lake!.commit([columnBatch({ logs: rows })], [{ stream: id, position: head }]);
    await close();
    await loseCatalog();
    for (const [assumeCommitted, watermark] of [
      [false, undefined],
      [true, head],
    ] as const) {
      await rebuild({ force: true, assumeCommitted });
      await open();
      assert.equal(Number((await rowsOf(lake!, digest))[0]?.['n']), 600);
      assert.equal((await lake!.watermarks()).get(id), watermark);
      await close();
    }
  });

  it('does not count rows twice that compaction rewrote and whose former files are still there', async () => {
    for (let i = 0; i < 8; i++) {
      await commit(logRows(300, position));
      await commit(logRows(20, position));
    }
    assert.equal((await lake!.maintenance.checkpoint()).status, 'ok');
    await commit(logRows(300, position));
    const before = await rowsOf(lake!, digest);
    const files = (await logFiles()).length;
    assert.ok(files > 10, `${files} files: those that compaction read are still there`);
    const merged = await rowsOf(
      lake!,
      `SELECT f.path FROM __ducklake_metadata_lake.ducklake_data_file f
       JOIN __ducklake_metadata_lake.ducklake_table t USING (table_id)
       WHERE t.table_name = 'logs' AND f.end_snapshot IS NOT NULL`,
    );
    assert.ok(merged.length > 4);
    await close();
    // A crash between a compaction and its cleanup, then the loss of the catalog; and the same in the midst of the cleanup.
    for (const cleaned of [0, 3]) {
      for (const { path } of merged.slice(0, cleaned)) await rm(join(folder, 'data/main/logs', String(path)));
      await loseCatalog();
      const report = await rebuild();
      assert.ok(report.copies > 0);
      assert.deepEqual([report.partly, report.failed, report.rewritten], [0, [], 0]);
      await open();
      assert.deepEqual(await rowsOf(lake!, digest), before);
      assert.equal((await lake!.watermarks()).get('n/logs'), position);
      await close();
    }
    // Maintenance can work on what was imported, and its rows stay.
    await open();
    for (let i = 0; i < 4; i++) await commit(logRows(300, position));
    const grown = await rowsOf(lake!, digest);
    assert.equal((await lake!.maintenance.checkpoint()).status, 'ok');
    assert.deepEqual(await rowsOf(lake!, digest), grown);
    const [row] = await rowsOf(lake!, 'SELECT count(DISTINCT rowid) n FROM lake.logs');
    assert.equal(row?.['n'], grown[0]?.['n']);
  });

  it('imports what was committed after the backup, though the files of the backup were merged away', async () => {
    await close();
    await open(folder, { snapshotRetentionSecs: 1 });
    for (let i = 0; i < 3; i++) await commit(logRows(300, position));
    await commit(logRows(20, position));
    await backUp(join(folder, 'backups'));
    for (let i = 0; i < 3; i++) await commit(logRows(300, position));
    await lake!.maintenance.checkpoint();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await commit(logRows(300, position));
    // Their snapshots expire with this run; the files go once that is as long ago as snapshots are kept.
    await lake!.maintenance.checkpoint();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await lake!.maintenance.checkpoint();
    const before = await rowsOf(lake!, digest);
    assert.ok((await logFiles()).length < 7, 'the files of the backup are gone');
    await close();
    const plain = await restore(join(folder, 'backups'), { dryRun: true });
    assert.ok(plain.verified.damaged.length >= 3);
    const report = await restore(join(folder, 'backups'), { force: true, import: true });
    assert.deepEqual(report.imported?.failed, []);
    assert.ok((report.imported?.forgotten.length ?? 0) >= 3);
    await open();
    assert.deepEqual(await rowsOf(lake!, digest), before);
    assert.equal((await lake!.watermarks()).get('n/logs'), position);
    await lake!.maintenance.checkpoint();
    assert.deepEqual(await rowsOf(lake!, digest), before);
  });
});
