import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { rowsOf } from '../../test/support/batch-reader.js';
import { jsonPayload, now } from '../../test/support/payload.js';
import { BatchDecoder } from '../decode/batch/decoder.js';
import { openDatabase } from '../duckdb/index.js';
import { BatchTableFunction } from './table-function.js';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

/** Mulberry32. */
function randomOf(state: number): (below: number) => number {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const columns = [
  'service_name',
  'resource_attributes',
  'scope_name',
  'scope_attributes',
  'source_format',
  'body',
];

describe('batches as DuckDB reads them', () => {
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

  it(`have the strings of every resource and scope in each of its rows (SEED=${seed})`, async () => {
    const random = randomOf(seed);
    const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
    const decoder = new BatchDecoder('logs', {});
    for (let round = 0; round < 6; round++) {
      let record = 0;
      const payload = () =>
        jsonPayload({
          resourceLogs: Array.from({ length: 1 + random(5) }, (_, r) => ({
            resource:
              random(4) === 0
                ? {}
                : { attributes: [attribute('service.name', `s${r}${'x'.repeat(random(20))}`)] },
            scopeLogs: Array.from({ length: random(3) }, (_, s) => ({
              scope: random(3) === 0 ? {} : { name: `scope ${s}`, attributes: [attribute('a', `${s}`)] },
              logRecords: Array.from({ length: random(1 + random(3000)) }, () => ({
                // Some are too old, and rejected.
                timeUnixNano: `${random(10) === 0 ? 1 : now}`,
                body: { stringValue: `record ${record++} ${'y'.repeat(random(10))}` },
              })),
            })),
          })),
        });
      const broken = jsonPayload({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ traceId: 5 }] }] }] });
      const { batch } = decoder.decode([payload(), payload(), broken, payload()], Infinity);
      const expected = rowsOf(batch, 'logs').map((row) => columns.map((column) => row[column]));
      const loaded = await tableFunction.load([batch]);
      const [table] = loaded.tables;
      const found =
        table === undefined
          ? []
          : (await connection.runAndReadAll(`SELECT ${columns.join(', ')} FROM (${table.select})`)).getRows();
      loaded.free();
      assert.equal(found.length, expected.length);
      for (const [i, row] of found.entries())
        assert.deepEqual(row, expected[i], `row ${i} of round ${round}`);
    }
  });
});
