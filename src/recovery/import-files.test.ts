import assert from 'node:assert/strict';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { columnBatch, type Row } from '../../test/support/batch.js';
import { lakeConfig, openTestLake, rowsOf, silentTelemetry } from '../../test/support/open-lake.js';
import { temporaryFolder } from '../../test/support/server.js';
import { catalogFrom } from '../catalog/index.js';
import { ident, literal } from '../duckdb/index.js';
import type { Lake } from '../lake/index.js';
import { createTable, ensureSchema } from '../lake/schema.js';
import { tables } from '../schema/index.js';
import { openSpool } from '../spool/index.js';
import { rebuildCatalog } from './rebuild.js';
import { withStagedLake } from './staging.js';
import type { RecoveryConfig } from './target.js';

const dayMs = 86_400_000;
const noon = Math.floor(Date.now() / dayMs) * dayMs * 1000 - (dayMs / 2) * 1000;

function logRows(from: number, to: number): Row[] {
  return Array.from({ length: to - from }, (_, i) => ({
    timestamp: noon + from + i,
    service_name: 's',
    body: `row ${from + i}`,
    ingested_at: noon + Math.floor((from + i) / 50),
  }));
}

const digest = `SELECT count(*) n, count(DISTINCT body) bodies, bit_xor(hash(body, service_name, timestamp)) h FROM lake.logs`;

describe('files whose rows overlap', () => {
  let folder: string;
  let lake: Lake;
  const settings = { dataInliningRowLimit: 10 };
  const config = (): RecoveryConfig => ({
    ...lakeConfig(folder, settings),
    rawSpoolCapacityBytes: 1024 ** 3,
    rawSpoolSegmentBytes: 64 * 1024 ** 2,
    rawSpoolGroupCommitMs: 1,
  });
  const rebuild = async () => {
    for (const name of await readdir(folder)) {
      if (name.startsWith('canardstack.ducklake')) await rm(join(folder, name));
    }
    const telemetry = silentTelemetry();
    const flags = { dryRun: false, force: false, assumeCommitted: false };
    return rebuildCatalog({ config: config(), telemetry, ...flags });
  };
  const commit = (from: number, to: number, stream = 'n/logs') =>
    lake.commit([columnBatch({ logs: logRows(from, to) })], [{ stream, from, position: to }]);
  const dayFolder = async () => {
    const names = await readdir(join(folder, 'data/main/logs'), { recursive: true });
    return join(folder, 'data/main/logs', names.find((name) => /day=\d+$/.test(name)) ?? '');
  };
  /** As a process that was killed before its COMMIT leaves it. */
  const leave = async (name: string, from: number, to: number, note: boolean): Promise<string> => {
    const path = join(await dayFolder(), name);
    const columns = (tables.find((table) => table.name === 'logs')?.columns ?? []).map((column) =>
      ident(column.name),
    );
    const streams = JSON.stringify([{ stream: 'n/logs', from, to }]);
    const noted = note ? `, KV_METADATA {canardstack_streams: ${literal(streams)}}` : '';
    await lake.withConnection((connection) =>
      connection.run(
        `COPY (SELECT ${columns.join(', ')} FROM lake.logs WHERE timestamp >= make_timestamp(${noon + from})
               AND timestamp < make_timestamp(${noon + to})) TO ${literal(path)} (FORMAT parquet${noted})`,
      ),
    );
    return path;
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
    lake = await openTestLake(folder, { config: settings });
  });

  afterEach(async () => {
    await lake.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('count each row once, however a commit that failed was cut', async () => {
    await commit(0, 100);
    await commit(100, 300);
    await commit(300, 450);
    await leave('failed-1.parquet', 100, 200, true);
    await leave('failed-2.parquet', 100, 370, true);
    await leave('failed-3.parquet', 50, 420, false);
    const before = await rowsOf(lake, digest);
    await lake.close();
    const report = await rebuild();
    assert.deepEqual(report.failed, []);
    assert.ok(report.partly > 0 && report.copies > 0);
    assert.equal(report.rows['logs'], 450);
    lake = await openTestLake(folder, { config: settings });
    assert.deepEqual(await rowsOf(lake, digest), before);
    assert.equal((await lake.watermarks()).get('n/logs'), 450);
  });

  it('keep equal times of receipt on two nodes apart without reading the files', async () => {
    await commit(0, 100, 'a/logs');
    await commit(0, 100, 'b/logs');
    await lake.close();
    const report = await rebuild();
    assert.deepEqual([report.added, report.copies, report.rows['logs']], [2, 0, 200]);
    lake = await openTestLake(folder, { config: settings });
  });

  it('are left to the spool when their commit was not seen to happen', async () => {
    const spoolOptions = {
      dir: join(folder, 'spool'),
      capacityBytes: 1024 ** 3,
      segmentBytes: 64 * 1024 ** 2,
      groupCommitMs: 1,
    };
    const spool = await openSpool({ ...spoolOptions, telemetry: silentTelemetry() });
    const stream = spool.stream('logs');
    await spool.close();
    await commit(0, 100, stream.id);
    await commit(100, 200, stream.id);
    const names = (await readdir(await dayFolder())).sort();
    assert.equal(names.length, 2);
    const stretches = await lake.withConnection(async (connection) => {
      const found = [];
      for (const name of names) {
        const path = join(await dayFolder(), name);
        const reader = await connection.runAndReadAll(
          `SELECT decode(value) FROM parquet_kv_metadata(${literal(path)})`,
        );
        found.push({ path, note: String(reader.getRows()[0]?.[0]) });
      }
      return found;
    });
    const last = stretches.find(({ note }) => note.includes('"from":100'));
    assert.ok(last);
    await lake.close();
    await mkdir(join(folder, 'pending-files'), { recursive: true });
    const note = JSON.stringify({ target: last.path, streams: [stream.id], since: Date.now() });
    await writeFile(join(folder, 'pending-files', 'note.json'), note);
    const report = await rebuild();
    assert.equal(report.leftToSpool.length, 1);
    assert.deepEqual([report.rows['logs'], report.watermarks[stream.id]], [100, 100]);
    lake = await openTestLake(folder, { config: settings });
  });

  it('are taken in although their columns are numbered otherwise', async () => {
    for (let i = 0; i < 4; i++) await commit(i * 100, i * 100 + 100);
    // DuckLake's own merge, as an earlier release used it, numbers the columns; compaction does not.
    await lake.withConnection((connection) =>
      connection.run(`CALL ducklake_merge_adjacent_files('lake', 'logs', schema => 'main')`),
    );
    const [merged] = await rowsOf(lake, `SELECT data_file f FROM ducklake_list_files('lake', 'logs')`);
    await lake.close();
    // The same files under a lake whose tables have their columns the other way round.
    const other = join(folder, 'other.ducklake');
    await withStagedLake(other, catalogFrom(config()), config(), silentTelemetry(), async (connection) => {
      for (const table of tables) await createTable(connection, table, [...table.columns].reverse());
      await ensureSchema(connection, config());
      await connection.run('SET ducklake_default_data_inlining_row_limit = 0');
      for (const k of [1, 2, 3, 4]) {
        await connection.run(
          `INSERT INTO lake.logs BY NAME SELECT make_timestamp(${noon + k * 1000} + i) AS timestamp, 's' AS service_name,
             'later ' || ${k} || '/' || i AS body, make_timestamp(${noon + 100_000 + k}) AS ingested_at FROM range(50) t(i)`,
        );
      }
      await connection.run(`CALL ducklake_merge_adjacent_files('lake', 'logs', schema => 'main')`);
    });
    const report = await rebuild();
    assert.deepEqual([report.failed, report.rows['logs']], [[], 600]);
    assert.ok(report.rewritten > 0, String(merged?.['f']));
    lake = await openTestLake(folder, { config: settings });
    const [first] = await rowsOf(
      lake,
      `SELECT count(*) n, count(DISTINCT body) b, min(service_name) s FROM lake.logs`,
    );
    assert.deepEqual([Number(first?.['n']), Number(first?.['b']), first?.['s']], [600, 600, 's']);
    for (let i = 4; i < 8; i++) await commit(i * 100, i * 100 + 100);
    assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
    assert.equal(Number((await rowsOf(lake, digest))[0]?.['bodies']), 1000);
  });
});
