import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { columnBatch, type Row } from '../../test/support/batch.js';
import { openTestLake, rowsOf } from '../../test/support/open-lake.js';
import { temporaryFolder } from '../../test/support/server.js';
import { tableDef, tables, type TableName } from '../schema/index.js';
import { CommitError, type Lake } from './index.js';

const day = 1_764_000_000_000_000;
const text = {
  short: 'a',
  twelve: 'twelve bytes',
  thirteen: 'thirteen byte',
  long: `long ${'x'.repeat(5000)}`,
  unicode: 'žluťoučký 🦆 kůň – \u0001 "quoted" \\',
  empty: '',
};

/** A row with a value in every column; `i` varies them. */
function fullRow(table: TableName, i: number): Row {
  const strings = Object.values(text);
  const values = tableDef(table).columns.map((column, c): [string, Row[string]] => {
    switch (column.type) {
      case 'VARCHAR':
        return [column.name, `${strings[(i + c) % strings.length] ?? ''}${i % 3 === 0 ? '' : i}`];
      case 'BIGINT':
        return [column.name, i % 2 ? -(2n ** 63n) + BigInt(i) : 2n ** 63n - 1n - BigInt(i)];
      case 'INTEGER':
        return [column.name, i % 2 ? -(2 ** 31) : 2 ** 31 - 1];
      case 'DOUBLE':
        return [
          column.name,
          [0.1 + i, -0, Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NaN][i % 5] ?? 0,
        ];
      case 'BOOLEAN':
        return [column.name, i % 2 === 0];
      case 'TIMESTAMP':
        return [column.name, day + i];
      case 'BIGINT[]':
        return [column.name, Array.from({ length: i % 4 }, (_, k) => 2n ** 53n + BigInt(k + i))];
      case 'DOUBLE[]':
        return [column.name, Array.from({ length: (i + 1) % 3 }, (_, k) => k + i / 10)];
    }
  });
  return Object.fromEntries(values);
}

/** Every third value NULL. */
function withNulls(row: Row, i: number): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value], c) => [name, name === 'timestamp' || (i + c) % 3 ? value : null]),
  );
}

function plain(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && 'micros' in value) return Number(value.micros);
  return value;
}

describe('the lake', () => {
  let folder: string;
  let lake: Lake;

  before(async () => {
    folder = await temporaryFolder();
    lake = await openTestLake(folder);
  });

  after(async () => {
    await lake.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('commits every column kind of every table and gives it back, inlined and as Parquet', async () => {
    // More than a chunk (2,048), than the inlining limit and than the writer's memory for logs; others stay inlined.
    const expected = new Map<TableName, Row[]>();
    for (const { name } of tables) {
      const count = name === 'logs' || name === 'metric_histogram' ? 5000 : 10;
      expected.set(
        name,
        Array.from({ length: count }, (_, i) => {
          const row = fullRow(name, i);
          return i % 2 ? withNulls(row, i) : row;
        }),
      );
    }
    const result = await lake.commit(
      [columnBatch(Object.fromEntries(expected))],
      [{ stream: 'a/logs', position: 10 }],
    );
    assert.equal(result.rows, 10_050);
    assert.ok(result.snapshotId > 0);
    for (const [name, rows] of expected) {
      const columns = tableDef(name).columns.map((column) => column.name);
      const found = await rowsOf(
        lake,
        `SELECT ${columns.map((c) => `"${c}"`).join(', ')} FROM lake.${name} ORDER BY timestamp`,
      );
      assert.equal(found.length, rows.length, name);
      const files = await rowsOf(lake, `SELECT data_file FROM ducklake_list_files('lake', '${name}')`);
      assert.equal(files.length, rows.length > 10 ? 1 : 0, name);
      for (const [i, row] of rows.entries()) {
        for (const column of columns) {
          assert.deepEqual(
            plain(found[i]?.[column]),
            expectedValue(row[column]),
            `${name}.${column} row ${i}`,
          );
        }
      }
    }
  });

  it('commits many batches of one table, with a column that is NULL in some of them only', async () => {
    const batches = Array.from({ length: 20 }, (_, b) =>
      columnBatch({
        logs: Array.from({ length: 300 }, (_, i) => ({
          timestamp: day + i,
          service_name: 'many',
          body: `batch ${b} row ${i} with a long body`,
          ...(b % 2 ? { event_name: `event ${i} of a long name` } : {}),
        })),
      }),
    );
    await lake.commit(batches, [{ stream: 'b/logs', position: 1 }]);
    const [row] = await rowsOf(
      lake,
      `SELECT count(*) n, count(DISTINCT body) bodies, count(event_name) events FROM lake.logs WHERE service_name = 'many'`,
    );
    assert.deepEqual(row, { n: 6000n, bodies: 6000n, events: 3000n });
  });

  it('writes rows of several days into a file each, with its checksum in its name', async () => {
    const dayUs = 86_400_000_000;
    const midnight = Math.floor((Date.now() * 1000) / dayUs) * dayUs;
    // A day without rows lies between.
    const days = [midnight - 3 * dayUs, midnight - dayUs];
    const rows = days.flatMap((day) =>
      Array.from({ length: 800 }, (_, i) => ({ timestamp: day + i, span_name: `several days ${day}/${i}` })),
    );
    rows.push({ timestamp: midnight - 1, span_name: 'several days, the last' });
    await lake.commit([columnBatch({ spans: rows })], [{ stream: 'days/spans', position: 1 }]);
    const files = await rowsOf(
      lake,
      `SELECT parse_filename(filename) AS name, count(*)::INTEGER AS n, count(DISTINCT timestamp::DATE)::INTEGER AS days
       FROM lake.spans WHERE span_name LIKE 'several days%' GROUP BY filename ORDER BY n`,
    );
    assert.deepEqual(
      files.map(({ n, days: distinct }) => [n, distinct]),
      [
        [800, 1],
        [801, 1],
      ],
    );
    for (const { name } of files)
      assert.match(String(name), /^canardstack-[0-9a-f-]{36}-[0-9a-f]{8}\.parquet$/);
  });

  it('moves watermarks without rows, several streams at once', async () => {
    await lake.commit(
      [],
      [
        { stream: 'c/logs', position: 5 },
        { stream: 'c/traces', position: 2 ** 50 },
      ],
    );
    await lake.commit([], [{ stream: 'c/logs', position: 6 }]);
    const marks = await lake.watermarks();
    assert.equal(marks.get('c/logs'), 6);
    assert.equal(marks.get('c/traces'), 2 ** 50);
    assert.equal(marks.get('c/never'), undefined);
  });

  it('refuses a watermark that goes back, and rows under a watermark that stands still', async () => {
    const row = columnBatch({ logs: [{ timestamp: day, service_name: 'regress' }] });
    await lake.commit([row], [{ stream: "d/it's", position: 100 }]);
    const refused = (position: number) =>
      assert.rejects(lake.commit([row], [{ stream: "d/it's", position }]), (error) => {
        return error instanceof CommitError && error.kind === 'regressed';
      });
    await refused(99);
    await refused(100);
    const [count] = await rowsOf(lake, `SELECT count(*) n FROM lake.logs WHERE service_name = 'regress'`);
    assert.equal(count?.['n'], 1n);
    await lake.commit([row], [{ stream: "d/it's", position: 101 }]);
    assert.equal((await lake.watermarks()).get("d/it's"), 101);
  });

  it('refuses batches whose buffers do not fit, and keeps working', async () => {
    const good = columnBatch({
      logs: [{ timestamp: day, service_name: 'fits', body: 'a string beyond twelve' }],
    });
    const table = good.tables[0];
    assert.ok(table);
    const bad = [
      { ...good, tables: [{ ...table, columns: table.columns.slice(1) }] },
      { ...good, tables: [{ ...table, rows: 40 }] },
      { ...good, arena: good.arena.slice(0, 3) },
    ];
    for (const batch of bad) {
      await assert.rejects(lake.commit([batch], [{ stream: 'e/logs', position: 7 }]), (error) => {
        return error instanceof CommitError && error.kind === 'data';
      });
    }
    assert.equal((await lake.watermarks()).get('e/logs'), undefined);
    await lake.commit([good], [{ stream: 'e/logs', position: 7 }]);
    const [count] = await rowsOf(lake, `SELECT count(*) n FROM lake.logs WHERE service_name = 'fits'`);
    assert.equal(count?.['n'], 1n);
  });

  it('serialises commits that are asked for at once', async () => {
    const commits = Array.from({ length: 10 }, (_, i) =>
      lake.commit(
        [columnBatch({ logs: [{ timestamp: day, service_name: 'serial', body: `row number ${i} of ten` }] })],
        [{ stream: 'f/logs', position: i + 1 }],
      ),
    );
    await Promise.all(commits);
    const [count] = await rowsOf(
      lake,
      `SELECT count(DISTINCT body) n FROM lake.logs WHERE service_name = 'serial'`,
    );
    assert.equal(count?.['n'], 10n);
    assert.equal((await lake.watermarks()).get('f/logs'), 10);
  });

  it('tells its size, answers pings, and is the same after it was opened again', async () => {
    await lake.ping();
    const before = await lake.stats();
    assert.ok((before.catalogBytes ?? 0) > 0);
    assert.ok((before.tables.find((table) => table.table === 'logs')?.files ?? 0) > 0);
    const counts = await rowsOf(lake, 'SELECT count(*) n, count(DISTINCT body) b FROM lake.logs');
    const marks = await lake.watermarks();
    await lake.close();
    lake = await openTestLake(folder);
    const again = await lake.stats();
    assert.equal(again.snapshotId, before.snapshotId, 'a start with nothing to do makes no snapshot');
    assert.deepEqual(again.tables, before.tables);
    assert.deepEqual(await rowsOf(lake, 'SELECT count(*) n, count(DISTINCT body) b FROM lake.logs'), counts);
    assert.deepEqual(await lake.watermarks(), marks);
  });

  it('offers views for people', async () => {
    await lake.commit(
      [
        columnBatch({
          logs: [{ timestamp: day, service_name: 'views', severity_number: 17, body: 'it broke' }],
          spans: [
            {
              timestamp: day,
              service_name: 'views',
              span_kind: 2,
              status_code: 2,
              duration_nano: 1_500_000n,
              status_message: 'no',
            },
          ],
          metric_gauge: [{ timestamp: day, service_name: 'views', prometheus_name: 'm', value_int: 3n }],
        }),
      ],
      [{ stream: 'g/all', position: 1 }],
    );
    const where = `WHERE service_name = 'views'`;
    assert.deepEqual(await rowsOf(lake, `SELECT level, body FROM lake.v_logs ${where}`), [
      { level: 'ERROR', body: 'it broke' },
    ]);
    assert.deepEqual(
      await rowsOf(lake, `SELECT kind, status, is_error, duration_ms FROM lake.v_spans ${where}`),
      [{ kind: 'server', status: 'error', is_error: true, duration_ms: 1.5 }],
    );
    assert.deepEqual(await rowsOf(lake, `SELECT kind, value FROM lake.v_metrics ${where}`), [
      { kind: 'gauge', value: 3 },
    ]);
    assert.deepEqual(
      await rowsOf(lake, `SELECT signal, message FROM lake.v_errors ${where} ORDER BY signal`),
      [
        { signal: 'log', message: 'it broke' },
        { signal: 'span', message: 'no' },
      ],
    );
    await rowsOf(lake, 'SELECT * FROM lake.v_traces LIMIT 1');
    await rowsOf(lake, 'SELECT * FROM lake.v_histograms LIMIT 1');
    await rowsOf(lake, 'SELECT * FROM lake.v_services LIMIT 1');
  });

  it('interrupts a query when its signal aborts, and refuses more rows than asked for', async () => {
    const abort = new AbortController();
    const endless = lake.readers.withSession(abort.signal, (session) =>
      session.rows('SELECT count(*) FROM range(1000000000000) a WHERE a.range % 7 = 3'),
    );
    setTimeout(() => abort.abort(), 100);
    await assert.rejects(endless);
    await assert.rejects(
      lake.readers.withSession(AbortSignal.timeout(30_000), (session) =>
        session.rows('FROM range(11)', [], 10),
      ),
      /more than 10 rows/,
    );
    assert.deepEqual(await rowsOf(lake, 'SELECT 1 AS one'), [{ one: 1 }]);
  });
});

function expectedValue(value: Row[string] | undefined): unknown {
  return value ?? null;
}
