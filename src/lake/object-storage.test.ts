import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { columnBatch } from '../../test/support/batch.js';
import { startFaultProxy, type Fault, type FaultProxy } from '../../test/support/fault-proxy.js';
import { openTestLake, rowsOf } from '../../test/support/open-lake.js';
import { skipWithoutS3, startS3, type Key, type TestS3 } from '../../test/support/s3.js';
import { eventually, temporaryFolder } from '../../test/support/server.js';
import { createTelemetry } from '../telemetry/index.js';
import { CommitError, LakeError, type Lake, type LakeConfig } from './index.js';

const dayMs = 86_400_000;
const rows = 1500;
const stream = 'test/logs';

function logs(i: number, timeMs = Date.now()) {
  return columnBatch({
    logs: Array.from({ length: rows }, (_, k) => ({ timestamp: timeMs * 1000, body: `batch ${i} row ${k}` })),
    spans: [{ timestamp: timeMs * 1000, span_name: `batch ${i}` }],
  });
}

async function counts(lake: Lake): Promise<number[]> {
  const [row] = await rowsOf(
    lake,
    'SELECT count(*)::INT AS n, count(DISTINCT body)::INT AS d, (SELECT count(*)::INT FROM lake.spans) AS s FROM lake.logs',
  );
  return [Number(row?.['n']), Number(row?.['d']), Number(row?.['s'])];
}

function use(key: Key): void {
  process.env['AWS_ACCESS_KEY_ID'] = key.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = key.secretAccessKey;
}

describe('a lake in an object store', { skip: skipWithoutS3() }, () => {
  let s3: TestS3;
  let proxy: FaultProxy;
  let folder: string;
  let lake: Lake | undefined;
  let n = 0;
  let prefix: string;

  const config = (more: Partial<LakeConfig> = {}): Partial<LakeConfig> => ({
    ducklakeDataPath: `s3://${s3.bucket}/${prefix}`,
    s3Endpoint: proxy.endpoint,
    s3Region: 'us-east-1',
    s3TimeoutMs: 1000,
    s3Attempts: 2,
    ...more,
  });
  const reopen = async (more: Partial<LakeConfig> = {}) => {
    await lake?.close();
    lake = undefined;
    return (lake = await openTestLake(folder, { config: config(more) }));
  };
  /** Objects that the catalog does not know, and those that it misses. */
  const astray = async (on: Lake): Promise<{ orphans: string[]; missing: string[] }> => {
    const known = await rowsOf(
      on,
      `SELECT parse_filename(path) AS name FROM (
         SELECT path FROM __ducklake_metadata_lake.ducklake_data_file UNION ALL
         SELECT path FROM __ducklake_metadata_lake.ducklake_delete_file UNION ALL
         SELECT path FROM __ducklake_metadata_lake.ducklake_files_scheduled_for_deletion)`,
    );
    const names = new Set(known.map((row) => String(row['name'])));
    const there = (await s3.keys(`${prefix}/`)).map((key) => key.slice(key.lastIndexOf('/') + 1));
    return {
      orphans: there.filter((name) => !names.has(name)),
      missing: [...names].filter((name) => !there.includes(name)),
    };
  };

  before(async () => {
    s3 = await startS3();
    proxy = await startFaultProxy(s3.endpoint);
  });
  beforeEach(async () => {
    use(s3.root);
    folder = await temporaryFolder();
    prefix = `lake-${n++}/data`;
  });
  afterEach(async () => {
    proxy.set(null);
    await lake?.close();
    lake = undefined;
    await rm(folder, { recursive: true, force: true });
  });
  after(async () => {
    await proxy.close();
    await s3.stop();
  });

  it('commits, queries, looks after itself and opens again', async () => {
    // Files of so few rows are footers and digests for the most part, whatever day they are of.
    const on = await reopen({ retentionDays: 2, snapshotRetentionSecs: 1, retentionMaxSharePercent: 50 });
    const old = Date.now() - 5 * dayMs;
    await on.commit([logs(0, old)], [{ stream, position: 1 }]);
    for (let i = 1; i <= 5; i++) await on.commit([logs(i)], [{ stream, position: i + 1 }]);
    // Rows of several days in one commit become a file each.
    await on.commit([logs(6), logs(7, Date.now() - dayMs)], [{ stream, position: 7 }]);
    assert.deepEqual(await counts(on), [8 * rows, 8 * rows, 8]);
    assert.ok((await s3.keys(`${prefix}/main/logs/`)).length >= 8);
    assert.deepEqual(await readdir(join(folder, 'pending-files')), []);
    assert.equal((await on.maintenance.checkpoint()).status, 'ok');
    assert.deepEqual(await counts(on), [8 * rows, 8 * rows, 8]);
    const removed = await on.maintenance.retention({ dryRun: false });
    assert.equal(removed.status, 'ok');
    assert.equal(removed.tables.find(({ table }) => table === 'logs')?.rows, rows);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal((await on.maintenance.checkpoint()).status, 'ok');
    assert.deepEqual(await counts(on), [7 * rows, 7 * rows, 7]);
    assert.deepEqual(await astray(on), { orphans: [], missing: [] });
    const again = await reopen();
    assert.deepEqual(await counts(again), [7 * rows, 7 * rows, 7]);
    assert.equal((await again.watermarks()).get(stream), 7);
    await again.ping();
  });

  it('keeps nothing of a commit that failed, whatever the store does, and goes on after it', async () => {
    const on = await reopen();
    await on.commit([logs(0)], [{ stream, position: 1 }]);
    const faults: [Fault, Parameters<FaultProxy['set']>[1]?][] = [
      [{ kind: 'status', status: 500 }],
      [{ kind: 'status', status: 503 }, { operations: ['PutObject'] }],
      // Sent, but then neither readable nor deletable.
      [{ kind: 'status', status: 500 }, { operations: ['HeadObject', 'GetObject', 'DeleteObject'] }],
      // Done by the store, told to nobody; and the deletion fails.
      [{ kind: 'reset', at: 'after' }, { operations: ['PutObject'] }],
      [{ kind: 'hang' }, { operations: ['PutObject'] }],
    ];
    for (const [i, [fault, which]] of faults.entries()) {
      proxy.set(fault, which);
      await assert.rejects(
        on.commit([logs(i + 1)], [{ stream, position: i + 2 }]),
        (error) => error instanceof CommitError && error.kind === 'unavailable',
      );
      proxy.set(null);
      await on.commit([logs(i + 1)], [{ stream, position: i + 2 }]);
      assert.deepEqual(await astray(on), { orphans: [], missing: [] }, JSON.stringify(fault));
    }
    assert.deepEqual(await counts(on), [6 * rows, 6 * rows, 6]);
    assert.deepEqual(await readdir(join(folder, 'pending-files')), []);
    assert.deepEqual(
      (await readdir(join(folder, 'tmp'), { recursive: true })).filter((name) => name.endsWith('.parquet')),
      [],
    );
  });

  it('deletes at its start what a killed process had made for a commit, and only that', async () => {
    const on = await reopen();
    await on.commit([logs(0)], [{ stream, position: 1 }]);
    const [committed = ''] = await s3.keys(`${prefix}/main/logs/`);
    await on.close();
    lake = undefined;
    const target = (name: string) => `s3://${s3.bucket}/${prefix}/main/logs/${name}`;
    const note = (name: string) =>
      writeFile(
        join(folder, 'pending-files', `${name}.json`),
        JSON.stringify({ target: target(name), streams: [stream], since: Date.now() }),
      );
    const { openStorage } = await import('../storage/index.js');
    const storage = openStorage(`s3://${s3.bucket}/${prefix}`, {
      ...(config() as LakeConfig),
      s3UseSsl: true,
    });
    await storage.put('main/logs/canardstack-left.parquet', Buffer.from('x'));
    await storage.put('main/logs/foreign.parquet', Buffer.from('x'));
    storage.close();
    await mkdir(join(folder, 'pending-files'), { recursive: true });
    await note('canardstack-left.parquet');
    await note(committed.slice(committed.lastIndexOf('/') + 1));
    await note('canardstack-never-sent.parquet');
    const again = await reopen();
    await eventually(async () =>
      (await readdir(join(folder, 'pending-files'))).length === 0 ? true : undefined,
    );
    assert.deepEqual(await astray(again), { orphans: ['foreign.parquet'], missing: [] });
    assert.deepEqual(await counts(again), [rows, rows, 1]);
  });

  it('does not start without a permission, and says which', async () => {
    use(await s3.user('lake-no-list', ['s3:PutObject', 's3:GetObject', 's3:DeleteObject']));
    await assert.rejects(reopen(), (error) => {
      assert.ok(error instanceof LakeError);
      assert.match(error.message, /missing: s3:ListBucket/);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    });
  });

  it('starts while the store is away, and says so when asked', async () => {
    await (await reopen()).commit([logs(0)], [{ stream, position: 1 }]);
    await lake?.close();
    proxy.set({ kind: 'status', status: 503 });
    const on = await reopen();
    await assert.rejects(on.ping(), /object store/);
    proxy.set(null);
    await eventually(async () => on.ping().then(() => true));
    await on.commit([logs(1)], [{ stream, position: 2 }]);
    assert.deepEqual(await counts(on), [2 * rows, 2 * rows, 2]);
  });

  it('reads nothing beside its own prefix', async () => {
    const on = await reopen();
    for (const place of [`s3://${s3.bucket}/other/x.csv`, `${proxy.endpoint}/x.csv`, '/etc/passwd']) {
      await assert.rejects(rowsOf(on, `SELECT * FROM read_text('${place}')`), /disabled by configuration/);
    }
    const secrets = JSON.stringify(await rowsOf(on, 'SELECT * FROM duckdb_secrets()'));
    assert.match(secrets, /lake_storage/);
    assert.doesNotMatch(secrets, /s3cret/);
  });

  it('asks the store for nothing that it has read before, not even whether it is still the same', async () => {
    const on = await reopen();
    await on.commit([logs(0)], [{ stream, position: 1 }]);
    const [key = ''] = await s3.keys(`${prefix}/main/logs/`);
    const read = () => rowsOf(on, `SELECT max(body) AS b FROM read_parquet('s3://${s3.bucket}/${key}')`);
    const first = await read();
    const asked = proxy.requests.length;
    assert.deepEqual(await read(), first);
    assert.deepEqual(proxy.requests.slice(asked), []);
  });

  describe('with credentials that expire', () => {
    const changed = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_CONFIG_FILE'];
    let source: string;
    /** What the chain gives from now on, for four seconds at a time. */
    const give = (key: Key) =>
      writeFile(
        source,
        `echo '{"Version":1,"AccessKeyId":"${key.accessKeyId}","SecretAccessKey":"${key.secretAccessKey}",` +
          `"Expiration":"'$(date -u -d '+4 seconds' +%Y-%m-%dT%H:%M:%SZ)'"}'`,
      );

    beforeEach(async () => {
      for (const name of changed) Reflect.deleteProperty(process.env, name);
      source = join(folder, 'credentials.sh');
      process.env['AWS_CONFIG_FILE'] = join(folder, 'aws-config');
      await writeFile(join(folder, 'aws-config'), `[default]\ncredential_process = sh ${source}\n`);
    });
    afterEach(() => Reflect.deleteProperty(process.env, 'AWS_CONFIG_FILE'));

    it('gives DuckDB the new ones without opening anything again', async () => {
      const every = ['s3:PutObject', 's3:ListBucket', 's3:GetObject', 's3:DeleteObject'];
      const first = await s3.user('rotating-one', every);
      const second = await s3.user('rotating-two', every);
      await give(first);
      const lines: string[] = [];
      const sink = new Writable({
        write(chunk: Buffer, _encoding, done) {
          lines.push(chunk.toString());
          done();
        },
      });
      const telemetry = createTelemetry('trace', sink);
      const on = (lake = await openTestLake(folder, { config: config(), telemetry }));
      await on.commit([logs(0)], [{ stream, position: 1 }]);
      const secretOf = async () =>
        JSON.stringify(await rowsOf(on, 'SELECT secret_string FROM duckdb_secrets()'));
      assert.match(await secretOf(), /rotating-one/);
      await give(second);
      await eventually(async () => (/rotating-two/.test(await secretOf()) ? true : undefined), 10_000);
      await s3.forbid('rotating-one');
      // The SDK uses the old ones once more while it fetches the new ones, as these overlap.
      await eventually(() => on.commit([logs(1)], [{ stream, position: 2 }]));
      assert.deepEqual(await counts(on), [2 * rows, 2 * rows, 2]);
      assert.equal((await on.maintenance.checkpoint()).status, 'ok');
      assert.match(lines.join(''), /new credentials/);
      assert.doesNotMatch(lines.join(''), /s3cret/);
    });
  });
});
