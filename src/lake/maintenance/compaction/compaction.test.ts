import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { columnBatch, largeBatch, type Row } from '../../../../test/support/batch.js';
import { noSpareCpu, openTestLake, rowsOf, silentTelemetry } from '../../../../test/support/open-lake.js';
import { eventually, temporaryFolder } from '../../../../test/support/server.js';
import type { FaultPoint } from '../../../faults/index.js';
import type { Lake } from '../../index.js';
import { digestLength } from '../../file-digest/index.js';
import { decodeIndex, indexLength } from '../../token-index/file.js';
import { joinedKeys, readKeysNotes } from '../../files/keys-note.js';
import { checksumInName } from '../../files/checksum-name.js';
import { compactedPrefix, hasPrefix, joinedPrefix } from '../moved.js';

const now = Date.now() * 1000;
const rows = (seed: number, count = 1500): Row[] =>
  Array.from({ length: count }, (_, i) => ({
    timestamp: now + i,
    service_name: `s${i % 3}`,
    trace_id: `${seed}-${i}`.padStart(32, '0'),
    body: `line ${seed}/${i}`,
  }));

const contents = `SELECT count(*) n, count(DISTINCT trace_id) ids, min(body) least, bit_xor(hash(body, service_name, timestamp)) all_rows FROM lake.logs`;

async function withLake(
  work: (lake: Lake) => Promise<void>,
  faults?: (point: FaultPoint) => void,
): Promise<void> {
  const dataDir = await temporaryFolder();
  const lake = await openTestLake(dataDir, faults ? { faults } : {});
  try {
    await work(lake);
  } finally {
    await lake.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function fill(lake: Lake, commits: number): Promise<void> {
  for (let i = 0; i < commits; i++) {
    await lake.commit([columnBatch({ logs: rows(i) })], [{ stream: 'a/logs', from: i, position: i + 1 }]);
  }
}

const live = (lake: Lake) => rowsOf(lake, `SELECT data_file FROM ducklake_list_files('lake', 'logs')`);

async function indexOf(lake: Lake, path: string) {
  const [facts] = await rowsOf(
    lake,
    `SELECT (file_size_bytes - footer_size - 8)::INTEGER AS at FROM parquet_file_metadata('${path}')`,
  );
  const all = (await readFile(path)).subarray(0, Number(facts?.['at']));
  // Behind it is the file's digest.
  assert.ok(digestLength(all) > 0);
  const before = all.subarray(0, all.length - digestLength(all));
  const length = indexLength(before);
  return length === null ? null : decodeIndex(before.subarray(-length));
}

describe('compaction', () => {
  it('joins what its inputs tell of their keys, by column', () => {
    const some = new Map([
      ['log_attributes', ['a', 'b']],
      ['scope_attributes', ['c']],
    ]);
    const others = new Map([['log_attributes', ['b', '']]]);
    assert.deepEqual(joinedKeys([some, others]), new Map([['log_attributes', ['a', 'b', '']]]));
    assert.deepEqual(joinedKeys([]), new Map());
  });

  it('gives columns of many values a Bloom filter, or files an index, and keeps the note of the streams', async () => {
    await withLake(async (lake) => {
      await fill(lake, 5);
      // A day that is over gets its index however small it is.
      const past = rows(9).map((row, i) => ({
        ...row,
        timestamp: Number(row['timestamp']) - 2 * 86_400_000_000,
        service_instance_id: `i${i % 2}`,
      }));
      const { tables, ...batch } = columnBatch({ logs: past });
      const keys = new Map([['log_attributes', ['user.id', '']]]);
      const told = { ...batch, tables: tables.map((table) => ({ ...table, keys })) };
      await lake.commit([told], [{ stream: 'b/logs', from: 0, position: 1 }]);
      assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
      const files = (await live(lake)).map((row) => String(row['data_file']));
      const today = `/day=${new Date(now / 1000).getUTCDate()}/`;
      const [path = ''] = files.filter((name) => name.includes(today));
      const [indexed = ''] = files.filter((name) => !name.includes(today));
      assert.equal(files.length, 2);
      assert.ok(path.includes(compactedPrefix));
      const chunks = await rowsOf(
        lake,
        `SELECT bloom_filter_offset AS at FROM parquet_metadata('${path}') WHERE path_in_schema = 'trace_id'`,
      );
      assert.ok(chunks.length > 0 && chunks.every((chunk) => chunk['at'] !== null));
      const [note] = await rowsOf(
        lake,
        `SELECT decode(value) AS note FROM parquet_kv_metadata('${path}') WHERE decode(key) = 'canardstack_streams'`,
      );
      assert.deepEqual(JSON.parse(String(note?.['note'])), [{ stream: 'a/logs', from: 0, to: 5 }]);
      const notes = await readKeysNotes(
        async (sql) => (await rowsOf(lake, sql)).map((row) => Object.values(row)),
        [path, indexed],
      );
      assert.deepEqual([...notes], [[indexed, keys]]);
      assert.equal(await indexOf(lake, path), null);
      const index = await indexOf(lake, indexed);
      assert.deepEqual(
        index?.granules.map(({ rows: n }) => n),
        [1500],
      );
      const lying = await rowsOf(
        lake,
        `SELECT service_name || service_instance_id AS process FROM read_parquet('${indexed}') ORDER BY file_row_number`,
      );
      const changes = lying.filter(({ process }, i) => process !== lying[i - 1]?.['process']);
      assert.equal(changes.length, 6, 'lines of a process lie together');
      const id = '3-1234'.padStart(32, '0');
      assert.deepEqual(await rowsOf(lake, `SELECT body FROM lake.logs WHERE trace_id = '${id}'`), [
        { body: 'line 3/1234' },
      ]);
      // Rows are counted once, though compaction has given them another snapshot.
      assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
      assert.deepEqual(await rowsOf(lake, `SELECT sum(logs)::BIGINT AS n FROM lake.v_services`), [
        { n: 9000n },
      ]);
    });
  });

  it('gives frequent attributes columns in the file, of which the table does not know', async () => {
    await withLake(async (lake) => {
      const attributes = (n: number, i: number): Record<string, unknown> => ({
        'http.route': i % 3 === 0 ? '/a"b' : '/c',
        'duration.ms': (n * 1e6 + i) / 7,
        mixed: i % 2 === 0 ? i : `t${i}`,
        ...(i % 100 === 0 && { rare: 'x' }),
        'a b': 'no plain key',
        'HTTP.ROUTE': 'the same to DuckDB',
      });
      for (let n = 0; n < 4; n++) {
        const made = rows(n).map((row, i) => ({ ...row, log_attributes: JSON.stringify(attributes(n, i)) }));
        await lake.commit([columnBatch({ logs: made })], [{ stream: 'a/logs', position: n + 1 }]);
      }
      assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
      const [file] = await live(lake);
      const path = String(file?.['data_file']);
      const described = await rowsOf(
        lake,
        `SELECT column_name AS name, column_type AS type FROM (DESCRIBE FROM '${path}')
         WHERE contains(column_name, ':') ORDER BY ALL`,
      );
      assert.deepEqual(
        described.map(({ name, type }) => `${String(name)} ${String(type)}`),
        [
          'number:log_attributes:duration.ms DOUBLE',
          'text:log_attributes:HTTP.ROUTE VARCHAR',
          'text:log_attributes:mixed VARCHAR',
        ],
      );
      assert.deepEqual(
        await rowsOf(
          lake,
          `SELECT count(*) n FROM '${path}' WHERE
             "text:log_attributes:mixed" IS DISTINCT FROM log_attributes ->> '$.mixed' OR
             "number:log_attributes:duration.ms" IS DISTINCT FROM (log_attributes ->> '$."duration.ms"')::DOUBLE`,
        ),
        [{ n: 0n }],
      );
      assert.deepEqual(
        await rowsOf(
          lake,
          `SELECT count(*) n FROM duckdb_columns() WHERE database_name = 'lake' AND contains(column_name, ':')`,
        ),
        [{ n: 0n }],
      );
    });
  });

  it('gives its file up when rows were deleted while it was written, and brings none back', async () => {
    let deleting: Promise<unknown> | undefined;
    let remove: () => Promise<unknown> = () => Promise.resolve();
    const faults = (point: FaultPoint) => {
      if (point !== 'maintenance.compacted' || deleting) return;
      deleting = remove();
      // The statement runs in a thread of its own; when this one goes on, it is done.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
    };
    await withLake(async (lake) => {
      await fill(lake, 5);
      await lake.withConnection(async (connection) => {
        remove = () =>
          connection.run(`DELETE FROM lake.main.logs WHERE body LIKE 'line 2/_' AND body < 'line 2/5'`);
        assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
        await deleting;
      });
      assert.ok(deleting);
      assert.equal((await live(lake)).length, 5, 'the files of before are still those of the lake');
      assert.deepEqual(await rowsOf(lake, 'SELECT count(*) n FROM lake.logs'), [{ n: 7495n }]);
      // The next run takes the deleted rows out of their file first.
      assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
      assert.equal((await live(lake)).length, 1);
      assert.deepEqual(await rowsOf(lake, 'SELECT count(*) n FROM lake.logs'), [{ n: 7495n }]);
    }, faults);
  });

  it('rewrites files alone only after those of all tables that become fewer', async () => {
    await withLake(async (lake) => {
      const dayUs = 86_400_000_000;
      const past = rows(9).map((row) => ({ ...row, timestamp: Number(row['timestamp']) - 2 * dayUs }));
      await lake.commit([columnBatch({ logs: past })], [{ stream: 'b/logs', from: 0, position: 1 }]);
      await fill(lake, 1);
      for (let n = 0; n < 4; n++) {
        const spans = rows(n).map((_, i) => ({ timestamp: now + i, trace_id: `${i}`.padStart(32, '0') }));
        await lake.commit([columnBatch({ spans })], [{ stream: 'a/spans', from: n, position: n + 1 }]);
      }
      assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
      const made = await rowsOf(
        lake,
        `SELECT table_name AS name FROM __ducklake_metadata_lake.ducklake_data_file f
         JOIN __ducklake_metadata_lake.ducklake_table USING (table_id)
         WHERE f.end_snapshot IS NULL AND contains(f.path, '${compactedPrefix}') ORDER BY f.begin_snapshot`,
      );
      assert.deepEqual(made, [{ name: 'spans' }, { name: 'logs' }]);
    });
  });

  it('joins large files of commits while there is no CPU to spare, and sorts what was joined at a CHECKPOINT', async () => {
    const dataDir = await temporaryFolder();
    const telemetry = silentTelemetry();
    const options = { config: { checkpointIntervalSecs: 4 }, spareCpu: noSpareCpu(), telemetry };
    const lake = await openTestLake(dataDir, options);
    const waiting = async () =>
      /^canardstack_compaction_joined_files\{table="logs"\} (\d+)$/m.exec(
        await telemetry.registry.metrics(),
      )?.[1];
    try {
      const commits = 4;
      for (let n = 0; n < commits; n++) {
        await lake.commit([largeBatch(n, now)], [{ stream: 'a/logs', from: n, position: n + 1 }]);
      }
      const before = await rowsOf(lake, contents);
      lake.maintenance.start();
      const path = await eventually(async () => {
        const files = (await live(lake)).map((row) => String(row['data_file']));
        assert.equal(files.length, 1);
        return files[0] ?? '';
      });
      assert.ok(hasPrefix(path, joinedPrefix));
      await eventually(async () => ((await waiting()) === '1' ? true : undefined));
      assert.equal(checksumInName(path)?.length, 8);
      assert.deepEqual(await rowsOf(lake, contents), before);
      assert.equal(await indexOf(lake, path), null);
      const [note] = await rowsOf(
        lake,
        `SELECT decode(value) AS note FROM parquet_kv_metadata('${path}') WHERE decode(key) = 'canardstack_streams'`,
      );
      assert.deepEqual(JSON.parse(String(note?.['note'])), [{ stream: 'a/logs', from: 0, to: commits }]);
      await eventually(async () => ((await lake.maintenance.checkpoint()).ran ? true : undefined));
      const [file, ...others] = await live(lake);
      assert.deepEqual(others, []);
      assert.equal(await waiting(), '0');
      assert.ok(!hasPrefix(String(file?.['data_file']), joinedPrefix));
      assert.deepEqual(await rowsOf(lake, contents), before);
    } finally {
      await lake.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('sorts files that lack a column of the table in place of joining them', async () => {
    const dataDir = await temporaryFolder();
    const options = { config: { checkpointIntervalSecs: 4 }, spareCpu: noSpareCpu() };
    const lake = await openTestLake(dataDir, options);
    try {
      for (let n = 0; n < 4; n++) {
        await lake.commit([largeBatch(n, now)], [{ stream: 'a/logs', from: n, position: n + 1 }]);
      }
      await lake.withConnection((connection) =>
        connection.run('ALTER TABLE lake.main.logs ADD COLUMN later VARCHAR'),
      );
      const before = await rowsOf(lake, contents);
      lake.maintenance.start();
      const path = await eventually(async () => {
        const files = (await live(lake)).map((row) => String(row['data_file']));
        assert.equal(files.length, 1);
        return files[0] ?? '';
      });
      assert.ok(hasPrefix(path, compactedPrefix) && !hasPrefix(path, joinedPrefix));
      assert.deepEqual(await rowsOf(lake, contents), before);
    } finally {
      await lake.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('takes files of few rows out of the table whole, with no deletion of single rows left', async () => {
    await withLake(async (lake) => {
      let position = 0;
      for (let round = 0; round < 5; round++) {
        await lake.commit(
          [columnBatch({ logs: rows(round, 20) })],
          [{ stream: 'a/logs', position: ++position }],
        );
        // Writes these inlined rows as a file; the fourth makes a group.
        assert.equal((await lake.maintenance.checkpoint()).status, 'ok');
      }
      assert.deepEqual(await rowsOf(lake, `SELECT count(*) n FROM ducklake_list_files('lake', 'logs')`), [
        { n: 2n },
      ]);
      assert.deepEqual(
        await rowsOf(
          lake,
          `SELECT count(*) n FROM __ducklake_metadata_lake.ducklake_snapshot_changes
           WHERE list_contains(string_split(changes_made, ','), 'inlined_delete:' ||
             (SELECT table_id FROM __ducklake_metadata_lake.ducklake_table WHERE table_name = 'logs'))`,
        ),
        [{ n: 0n }],
      );
      assert.deepEqual(await rowsOf(lake, 'SELECT count(*) n, count(DISTINCT body) b FROM lake.logs'), [
        { n: 100n, b: 100n },
      ]);
    });
  });
});
