import assert from 'node:assert/strict';
import { it } from 'node:test';
import { listRuns, type ListChunk, type ListKind } from './list-runs.js';
import { unitOf } from './unit.js';

type Row = readonly [set: number, time: number, total: number | null, list: readonly number[]];

function chunk(...rows: readonly Row[]): ListChunk {
  const valid = new Uint8Array(Math.ceil(rows.length / 8));
  rows.forEach(([, , total], i) => {
    if (total !== null) valid[i >> 3] = (valid[i >> 3] ?? 0) | (1 << (i & 7));
  });
  let from = 0;
  return {
    sets: Int32Array.from(rows, ([set]) => set),
    times: Uint32Array.from(rows, ([, time]) => time),
    totals: Float64Array.from(rows, ([, , total]) => total ?? 0),
    valid,
    lists: rows.map(([, , , { length }]) => ({ from: (from += length) - length, length })),
    values: Float64Array.from(rows.flatMap(([, , , list]) => list)),
  };
}

async function runs(kind: ListKind, ...chunks: readonly ListChunk[]) {
  const sets = { numbers: [7, 8, 9], widths: [3, 2, 1] };
  const unit = unitOf(await listRuns(chunks, sets, kind, 1000));
  return Array.from(unit.sets, (set, r) => {
    const times = unit.times.subarray(unit.starts[r], unit.untils[r]);
    const values = [...unit.values.subarray(unit.starts[r], unit.untils[r])];
    const ends = unit.endTimes.subarray(unit.endStarts[r], unit.endStarts[r + 1]);
    return [set, [...times], values, [...ends]];
  });
}

it('makes a run of each value of the lists, of rows at one time the last', async () => {
  const rows = [
    chunk([0, 1, 6, [1, 2, 3]], [0, 2, 7, []], [0, 2, 8, [2, 2]]),
    chunk([0, 3, null, []], [0, 4, 9, [3, 3, 3]], [2, 5, 4, [4]]),
  ];
  assert.deepEqual(await runs('cumulative', ...rows), [
    [7, [1, 2, 4], [1, 2, 3], [3]],
    [7, [1, 2, 4], [3, 4, 6], [3]],
    [7, [1, 2, 4], [6, 8, 9], [3]],
    [8, [], [], []],
    [8, [], [], []],
    [9, [5], [4], []],
  ]);
  const plain = await runs('plain', ...rows);
  assert.deepEqual(plain[0], [7, [1, 2, 4], [1, 2, 3], [3]]);
  assert.deepEqual(plain[2], [7, [1, 2, 4], [3, NaN, 3], [3]]);
});
