import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../../test/support/promql.js';
import { execute } from '../exec/engine.js';
import { parse } from '../plan/prepare.js';

const second = 1000;

/** Each a commit. The last point of each series ends it, without what its series are told apart by. */
const points = [
  { at: 0, count: 3, bounds: [0.1, 1], counts: [1, 1, 1], quantiles: [0.5] },
  { at: 15, count: 6, bounds: [0.1, 1], counts: [2, 2, 2], quantiles: [0.5] },
  { at: 30, count: null, bounds: [], counts: [], quantiles: [] },
];

describe('samples in memory', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake({}, 'one commit');
    await lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '1000000')`);
    for (const { at, count, bounds, counts, quantiles } of points) {
      const point = (name: string) => ({
        ...metricPoint(scriptStart + at * second, name),
        ...{ count, sum: count, flags: count === null ? 1 : null },
      });
      await lake.insert('metric_histogram', [
        { ...point('h'), bucket_counts: counts, explicit_bounds: bounds, aggregation_temporality: 2 },
      ]);
      await lake.insert('metric_summary', [
        { ...point('s'), quantiles, quantile_values: quantiles.map(() => at) },
      ]);
    }
  });
  after(() => lake.close());

  async function count(guard: TestLake['guard'], expr: string, at: number): Promise<number> {
    const time = scriptStart + at * second;
    const result = await guard.run('test', new AbortController().signal, (ctx) =>
      execute(ctx, parse(expr), { start: time, end: time, step: 0, lookback: 300 * second }),
    );
    assert.ok('series' in result);
    return result.series.length;
  }

  for (const [expr, series] of [
    ['h_bucket', 3],
    ['h_bucket{le="0.1"}', 1],
    ['s', 1],
    ['{quantile="0.5"}', 1],
  ] as const) {
    it(`end with a point without bounds: ${expr}`, async () => {
      for (const [at, expected] of [
        [20, series],
        [40, 0],
      ] as const) {
        assert.equal(await count(lake.guard, expr, at), expected, `at ${at} s`);
        assert.equal(await count(lake.cached, expr, at), expected, `from memory at ${at} s`);
      }
    });
  }
});
