import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { columnBatch, type Row } from '../../../test/support/batch.js';
import { openTestLake, rowsOf, silentTelemetry } from '../../../test/support/open-lake.js';
import { temporaryFolder } from '../../../test/support/server.js';
import { tables } from '../../schema/index.js';
import { CommitError, type Lake } from '../index.js';
import { retentionCutoff } from './retention.js';

const dayUs = 86_400_000_000;

function logRows(count: number, atUs: number, seed: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    timestamp: atUs + ((i * 7919) % 1000) * 1000,
    service_name: `service-${(i * 31 + seed) % 7}`,
    severity_text: i % 5 ? 'INFO' : 'ERROR',
    body: `row ${seed}/${i} with a body that is longer than inline strings`,
  }));
}

async function parquetFiles(folder: string, table: string): Promise<string[]> {
  const names = await readdir(join(folder, 'data', 'main', table), { recursive: true }).catch(() => []);
  return names.filter((name) => name.endsWith('.parquet'));
}

describe('maintenance', () => {
  let folder: string;
  let lake: Lake;
  const telemetry = silentTelemetry();

  beforeEach(async () => {
    folder = await temporaryFolder();
    telemetry.registry.clear();
    lake = await openTestLake(folder, { telemetry, config: { snapshotRetentionSecs: 1, retentionDays: 3 } });
  });

  afterEach(async () => {
    await lake.close();
    await rm(folder, { recursive: true, force: true });
  });

  const digest = `SELECT count(*) n, count(DISTINCT body) bodies, bit_xor(hash(body, service_name, timestamp)) h FROM lake.logs`;

  it('turns inlined rows into files and merges small files, sorted, without changing the data', async () => {
    const now = Date.now() * 1000;
    for (let i = 0; i < 6; i++) {
      await lake.commit(
        [columnBatch({ logs: [...logRows(1500, now, i), ...logRows(500, now - dayUs, 100 + i)] })],
        [{ stream: 'a/logs', position: i * 2 + 1 }],
      );
      await lake.commit(
        [columnBatch({ logs: logRows(20, now, 200 + i) })],
        [{ stream: 'a/logs', position: i * 2 + 2 }],
      );
    }
    const before = await rowsOf(lake, digest);
    const first = await lake.maintenance.checkpoint();
    assert.deepEqual([first.ran, first.status, first.error], [true, 'ok', undefined]);
    assert.deepEqual(await rowsOf(lake, digest), before);
    const second = await lake.maintenance.checkpoint();
    assert.equal(second.status, 'ok');
    assert.deepEqual(await rowsOf(lake, digest), before);
    assert.equal((await lake.watermarks()).get('a/logs'), 12);

    const logs = (await lake.stats()).tables.find((table) => table.table === 'logs');
    assert.equal(logs?.files, 2, 'one file a day');
    for (const { data_file: file } of await rowsOf(lake, `FROM ducklake_list_files('lake', 'logs')`)) {
      const [disorder] = await rowsOf(
        lake,
        `SELECT count(*) n FROM (SELECT service_name s, timestamp t, lag(service_name) OVER w ps, lag(timestamp) OVER w pt
         FROM read_parquet('${String(file)}', file_row_number = true) WINDOW w AS (ORDER BY file_row_number))
         WHERE s < ps OR (s = ps AND t < pt)`,
      );
      assert.equal(disorder?.['n'], 0n, 'merged files are sorted by service and time');
    }
    // Files of before the merge go once no snapshot needs them.
    await sleep(1100);
    assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
    await sleep(1100);
    assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
    assert.equal((await parquetFiles(folder, 'logs')).length, 2);
    assert.ok((await parquetFiles(folder, 'canardstack_progress')).length <= 4);
    assert.deepEqual(await rowsOf(lake, digest), before);
    const metrics = await telemetry.registry.metrics();
    assert.match(metrics, /ducklake_checkpoint_runs_total\{status="ok"\} 4/);
    assert.match(metrics, /canardstack_lake_files\{table="logs"\} 2/);
  });

  it('never deletes files that the catalog does not know', async () => {
    const now = Date.now() * 1000;
    await lake.commit([columnBatch({ logs: logRows(1500, now, 0) })], [{ stream: 'a/logs', position: 1 }]);
    const [file] = await parquetFiles(folder, 'logs');
    await lake.close();
    await rm(join(folder, 'canardstack.ducklake'));
    const config = { snapshotRetentionSecs: 1, catalogCreateOverData: true };
    lake = await openTestLake(folder, { config });
    await sleep(1100);
    assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
    assert.deepEqual(await parquetFiles(folder, 'logs'), [file]);
  });

  it('lets commits and queries go on beside it, losing and doubling nothing', async () => {
    let committed = 0;
    let position = 0;
    let stop = false;
    const now = Date.now() * 1000;
    const errors: unknown[] = [];
    const writing = (async () => {
      while (!stop) {
        const rows = logRows(position % 3 ? 50 : 2500, now, position);
        try {
          await lake.commit([columnBatch({ logs: rows })], [{ stream: 'a/logs', position: position + 1 }]);
          position++;
          committed += rows.length;
        } catch (error) {
          errors.push(error);
          stop = true;
        }
      }
    })();
    const reading = (async () => {
      while (!stop) {
        const least = committed;
        const [row] = await rowsOf(lake, 'SELECT count(*) n FROM lake.logs');
        assert.ok(Number(row?.['n']) >= least, `${String(row?.['n'])} rows are visible of ${least}`);
        await sleep(20);
      }
    })();
    const statuses: string[] = [];
    for (let i = 0; i < 6; i++) {
      statuses.push((await lake.maintenance.checkpoint()).status);
      await sleep(150);
      if (stop) break;
    }
    const during = position;
    stop = true;
    await Promise.all([writing, reading]);
    assert.deepEqual(errors, []);
    assert.deepEqual(statuses, Array(6).fill('ok'));
    assert.ok(during > 5, `only ${during} commits got through`);
    const [row] = await rowsOf(lake, 'SELECT count(*) n, count(DISTINCT body) bodies FROM lake.logs');
    assert.deepEqual([Number(row?.['n']), Number(row?.['bodies'])], [committed, committed]);
    assert.equal((await lake.watermarks()).get('a/logs'), position);
  });

  it('runs one at a time, and none while paused', async () => {
    const both = await Promise.all([lake.maintenance.checkpoint(), lake.maintenance.checkpoint()]);
    assert.deepEqual(both.map((result) => result.status).sort(), ['busy', 'ok']);
    lake.maintenance.pause();
    assert.equal(lake.maintenance.state().paused, true);
    assert.deepEqual(await lake.maintenance.checkpoint(), { ran: false, status: 'paused' });
    assert.equal((await lake.maintenance.retention({ dryRun: true })).status, 'paused');
    lake.maintenance.resume();
    assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
    assert.equal(lake.maintenance.state().consecutiveFailures, 0);
  });

  it('deletes whole days older than the retention, and only counts them in a dry run', async () => {
    const cutoffUs = retentionCutoff(Date.now(), 3).getTime() * 1000;
    await lake.commit(
      [
        columnBatch({
          logs: [
            ...logRows(1200, cutoffUs - dayUs, 1),
            ...logRows(1100, cutoffUs - 2 * dayUs, 2),
            ...logRows(1000, cutoffUs, 3),
          ],
          spans: [
            { timestamp: cutoffUs - 1, service_name: 'old' },
            { timestamp: cutoffUs, service_name: 'new' },
          ],
        }),
      ],
      [{ stream: 'a/all', position: 1 }],
    );
    const dry = await lake.maintenance.retention({ dryRun: true });
    const of = (result: typeof dry, table: string) => result.tables.find((each) => each.table === table);
    assert.deepEqual([dry.ran, dry.dryRun, dry.status], [true, true, 'ok']);
    assert.equal(dry.cutoff, new Date(cutoffUs / 1000).toISOString());
    assert.equal(dry.tables.length, tables.length);
    assert.deepEqual([of(dry, 'logs')?.rows, of(dry, 'logs')?.files], [2300, 2]);
    assert.ok((of(dry, 'logs')?.bytes ?? 0) > 0);
    assert.equal(of(dry, 'spans')?.rows, 1);
    assert.deepEqual(await rowsOf(lake, 'SELECT count(*) n FROM lake.logs'), [{ n: 3300n }]);

    assert.deepEqual(
      dry.days.map(({ table, rows }) => [table, rows]),
      [
        ['logs', 1100],
        ['logs', 1200],
        ['spans', 1],
      ],
    );
    assert.equal(Math.round(dry.share * 3302), 2301);
    const [confirm] = dry.cutoff.split('T');
    assert.equal(dry.held?.confirm, confirm);

    const unasked = await lake.maintenance.retention({ dryRun: false });
    assert.equal(unasked.status, 'held');
    assert.match(unasked.held?.reason ?? '', /69.7 % of the lake .* 25 %/);
    assert.match(unasked.held?.how ?? '', new RegExp(`--yes-delete-before ${confirm}`));
    const wrong = await lake.maintenance.retention({ dryRun: false, confirm: '2001-01-01' });
    assert.equal(wrong.status, 'held');
    assert.deepEqual(await rowsOf(lake, 'SELECT count(*) n FROM lake.logs'), [{ n: 3300n }]);
    assert.equal(lake.maintenance.state().held?.confirm, confirm);
    assert.match(await telemetry.registry.metrics(), /canardstack_retention_held_rows 2301/);

    const run = await lake.maintenance.retention({ dryRun: false, confirm: confirm ?? '' });
    assert.equal(run.status, 'ok');
    assert.equal(lake.maintenance.state().held, null);
    assert.equal(of(run, 'logs')?.rows, 2300);
    assert.deepEqual(
      await rowsOf(
        lake,
        'SELECT count(*) n, min(timestamp) >= make_timestamp(' + cutoffUs + ') ok FROM lake.logs',
      ),
      [{ n: 1000n, ok: true }],
    );
    assert.deepEqual(await rowsOf(lake, 'SELECT service_name FROM lake.spans'), [{ service_name: 'new' }]);
    assert.equal(of(await lake.maintenance.retention({ dryRun: true }), 'logs')?.rows, 0);
  });

  it('keeps the metadata summary up to date, row by row once', async () => {
    const now = Date.now() * 1000;
    const summary = `SELECT value, row_count FROM lake.metadata_summary
      WHERE signal = 'logs' AND kind = 'label_value' AND name = 'severity_text' ORDER BY value`;
    await lake.commit([columnBatch({ logs: logRows(100, now, 1) })], [{ stream: 'a/logs', position: 1 }]);
    await lake.maintenance.checkpoint();
    assert.deepEqual(await rowsOf(lake, summary), [
      { value: 'ERROR', row_count: 20n },
      { value: 'INFO', row_count: 80n },
    ]);
    await lake.commit(
      [
        columnBatch({
          logs: logRows(2000, now, 2),
          metric_gauge: [
            { timestamp: now, prometheus_name: 'up', metric_name: 'up', metric_unit: '1', service_name: 's' },
          ],
        }),
      ],
      [{ stream: 'a/logs', position: 2 }],
    );
    await lake.maintenance.checkpoint();
    await lake.maintenance.checkpoint();
    assert.deepEqual(await rowsOf(lake, summary), [
      { value: 'ERROR', row_count: 420n },
      { value: 'INFO', row_count: 1680n },
    ]);
    assert.deepEqual(
      await rowsOf(
        lake,
        `SELECT name, metric_type, metric_unit FROM lake.metadata_summary WHERE kind = 'metric_metadata'`,
      ),
      [{ name: 'up', metric_type: 'gauge', metric_unit: '1' }],
    );
    // What is left of a file without its deleted rows is not counted once more.
    await lake.withConnection((connection) =>
      connection.run(`DELETE FROM lake.main.logs WHERE severity_text = 'ERROR'`),
    );
    await lake.maintenance.checkpoint();
    await lake.maintenance.checkpoint();
    assert.deepEqual(await rowsOf(lake, 'SELECT count(*) AS n FROM lake.logs'), [{ n: 1680n }]);
    assert.deepEqual(await rowsOf(lake, summary), [
      { value: 'ERROR', row_count: 420n },
      { value: 'INFO', row_count: 1680n },
    ]);
  });

  it('opens the lake again where DuckLake remembers a table of inlined rows that is gone, and begins anew', async () => {
    const now = Date.now() * 1000;
    const meta = '__ducklake_metadata_lake';
    let position = 0;
    const commit = () =>
      lake.commit(
        [columnBatch({ logs: logRows(10, now, position) })],
        [{ stream: 'a/logs', position: ++position }],
      );
    const alter = (sql: string) => lake.withConnection((connection) => connection.run(sql));
    await commit();
    await alter('ALTER TABLE lake.main.logs ADD COLUMN extra INTEGER');
    await commit();
    // Where its rows are all in files, another node's flush drops it like this.
    assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
    const [superseded] = await rowsOf(
      lake,
      `SELECT i.table_name AS place FROM ${meta}.ducklake_inlined_data_tables i JOIN ${meta}.ducklake_table t USING (table_id)
       WHERE t.table_name = 'logs' ORDER BY i.schema_version`,
    );
    const place = String(superseded?.['place']);
    await commit();
    await alter(`DROP TABLE ${meta}.${place}`);
    await alter(`DELETE FROM ${meta}.ducklake_inlined_data_tables WHERE table_name = '${place}'`);
    const { status, error } = await lake.maintenance.checkpoint();
    assert.equal(status, 'ok', error);
    assert.deepEqual(await rowsOf(lake, 'SELECT count(*) n FROM lake.logs'), [{ n: BigInt(position * 10) }]);
  });

  it('is refused, like commits, on a lake opened for reading only', async () => {
    await lake.commit(
      [columnBatch({ logs: logRows(10, Date.now() * 1000, 1) })],
      [{ stream: 'a/logs', position: 1 }],
    );
    await lake.close();
    lake = await openTestLake(folder, { readOnly: true });
    assert.equal((await lake.maintenance.checkpoint()).status, 'error');
    await assert.rejects(lake.commit([], [{ stream: 'a/logs', position: 2 }]), CommitError);
    assert.deepEqual(await rowsOf(lake, 'SELECT count(*) n FROM lake.logs'), [{ n: 10n }]);
    assert.equal((await lake.watermarks()).get('a/logs'), 1);
  });
});
