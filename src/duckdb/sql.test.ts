import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { ident, listLiteral, literal, qualified, timestampLiteral } from './sql.js';

describe('SQL quoting', () => {
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;

  before(async () => {
    instance = await DuckDBInstance.create(':memory:');
    connection = await instance.connect();
  });

  after(() => {
    connection.closeSync();
    instance.closeSync();
  });

  const value = async (sql: string) => (await connection.runAndReadAll(`SELECT ${sql}`)).getRows()[0]?.[0];

  it('gives back exactly what went in', async () => {
    const strings = [
      '',
      "it's",
      "''",
      'a"b',
      '\\',
      "\\'",
      'line\nbreak',
      '🦆',
      '--',
      '/* */',
      '$1',
      '?',
      ';',
    ];
    for (const text of strings) assert.equal(await value(literal(text)), text);
    for (const n of [0, -1, 1.5, 1e300, 5e-324, 2 ** 53 - 1])
      assert.equal(Number(await value(`${literal(n)}::DOUBLE`)), n);
    assert.ok(Object.is(await value(`${literal(-0)}::DOUBLE`), -0));
    assert.ok(Number.isNaN(await value(literal(NaN))));
    assert.equal(await value(literal(-Infinity)), -Infinity);
    assert.equal(await value(literal(-(2n ** 63n))), -(2n ** 63n));
    assert.equal(await value(literal(true)), true);
    assert.equal(await value(literal(null)), null);
    assert.equal(await value(`list_contains(${listLiteral(["a'b", 'c'])}, 'a''b')`), true);
    assert.equal(
      String(await value(timestampLiteral(Date.UTC(2024, 1, 29, 12, 0, 0, 5)))),
      '2024-02-29 12:00:00.005',
    );
  });

  it('quotes any identifier', async () => {
    for (const name of ['a', 'select', 'a"b', 'a b', "a'b", 'A.b', 'ž', ';--']) {
      await connection.run(`CREATE OR REPLACE TEMP TABLE ${ident(name)} AS SELECT 1 AS ${ident(name)}`);
      assert.equal(await value(`${ident(name)} FROM ${qualified('temp', 'main', name)}`), 1);
    }
  });

  it('refuses what cannot be quoted', () => {
    assert.throws(() => ident(''), TypeError);
    assert.throws(() => ident('a\0b'), TypeError);
    assert.throws(() => literal('a\0b'), TypeError);
  });
});
