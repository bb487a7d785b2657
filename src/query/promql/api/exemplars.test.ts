import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../../test/support/promql.js';
import { parse } from '../plan/prepare.js';
import { findExemplars } from './exemplars.js';

const nanos = `${scriptStart}000000`;
const window = { from: scriptStart - 60_000, to: scriptStart + 60_000 };

const valued = (values: readonly number[]) =>
  JSON.stringify(values.map((value) => ({ time_unix_nano: nanos, value })));

describe('exemplars', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
    const explicit = (name: string, attributes: Record<string, unknown>) => ({
      ...metricPoint(scriptStart, name, { ...attributes, a: 'b' }),
      ...{ bucket_counts: [1, 1, 1], explicit_bounds: [1, 2], count: 3, sum: 11, aggregation_temporality: 2 },
      exemplars_json: valued([0.5, 1.5, 9]),
    });
    await lake.insert('metric_histogram', [
      explicit('own', {}),
      // As remote write gives a native histogram with custom buckets.
      explicit('prom', { __name__: 'prom' }),
    ]);
    await lake.insert('metric_exponential_histogram', [
      {
        ...metricPoint(scriptStart, 'exp', { a: 'b' }),
        ...{ count: 1, sum: 3, scale: 0, zero_count: 0, aggregation_temporality: 2 },
        ...{ positive_offset: 1, positive_bucket_counts: [1], exemplars_json: valued([3]) },
      },
    ]);
    const ids = { trace_id: 'ab'.repeat(16), span_id: 'cd'.repeat(8) };
    const labelled = [
      { filtered_attributes: { trace_id: 'ab'.repeat(8), span_id: '7' } },
      { ...ids, filtered_attributes: { user: 'u' } },
      { ...ids, filtered_attributes: { trace_id: 'x', span_id: 'y' } },
    ].map((more, i) => ({ time_unix_nano: nanos, value: i, ...more }));
    await lake.insert('metric_gauge', [
      { ...metricPoint(scriptStart, 'ids'), value: 1, exemplars_json: JSON.stringify(labelled) },
    ]);
  });
  after(() => lake.close());

  const find = (query: string) =>
    lake.guard.run('test', new AbortController().signal, (ctx) => findExemplars(ctx, parse(query), window));

  async function values(query: string): Promise<[series: string, values: string[]][]> {
    const found = await find(query);
    return found.map(({ seriesLabels, exemplars }) => [
      seriesLabels.toString(),
      exemplars.map(({ value }) => value).sort(),
    ]);
  }

  it('all belong to the one series of a native histogram, whatever its bounds are', async () => {
    const of = (name: string) => [`{__name__="${name}", a="b"}`, ['0.5', '1.5', '9']];
    assert.deepEqual(await values('prom'), [of('prom')]);
    assert.deepEqual(await values('histogram_quantile(0.9, rate(own[5m]))'), [of('own')]);
  });

  it('belong to series that there are', async () => {
    const bucket = (le: string, value: string) => [`{__name__="own_bucket", a="b", le="${le}"}`, [value]];
    const buckets = [bucket('+Inf', '9'), bucket('1', '0.5'), bucket('2', '1.5')];
    assert.deepEqual(await values('prom_bucket'), []);
    assert.deepEqual(await values('own_bucket'), buckets);
    assert.deepEqual(await values('{a="b"}'), [
      ['{__name__="exp", a="b"}', ['3']],
      ...buckets,
      ['{__name__="prom", a="b"}', ['0.5', '1.5', '9']],
    ]);
  });

  it('keep ids of another length than those of OpenTelemetry, over which those of the exemplar itself win', async () => {
    const [found] = await find('ids');
    const ids = { trace_id: 'ab'.repeat(16), span_id: 'cd'.repeat(8) };
    assert.deepEqual(
      found?.exemplars.map(({ value, labels }) => [value, Object.fromEntries(labels.entries())]),
      [
        ['0', { trace_id: 'ab'.repeat(8), span_id: '7' }],
        ['1', { ...ids, user: 'u' }],
        ['2', ids],
      ],
    );
  });
});
