import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { columnBatch } from '../../test/support/batch.js';
import { openTestLake } from '../../test/support/open-lake.js';
import { temporaryFolder } from '../../test/support/server.js';
import { readLease } from '../catalog/lease/index.js';
import { LeaseFiles } from '../catalog/lease/record.js';
import { CommitError, LakeError, type Lake } from './index.js';

let folder: string;
let catalog: string;
let lake: Lake | undefined;

beforeEach(async () => {
  folder = await temporaryFolder();
  catalog = join(folder, 'canardstack.ducklake');
});

afterEach(async () => {
  await lake?.close();
  lake = undefined;
  await rm(folder, { recursive: true, force: true });
});

function rows(from: number) {
  return [columnBatch({ logs: [{ timestamp: (Date.now() + from) * 1000, body: `row ${from}` }] })];
}

/** What another process does first when it takes the catalog over. */
function takeNextEpoch(): void {
  const files = new LeaseFiles(catalog);
  const record = files.current()?.record;
  assert.ok(record);
  files.create({ ...record, holder: 'another', epoch: record.epoch + 1 });
}

function refusedAs(kind: CommitError['kind']) {
  return (error: unknown) => error instanceof CommitError && error.kind === kind;
}

describe('the owner of a local catalog', () => {
  it('holds a lease while it is open and releases it', async () => {
    lake = await openTestLake(folder);
    assert.equal((await readLease(catalog))?.process, 'alive');
    await assert.rejects(
      openTestLake(folder, { readOnly: true }),
      (error: unknown) => error instanceof LakeError && error.kind === 'locked',
    );
    await lake.close();
    assert.equal((await readLease(catalog))?.released, true);
    lake = await openTestLake(folder);
    assert.equal(lake.ownership?.epoch, 2);
    assert.equal(lake.ownership?.file, catalog);
  });

  it('does not believe a commit when a newer epoch began before it ended, and makes no more', async () => {
    let taken = false;
    lake = await openTestLake(folder, {
      faults: (point) => {
        if (point === 'lake.before_commit' && taken) takeNextEpoch();
      },
    });
    await lake.commit(rows(1), [{ stream: 'a/logs', position: 1 }]);
    taken = true;
    await assert.rejects(lake.commit(rows(2), [{ stream: 'a/logs', position: 2 }]), refusedAs('unknown'));
    taken = false;
    await assert.rejects(lake.watermarks(), /does not own the catalog any more/);
    await assert.rejects(lake.commit(rows(2), [{ stream: 'a/logs', position: 2 }]), refusedAs('unavailable'));
    await assert.rejects(lake.ping(), /does not own the catalog any more/);
    const checkpoint = await lake.maintenance.checkpoint();
    assert.equal(checkpoint.status, 'error');
    assert.match(checkpoint.error ?? '', /does not own the catalog any more/);
    await lake.close();
    assert.equal((await readLease(catalog))?.holder, 'another', 'a lease that is lost is not released');
  });
});

describe('a start without a catalog', () => {
  const parquet = () => join(folder, 'data', 'main', 'logs', 'x.parquet');

  async function placeParquet(): Promise<void> {
    await mkdir(join(parquet(), '..'), { recursive: true });
    await writeFile(parquet(), 'PAR1');
  }

  function refusal(error: unknown): boolean {
    assert.ok(error instanceof LakeError && error.kind === 'schema');
    assert.match(error.message, /holds Parquet files already \(main\/logs\/x\.parquet\)/);
    assert.match(error.message, /catalog restore.*catalog rebuild.*CANARDSTACK_CATALOG_CREATE_OVER_DATA/s);
    return true;
  }

  it('makes none over Parquet files unless told so, and leaves them alone then', async () => {
    await placeParquet();
    await assert.rejects(openTestLake(folder), refusal);
    assert.equal(existsSync(catalog), false);
    await writeFile(catalog, '');
    await assert.rejects(openTestLake(folder), refusal);
    lake = await openTestLake(folder, { config: { catalogCreateOverData: true } });
    assert.ok(existsSync(parquet()));
    await lake.close();
    lake = await openTestLake(folder);
  });

  it('leaves alone what is no catalog, though no Parquet files lie beside it', async () => {
    for (const bytes of ['garbage!', 'x'.repeat(12_287), 'y'.repeat(20_000)]) {
      await writeFile(catalog, bytes);
      await assert.rejects(openTestLake(folder), (error) => {
        assert.ok(error instanceof LakeError, String(error));
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
      assert.equal(await readFile(catalog, 'utf8'), bytes);
    }
    for (const left of [
      Buffer.alloc(0),
      Buffer.alloc(4096),
      Buffer.from(`${'c'.repeat(8)}DUCK`.padEnd(8192, '\0')),
    ]) {
      await writeFile(catalog, left);
      lake = await openTestLake(folder);
      await lake.close();
      await rm(catalog);
    }
    lake = await openTestLake(folder);
  });

  it('goes on with one that a killed first start left without tables, unless there are Parquet files', async () => {
    const empty = await DuckDBInstance.create(catalog, { threads: '1' });
    empty.closeSync();
    await placeParquet();
    await assert.rejects(openTestLake(folder), refusal);
    await rm(parquet());
    lake = await openTestLake(folder);
    await lake.ping();
  });
});
