import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { rowsOf } from '../../test/support/batch-reader.js';
import { columnBatch, type Row } from '../../test/support/batch.js';
import { openTestLake } from '../../test/support/open-lake.js';
import { jsonPayload, now } from '../../test/support/payload.js';
import { randomNumbers } from '../../test/support/random.js';
import { temporaryFolder } from '../../test/support/server.js';
import { BatchDecoder } from '../decode/batch/decoder.js';
import { openDatabase } from '../duckdb/index.js';
import { tableDef, type ColumnBatch } from '../schema/index.js';
import { BatchTableFunction, type LoadedBatches } from './table-function.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));
const random = randomNumbers(seed);
const below = (bound: number) => Math.floor(random() * bound);

interface Shape {
  /** Of each batch, at most. */
  readonly resources: number;
  /** Of each resource in a batch, at most. */
  readonly records: number;
}

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
let numbered = 0;

/** Records of few processes, some of which lack what they are told by. */
function logsBatch({ resources, records }: Shape): ColumnBatch {
  const payload = jsonPayload({
    resourceLogs: Array.from({ length: 1 + below(resources) }, () => ({
      resource: {
        attributes: [
          ...(random() < 0.9 ? [attribute('service.name', `š${below(3)}${'x'.repeat(below(2) * 20)}`)] : []),
          ...(random() < 0.7 ? [attribute('service.instance.id', `${below(3)}`)] : []),
          ...(random() < 0.5 ? [attribute('host.name', `the host of number ${below(2)}`)] : []),
        ],
      },
      scopeLogs: [
        {
          scope: random() < 0.5 ? {} : { name: `scope ${below(2)}` },
          logRecords: Array.from({ length: 1 + below(records) }, () => ({
            timeUnixNano: `${now - BigInt(below(6e7)) * 1_000_000n}`,
            ...(random() < 0.5 && { traceId: `${below(9)}`.repeat(32) }),
            ...(random() < 0.5 && { severityText: `s${below(3)}` }),
            ...(random() < 0.5 && { flags: below(5) }),
            body: { stringValue: `record ${numbered++} ${'y'.repeat(below(9))}` },
          })),
        },
      ],
    })),
  });
  return new BatchDecoder('logs', {}).decode([payload], Infinity).batch;
}

const columns = tableDef('logs').columns.map(({ name }) => name);
/** Each row as the table has it, times as numbers. */
const selected = columns
  .map((name) => (name === 'timestamp' || name === 'ingested_at' ? `epoch_us(${name})` : name))
  .join(', ');
const place = (name: string) => columns.indexOf(name);

function expectedRows(batches: readonly ColumnBatch[]): unknown[][] {
  return batches.flatMap((batch) => rowsOf(batch, 'logs').map((row) => columns.map((name) => row[name])));
}

const byBody = (a: unknown[], b: unknown[]) => (String(a[place('body')]) < String(b[place('body')]) ? -1 : 1);

/** What a row's place in the order is told by. */
function processOf(row: readonly unknown[]): string[] {
  return ['service_name', 'service_instance_id', 'resource_attributes'].map((name) => {
    const value = row[place(name)];
    // Above all other texts of these tests.
    return typeof value === 'string' ? Buffer.from(value).toString('latin1') : '\uffff';
  });
}

function assertInOrder(rows: readonly unknown[][]): void {
  for (const [i, row] of rows.entries()) {
    const before = rows[i - 1];
    if (!before) continue;
    const [a, b] = [processOf(before), processOf(row)];
    const differs = a.findIndex((text, k) => text !== b[k]);
    assert.ok(
      differs < 0 || (a[differs] as string) < (b[differs] as string),
      `row ${i}: ${a.join()} before ${b.join()}`,
    );
  }
}

describe(`rows by process, TEST_SEED=${seed}`, () => {
  let connection: DuckDBConnection;
  let close: () => void;
  const tableFunction = new BatchTableFunction(1);
  before(async () => {
    const database = await openDatabase({ threads: '1' });
    const opened = await database.connect();
    connection = opened.connection;
    tableFunction.register(opened.handle);
    close = () => {
      connection.closeSync();
      database.instance.closeSync();
    };
  });
  after(() => close());

  const read = async (select: string, what: string) =>
    (await connection.runAndReadAll(`SELECT ${what} FROM (${select})`)).getRows();

  async function loaded<T>(
    batches: readonly ColumnBatch[],
    work: (table: LoadedBatches['tables'][number]) => Promise<T>,
  ): Promise<T> {
    const all = await tableFunction.load(batches);
    try {
      const [table] = all.tables;
      assert.ok(table);
      return await work(table);
    } finally {
      all.free();
    }
  }

  for (const shape of [
    { resources: 1, records: 3000 },
    { resources: 40, records: 30 },
    { resources: 30, records: 1 },
  ]) {
    it(`are those of all batches, once, with up to ${shape.resources} resources of ${shape.records} records`, async () => {
      const batches = Array.from({ length: 12 }, () => logsBatch(shape));
      const expected = expectedRows(batches);
      await loaded(batches, async (table) => {
        assert.deepEqual(await read(table.select, selected), expected);
        const ordered = table.ordered();
        assert.ok(ordered !== null);
        const rows = await read(ordered, selected);
        assertInOrder(rows);
        assert.deepEqual(rows.toSorted(byBody), expected.toSorted(byBody));
      });
    });
  }

  it('are not to be had where most rows have a process of their own', async () => {
    const batches = Array.from({ length: 60 }, () => logsBatch({ resources: 60, records: 2 }));
    const many = await loaded(batches, async (table) => table.ordered());
    assert.equal(many, null);
  });

  it('are not to be had where processes are told by megabytes of text', async () => {
    const batch = (count: number) => {
      const resourceLogs = Array.from({ length: count }, (_, i) => ({
        resource: { attributes: [attribute('service.name', `${i}`), attribute('long', 'x'.repeat(3000))] },
        scopeLogs: [
          {
            logRecords: Array.from({ length: 10 }, (__, k) => ({
              timeUnixNano: `${now}`,
              body: { stringValue: `${k}` },
            })),
          },
        ],
      }));
      return new BatchDecoder('logs', {}).decode([jsonPayload({ resourceLogs })], Infinity).batch;
    };
    const [some, many] = [batch(1000), batch(4500)];
    assert.notEqual(await loaded([some], async (table) => table.ordered()), null);
    assert.equal(await loaded([many], async (table) => table.ordered()), null);
  });

  it('of one process are sorted by the first of each run', async () => {
    const service = (name: string) => ({ attributes: [attribute('service.name', name)] });
    const record = (seconds: number) => ({
      timeUnixNano: `${now + BigInt(seconds) * 1_000_000_000n}`,
      body: { stringValue: `${seconds}` },
    });
    const batch = (...resources: [string, ...number[]][]) =>
      new BatchDecoder('logs', {}).decode(
        [
          jsonPayload({
            resourceLogs: resources.map(([name, ...times]) => ({
              resource: service(name),
              scopeLogs: [{ logRecords: times.map(record) }],
            })),
          }),
        ],
        Infinity,
      ).batch;
    const batches = [batch(['b', 30, 10], ['a', 50]), batch(['b', 20, 40], ['a', 40], ['a', 5])];
    const found = await loaded(batches, (table) => read(table.ordered() ?? '', 'service_name, body'));
    assert.deepEqual(
      found.map((row) => row.join(' ')),
      ['a 40', 'a 5', 'a 50', 'b 20', 'b 40', 'b 30', 'b 10'],
    );
  });

  it('of other tables come as they are, several batches in a chunk', async () => {
    const rows = (count: number): Row[] =>
      Array.from({ length: count }, () => ({
        timestamp: Number(now / 1000n) + below(1000),
        metric_name: `metric ${'z'.repeat(below(20))}`,
        service_name: random() < 0.5 ? null : 'a service of a longer name',
        flags: random() < 0.5 ? null : below(100),
        is_monotonic: random() < 0.3 ? null : random() < 0.5,
        explicit_bounds: random() < 0.3 ? null : Array.from({ length: below(5) }, random),
        bucket_counts: Array.from({ length: below(5) }, () => BigInt(below(9))),
      }));
    const names = Object.keys(rows(1)[0] ?? {}).filter((name) =>
      tableDef('metric_histogram').columns.some((column) => column.name === name),
    );
    const kept = (row: Row): Row => Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
    const parts = Array.from({ length: 40 }, () => rows(1 + below(200)).map(kept));
    // A column of a batch may be empty as a whole.
    parts.push(rows(77).map((row) => ({ ...kept(row), explicit_bounds: null, flags: null })));
    parts.push(rows(5000).map(kept));
    const batches = parts.map((part) => columnBatch({ metric_histogram: part }));
    const found = await loaded(batches, (table) => {
      assert.equal(table.ordered(), null);
      return read(
        table.select,
        names.map((name) => (name === 'timestamp' ? 'epoch_us(timestamp)' : name)).join(', '),
      );
    });
    const text = (value: unknown): unknown => {
      if (typeof value === 'object' && value !== null && 'items' in value) return text(value.items);
      if (Array.isArray(value)) return value.map(String);
      return typeof value === 'string' || value === null ? value : `${value as number}`;
    };
    assert.deepEqual(
      found.map((row) => row.map(text)),
      parts.flat().map((row) => names.map((name) => text(row[name]))),
    );
  });

  it('are in the file of a commit, which tells it, also where days meet', async () => {
    const folder = await temporaryFolder();
    const lake = await openTestLake(folder);
    try {
      const batches = Array.from({ length: 30 }, () => logsBatch({ resources: 10, records: 300 }));
      await lake.commit(batches, [{ stream: 'node/logs', position: 1 }]);
      const files = join(folder, '**', 'canardstack-*.parquet');
      const notes = await read(
        `FROM parquet_kv_metadata('${files}') WHERE decode(key) = 'canardstack_order'`,
        'file_name, decode(value)',
      );
      assert.deepEqual(
        notes.map(([, note]) => note),
        ['process', 'process'],
      );
      const rows: unknown[][] = [];
      for (const [name] of notes) {
        const found = await read(`SELECT * FROM read_parquet('${String(name)}')`, selected);
        assertInOrder(found);
        rows.push(...found);
      }
      assert.deepEqual(rows.toSorted(byBody), expectedRows(batches).toSorted(byBody));
    } finally {
      await lake.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
