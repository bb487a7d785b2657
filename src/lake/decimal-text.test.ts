import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { Random } from '../../drill/fuzz-requests.js';
import { listSurvivesText, survivesText } from './decimal-text.js';

describe('doubles as SQL text', () => {
  it('are known to come back or not as DuckDB reads them', async () => {
    const seed = Date.now() % 1_000_000;
    const random = new Random(seed);
    const number = () => {
      const size = 10 ** (random.below(24) - 6);
      const value = (random.below(2 ** 31) / 2 ** 31 + random.below(2 ** 31) / 2 ** 62) * size;
      return random.below(2) === 0 ? value : -value;
    };
    const values = [0.1 + 0.2, 5e-324, 1e15, 0.014622211999999999, ...Array.from({ length: 1500 }, number)];
    const lists = Array.from({ length: 300 }, () => [number(), number(), number()]);
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    // DuckLake's text of a value is that of DuckDB.
    const text = (value: number) => `CAST('${value}' AS DOUBLE)`;
    const texts = async (all: readonly string[]) =>
      (await connection.runAndReadAll(`SELECT unnest([${all.join()}])::VARCHAR`))
        .getRows()
        .map(([one]) => String(one));
    const written = await texts(values.map(text));
    const back = await connection.runAndReadAll(
      `SELECT CAST(x AS DOUBLE) FROM (${written.map((one) => `SELECT (${one})::DOUBLE AS x`).join(' UNION ALL ')})`,
    );
    const wrong = back
      .getRows()
      .map(([one], i) => [values[i]!, Object.is(one, values[i])] as const)
      .filter(([value, same]) => survivesText(value) !== same);
    assert.deepEqual(wrong, [], `seed ${seed}`);
    for (let i = 0; i < lists.length; i += 200) {
      const part = lists.slice(i, i + 200);
      const members = await texts(part.flat().map(text));
      const sql = part.map((_, n) => `[${members.slice(n * 3, n * 3 + 3).join()}]::DOUBLE[]`).join();
      const rows = (await connection.runAndReadAll(`SELECT ${sql}`)).getRowsJS()[0] as number[][];
      for (const [n, row] of rows.entries()) {
        const list = part[n]!;
        const same = row.every((one, k) => Object.is(one, list[k]));
        // It may take a list for one that changes, never the other way.
        if (!same)
          assert.equal(listSurvivesText(Float64Array.from(list)), false, `seed ${seed}: ${list.join()}`);
      }
    }
    assert.equal(survivesText(0.014622211999999999), false);
    assert.ok([0, 1, 0.1, 1 / 3, 12345.678, NaN, Infinity].every(survivesText));
    assert.ok(listSurvivesText(Float64Array.of(0.005, 0.01, 2.5, 10)));
    connection.closeSync();
    instance.closeSync();
  });
});
