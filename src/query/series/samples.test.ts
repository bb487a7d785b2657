import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdTable } from './ids.js';
import { sortedByTime } from './sorted-by-time.js';

describe('sortedByTime', () => {
  it('sorts runs of any number and keeps equal times in their order', () => {
    for (const length of [0, 1, 2, 3, 7, 64, 1000]) {
      for (const runs of [1, 2, 3, 5, length]) {
        const times = new Float64Array(length + 3);
        const values = new Float64Array(length + 3);
        for (let i = 0; i < length; i++) {
          times[i] = Math.floor(((i * Math.max(1, runs)) % Math.max(1, length)) / 2);
          values[i] = i;
        }
        const order = Array.from({ length }, (_, i) => i).sort(
          (a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b,
        );
        const expected = order.map((i) => [times[i], values[i]]);
        const [outTimes, outValues] = sortedByTime(times.slice(), values.slice(), length);
        const actual = Array.from({ length }, (_, i) => [outTimes[i], outValues[i]]);
        assert.deepEqual(actual, expected, `${length} in ${runs}`);
      }
    }
  });
});

describe('IdTable', () => {
  it('finds each id and no other', () => {
    const ids = Array.from({ length: 500 }, (_, i) => (i * 0x1f_ffff_ffff) % 2 ** 53);
    const table = new IdTable(new Map(ids.map((id, i) => [id, i])));
    const asked = Float64Array.from([...ids, 0.5, 7, 2 ** 53 - 1, ...ids.toReversed()]);
    const found: [number, number][] = [];
    table.forEach(asked, (value, row) => found.push([row, value]));
    const expected = Array.from(asked).flatMap((id, row) =>
      ids.includes(id) ? [[row, ids.indexOf(id)]] : [],
    );
    assert.deepEqual(found, expected);
    new IdTable(new Map()).forEach(asked, () => assert.fail('an empty table has nothing'));
  });
});
