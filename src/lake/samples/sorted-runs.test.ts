import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sortedRuns, type RowChunk } from './sorted-runs.js';
import { unitOf } from './unit.js';

/** Rows of run, time and value; null ends the series. */
function chunk(...rows: readonly (readonly [run: number, time: number, value: number | null])[]): RowChunk {
  const valid = new Uint8Array(Math.ceil(rows.length / 8));
  rows.forEach(([, , value], i) => {
    if (value !== null) valid[i >> 3] = (valid[i >> 3] ?? 0) | (1 << (i & 7));
  });
  return {
    runs: Int32Array.from(rows, ([run]) => run),
    times: Uint32Array.from(rows, ([, time]) => time),
    values: Float64Array.from(rows, ([, , value]) => value ?? 0),
    valid: rows.some(([, , value]) => value === null) ? valid : null,
  };
}

async function runsOf(sets: readonly number[], ...chunks: readonly RowChunk[]) {
  const { starts, untils, times, values, endStarts, endTimes, ...unit } = unitOf(
    await sortedRuns(chunks, sets, 1000),
  );
  assert.deepEqual([...unit.sets], sets);
  assert.equal(unit.base, 1000);
  return sets.map((_, r) => ({
    samples: Array.from(times.subarray(starts[r], untils[r]), (time, i) => [
      time,
      values[(starts[r] ?? 0) + i],
    ]),
    ends: [...endTimes.subarray(endStarts[r], endStarts[r + 1])],
  }));
}

describe('samples of a unit', () => {
  it('belong to their runs, across chunks, also where a run has none', async () => {
    assert.deepEqual(
      await runsOf([7, 8, 9, 10], chunk([0, 1, 5], [0, 2, NaN]), chunk([0, 3, 6], [2, 0, 7])),
      [
        {
          samples: [
            [1, 5],
            [2, NaN],
            [3, 6],
          ],
          ends: [],
        },
        { samples: [], ends: [] },
        { samples: [[0, 7]], ends: [] },
        { samples: [], ends: [] },
      ],
    );
  });

  it('are one a millisecond, the last', async () => {
    assert.deepEqual(
      await runsOf([1, 2], chunk([0, 1, 5], [0, 1, 6]), chunk([0, 1, 7], [0, 2, 8], [1, 2, 9])),
      [
        {
          samples: [
            [1, 7],
            [2, 8],
          ],
          ends: [],
        },
        { samples: [[2, 9]], ends: [] },
      ],
    );
  });

  it('have the ends of their series beside them', async () => {
    assert.deepEqual(await runsOf([1, 2], chunk([0, 1, 5], [0, 2, null], [0, 3, 6], [1, 4, null])), [
      {
        samples: [
          [1, 5],
          [3, 6],
        ],
        ends: [2],
      },
      { samples: [], ends: [4] },
    ]);
  });
});
