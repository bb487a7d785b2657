import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../../test/support/promql.js';
import { execute } from '../exec/engine.js';
import { parse } from '../plan/prepare.js';

const minute = 60_000;

/** A sample after so many minutes, all of it in the first bucket. */
function sample(i: number, name: string, count: number): Record<string, unknown> {
  return {
    ...metricPoint(scriptStart + i * minute, name),
    ...{ count, sum: count, aggregation_temporality: 2 },
  };
}

type Make = (i: number, name: string, count: number) => Record<string, unknown>;

const explicit: Make = (i: number, name: string, count: number) => ({
  ...sample(i, name, count),
  ...{ bucket_counts: [count, 0], explicit_bounds: [1] },
});

const exponential: Make = (i: number, name: string, count: number) => ({
  ...sample(i, name, count),
  ...{ scale: 0, zero_count: 0, zero_threshold: 0 },
  ...{ positive_offset: 0, positive_bucket_counts: [count], negative_offset: 0, negative_bucket_counts: [] },
});

describe('samples of native histograms that come twice', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
    // The counter begins anew at the third minute.
    const once = [10, 20, 5, 8].map((count, i) => [i, count] as const);
    const each = (make: Make, name: string, more: readonly (readonly [number, number])[]) =>
      [...once, ...more].map(([i, count]) => make(i, name, count));
    await lake.insert('metric_histogram', [
      ...each(explicit, 'h_once', []),
      ...each(explicit, 'h_twice', [[2, 5]]),
      ...each(explicit, 'h_thrice', [...once, ...once]),
    ]);
    await lake.insert('metric_exponential_histogram', [
      ...each(exponential, 'e_once', []),
      ...each(exponential, 'e_twice', [[2, 5]]),
    ]);
  });
  after(() => lake.close());

  async function value(expr: string): Promise<number | undefined> {
    const end = scriptStart + 3 * minute;
    const result = await lake.guard.run('test', new AbortController().signal, (ctx) =>
      execute(ctx, parse(expr), { start: end, end, step: 0, lookback: 5 * minute }),
    );
    assert.ok('series' in result);
    return result.series[0]?.points().values[0];
  }

  for (const expr of [
    'histogram_count(increase(NAME[4m]))',
    'histogram_quantile(0.5, rate(NAME[4m]))',
    'resets(NAME[4m])',
    'sum_over_time(histogram_count(NAME)[4m:1m])',
  ]) {
    it(`count as one to ${expr}`, async () => {
      const of = (name: string) => value(expr.replace('NAME', name));
      const [h, e] = [await of('h_once'), await of('e_once')];
      assert.ok(h !== undefined && h > 0 && e !== undefined && e > 0);
      assert.deepEqual([await of('h_twice'), await of('h_thrice'), await of('e_twice')], [h, h, e]);
    });
  }

  it('do not hide that the counter began anew', async () => {
    assert.equal(await value('resets(h_twice[4m])'), 1);
    assert.equal(Number((await value('histogram_count(increase(h_twice[4m]))'))?.toPrecision(9)), 24);
  });
});
