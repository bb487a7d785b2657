import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import type { ColumnBatch, TableBatch } from '../../schema/index.js';
import { temporaryFolder } from '../../../test/support/server.js';
import { dayFile } from '../day-file.js';
import { keysOf, readKeysNotes, type AttributeKeys } from './keys-note.js';

function batch(keys?: AttributeKeys, table: TableBatch['table'] = 'logs'): ColumnBatch {
  return { arena: new Uint8Array(0), tables: [{ table, rows: 1, columns: [], ...(keys && { keys }) }] };
}

describe('the keys that a file tells', () => {
  let folder: string;
  let connection: DuckDBConnection;

  before(async () => {
    folder = await temporaryFolder();
    const instance = await DuckDBInstance.create(':memory:', { preserve_insertion_order: 'false' });
    connection = await instance.connect();
  });

  after(async () => {
    connection.closeSync();
    await rm(folder, { recursive: true, force: true });
  });

  const run = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();

  it('are those of all batches, and of no column that one batch does not tell', () => {
    const first: AttributeKeys = new Map([
      ['log_attributes', ['a', 'b']],
      ['scope_attributes', []],
    ]);
    const second: AttributeKeys = new Map([['log_attributes', ['b', '']]]);
    const found = keysOf([batch(first), batch(new Map(), 'spans'), batch(second)], 'logs');
    assert.deepEqual([...found], [['log_attributes', ['a', 'b', '']]]);
    assert.equal(keysOf([batch(first), batch()], 'logs').size, 0);
  });

  it('come back as they were written, whatever is in them', async () => {
    const keys: AttributeKeys = new Map([['log_attributes', ["it's", 'a"b\\', 'ébène', '__proto__', '']]]);
    const paths: string[] = [];
    for (const [i, one] of [keys, new Map<string, string[]>()].entries()) {
      const path = join(folder, `${i}.parquet`);
      await run(dayFile(`${folder}/`, 'logs', 0, 'SELECT 1 AS a', [], one).write(path));
      paths.push(path);
    }
    const found = await readKeysNotes(run, paths);
    assert.deepEqual([...found.keys()], [paths[0]]);
    assert.deepEqual([...(found.get(paths[0] ?? '') ?? [])], [...keys]);
  });
});
