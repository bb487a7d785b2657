import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { DuckDBConnection } from '@duckdb/node-api';
import { testDuckDb, type TestDuckDb } from '../../../test/support/duckdb.js';
import { literal } from '../../duckdb/index.js';
import { indexParts } from './parts.js';

let db: TestDuckDb;

before(async () => {
  db = await testDuckDb();
});

after(() => db.close());

interface Asked {
  readonly columns: number;
  readonly rows: number;
}

/** The parts of a file of some columns of 300 values of so many bytes, and the statements that made them. */
async function partsOf(
  { columns, bytes, rows }: { columns: number; bytes: number; rows: number },
  fails: (asked: Asked) => boolean = () => false,
) {
  const path = join(db.folder, 'file.parquet');
  const values = Array.from({ length: columns }, (_, i) => `v${i}`);
  const selected = values.map((name, i) => `rpad((i % 300)::VARCHAR || '.${i}', ${bytes}, '-') AS ${name}`);
  await db.connection.run(
    `COPY (SELECT 'line ' || i AS body, ${selected.join(', ')} FROM range(${rows}) t(i)) TO ${literal(path)}
     (FORMAT parquet, ROW_GROUP_SIZE ${rows})`,
  );
  const asked: Asked[] = [];
  const watched = Object.assign(Object.create(db.connection) as DuckDBConnection, {
    stream(sql: string) {
      const [, from, until] = />= (\d+) AND file_row_number < (\d+)/.exec(sql) ?? [];
      const one = { columns: sql.split('string_agg').length - 1, rows: Number(until) - Number(from) };
      if (fails(one)) return Promise.reject(new Error('Out of Memory Error: failed to allocate data'));
      asked.push(one);
      return db.connection.stream(sql);
    },
  });
  const texts = new Map<string, number>();
  for await (const part of indexParts(watched, path, { texts: ['body'], values })) {
    if ('rows' in part) continue;
    const column = 'column' in part ? part.column : 'body';
    const lines = Buffer.from(part.bytes).toString().split('\n').length;
    texts.set(column, (texts.get(column) ?? 0) + lines);
  }
  assert.deepEqual(texts, new Map(['body', ...values].map((name) => [name, rows])));
  return asked;
}

describe('texts that an index is made of', () => {
  it('are joined by one statement where they are short, and by more the longer they are', async () => {
    const rows = 20_480;
    assert.deepEqual(await partsOf({ columns: 12, bytes: 20, rows }), [{ columns: 13, rows }]);
    const long = await partsOf({ columns: 12, bytes: 600, rows });
    assert.ok(Math.max(...long.map(({ columns }) => columns)) <= 3, JSON.stringify(long));
    assert.ok(
      long.every((asked) => asked.rows === rows),
      JSON.stringify(long),
    );
  });

  it('are joined by halves of them where memory does not suffice', async () => {
    const shape = { columns: 4, bytes: 20, rows: 20_000 };
    const asked = await partsOf(shape, ({ columns, rows }) => columns > 1 || rows > 6000);
    assert.deepEqual(asked, Array<Asked>(5 * 4).fill({ columns: 1, rows: 5000 }));
    await assert.rejects(
      partsOf(shape, () => true),
      /Out of Memory/,
    );
  });
});
