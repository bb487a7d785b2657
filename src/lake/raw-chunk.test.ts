import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { ConnectionPool } from './readers.js';
import { chunkValues } from './raw-chunk.js';

const columns = `
  i % 2 = 0 AS truth, i::TINYINT AS tiny, i::SMALLINT AS small, i::INTEGER AS int, i::BIGINT - 9007199254740999 AS big,
  i::UTINYINT AS utiny, i::USMALLINT AS usmall, i::UINTEGER AS uint, 18446744073709551615::UBIGINT AS ubig,
  sum(i::BIGINT) OVER () - 99999999999999999999::HUGEINT AS huge, i / 4.0::FLOAT AS single, i / 3.0::DOUBLE AS double,
  CASE WHEN i % 3 = 0 THEN NULL ELSE i::DOUBLE END AS gaps, CASE WHEN i % 5 = 0 THEN NULL ELSE i::BIGINT END AS big_gaps,
  repeat('ü', i) AS text, 'always the same long text' AS same, CASE WHEN i % 7 = 0 THEN NULL ELSE 'row ' || i || ' of many' END AS some,
  substr('0123456789abcdefghijklmnopqrstuvwxyz', 1, i % 30) AS part, '' AS empty,
  [i::DOUBLE, NULL, 2] AS list, CASE WHEN i % 2 = 0 THEN [] ELSE ['text of a list', NULL] END AS texts,
  CASE WHEN i % 4 = 0 THEN NULL ELSE [[i], [i, i]] END AS nested, NULL AS nothing`;

describe('raw chunks', () => {
  it('give the values that DuckDB has', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const pool = new ConnectionPool(instance, 100_000);
    const sql = `SELECT ${columns} FROM range(100) t(i) UNION ALL SELECT ${columns} FROM range(1, 28) t(i)`;
    await pool.withSession(new AbortController().signal, async (session) => {
      const expected: unknown[][] = [];
      for await (const chunk of session.stream(sql)) {
        chunk.columns.forEach((column, c) => (expected[c] ??= []).push(...column));
      }
      const actual: unknown[][] = [];
      const result = await session.raw?.(sql);
      assert.ok(result);
      const { names, chunks } = result;
      for await (const chunk of chunks) {
        chunkValues(chunk).columns.forEach((column, c) => (actual[c] ??= []).push(...column));
      }
      assert.equal(expected[0]?.length, 127);
      const plain = (value: unknown): unknown =>
        typeof value === 'object' && value !== null && 'items' in value
          ? (value as { items: unknown[] }).items.map(plain)
          : Array.isArray(value)
            ? value.map(plain)
            : value;
      names.forEach((name, c) => assert.deepEqual(actual[c], expected[c]?.map(plain), name));
      const unknown = await session.raw?.('SELECT current_date AS day');
      await assert.rejects(async () => {
        for await (const chunk of unknown?.chunks ?? []) assert.fail(String(chunk.rowCount));
      }, /a column of type DATE/);
    });
    pool.close();
    instance.closeSync();
  });

  it('give strings that lie together, within each other and apart', async () => {
    const instance = await DuckDBInstance.create(':memory:');
    const pool = new ConnectionPool(instance, 100_000);
    const sql = `SELECT md5(i::VARCHAR) AS own, substr(long, 1 + (i * 7 % 90)::INTEGER, 13 + (i % 40)::INTEGER) AS part, long,
        CASE WHEN i % 3 = 0 THEN NULL ELSE repeat('ü', (i % 200)::INTEGER) END AS some
      FROM (SELECT i, repeat('abcdefé', 20) || i % 3 AS long FROM range(5000) t(i)) WHERE i % 5 <> 2 ORDER BY hash(i)`;
    await pool.withSession(new AbortController().signal, async (session) => {
      const expected: unknown[][] = [];
      for await (const { columns } of session.stream(sql)) {
        columns.forEach((column, c) => (expected[c] ??= []).push(...column));
      }
      const actual: unknown[][] = [];
      for await (const chunk of (await session.raw?.(sql))?.chunks ?? []) {
        chunkValues(chunk).columns.forEach((column, c) => (actual[c] ??= []).push(...column));
      }
      assert.equal(expected[0]?.length, 4000);
      assert.deepEqual(actual, expected);
    });
    pool.close();
    instance.closeSync();
  });
});
