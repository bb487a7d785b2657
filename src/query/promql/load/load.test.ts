import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../../test/support/promql.js';
import { execute } from '../exec/engine.js';
import { parse } from '../plan/prepare.js';

const minute = 60_000;

/** Results of an instant query as `labels value`, sorted. */
async function instant(lake: TestLake, expr: string, at: number): Promise<string[]> {
  const times = { start: scriptStart + at, end: scriptStart + at, step: 0, lookback: 5 * minute };
  const result = await lake.guard.run('test', new AbortController().signal, (ctx) =>
    execute(ctx, parse(expr), times),
  );
  assert.equal(result.type, 'vector');
  if (!('series' in result)) return [];
  return result.series
    .map(({ labels, points }) => `${labels.toString()} ${Number(points().values[0]?.toPrecision(9))}`)
    .sort();
}

function at(i: number, name: string, attributes: Record<string, unknown> = {}): Record<string, unknown> {
  return metricPoint(scriptStart + i * minute, name, attributes);
}

describe('labels of series', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
    const resource = {
      service_name: 'cart',
      service_namespace: 'shop',
      service_instance_id: 'i-1',
      k8s_pod_name: 'cart-7f',
      resource_attributes: '{"service.name":"cart","host.arch":"arm64","k8s.pod.name":"cart-7f"}',
    };
    await lake.insert('metric_gauge', [
      {
        ...at(0, 'attributes', {
          'http.route': '/a',
          '0th': true,
          n: 7,
          'a.b': 'x',
          a_b: 'y',
          none: '',
          _lead: 'l',
          ütf: 'u',
        }),
        value: 1,
      },
      { ...at(0, 'attributes'), metric_attributes: '{"big":9007199254740993,"list":["a",1]}', value: 2 },
      { ...at(0, 'resource', { job: 'mine', service_name: 'own', k: 'v' }), ...resource, value: 3 },
      { ...at(0, 'no_target', { job: 'mine', instance: 'here' }), service_name: null, value: 4 },
      { ...at(0, 'renamed'), metric_name: 'system.cpu.time', value: 5 },
      // The same attributes in another order, and the same point a second time.
      { ...at(0, 'order'), metric_attributes: '{"a":"1","b":"2"}', value: 6 },
      { ...at(1, 'order'), metric_attributes: '{"b":"2","a":"1"}', value: 7 },
      { ...at(1, 'order'), metric_attributes: '{"b":"2","a":"1"}', value: 7 },
    ]);
  });
  after(() => lake.close());

  it('come from the attributes, normalised', async () => {
    assert.deepEqual(await instant(lake, 'attributes', 0), [
      '{__name__="attributes", a_b="x;y", http_route="/a", key_0th="true", key_lead="l", key_tf="u", n="7"} 1',
      '{__name__="attributes", big="9007199254740993", list="[\\"a\\",1]"} 2',
    ]);
    assert.equal((await instant(lake, 'attributes{"http.route"="/a", n="7"}', 0)).length, 1);
    assert.equal((await instant(lake, 'attributes{big="9007199254740993"}', 0)).length, 1);
    assert.equal((await instant(lake, 'attributes{a_b="x;y"}', 0)).length, 1);
  });

  it('take job and instance from the resource over attributes, the other columns under them', async () => {
    assert.deepEqual(await instant(lake, 'resource', 0), [
      '{__name__="resource", exported_job="mine", instance="i-1", job="shop/cart", k="v", k8s_pod_name="cart-7f", service_name="own"} 3',
    ]);
    for (const matcher of [
      'job="shop/cart"',
      'instance="i-1"',
      'service_name="own"',
      'k8s_pod_name="cart-7f"',
      'exported_job="mine"',
    ]) {
      assert.equal((await instant(lake, `resource{${matcher}}`, 0)).length, 1, matcher);
    }
    for (const matcher of ['job="mine"', 'service_name="cart"', 'instance="here"']) {
      assert.equal((await instant(lake, `resource{${matcher}}`, 0)).length, 0, matcher);
    }
    assert.equal((await instant(lake, 'no_target{job="mine", instance="here"}', 0)).length, 1);
  });

  it('join points whose attributes differ in order only', async () => {
    assert.deepEqual(await instant(lake, 'sum_over_time(order[5m])', minute), ['{a="1", b="2"} 13']);
  });

  it('find a metric by its OpenTelemetry name', async () => {
    assert.deepEqual(await instant(lake, '{"system.cpu.time"}', 0), ['{__name__="renamed"} 5']);
  });

  it('give target_info for the other resource attributes', async () => {
    assert.deepEqual(await instant(lake, 'target_info', minute), [
      '{__name__="target_info", host_arch="arm64", instance="i-1", job="shop/cart", k8s_pod_name="cart-7f"} 1',
    ]);
    assert.deepEqual(
      await instant(lake, 'resource * on (job, instance) group_left (host_arch) target_info', minute),
      [
        '{exported_job="mine", host_arch="arm64", instance="i-1", job="shop/cart", k="v", k8s_pod_name="cart-7f", service_name="own"} 3',
      ],
    );
  });
});

describe('instrumentation scopes', () => {
  let lake: TestLake;
  let without: TestLake;
  before(async () => {
    [lake, without] = [await testLake(), await testLake({ scopeLabels: false })];
    for (const one of [lake, without]) {
      await one.insert('metric_sum', [
        ...[0, 1, 2].flatMap((i) =>
          [
            { scope_name: 'lib.a', scope_version: '1.2', value: 1000 + 10 * i },
            {
              scope_name: 'lib.b',
              scope_schema_url: 'https://x/1',
              scope_attributes: '{"short.name":"b"}',
              value: 50 + i,
            },
          ].map((row) => ({
            ...at(i, 'calls_total', { otel_scope_version: 'own' }),
            aggregation_temporality: 2,
            is_monotonic: true,
            ...row,
          })),
        ),
      ]);
    }
  });
  after(async () => {
    await lake.close();
    await without.close();
  });

  it('are labels, and never one series', async () => {
    assert.deepEqual(await instant(lake, 'calls_total', 2 * minute), [
      '{__name__="calls_total", exported_otel_scope_version="own", otel_scope_name="lib.a", otel_scope_version="1.2"} 1020',
      '{__name__="calls_total", otel_scope_name="lib.b", otel_scope_schema_url="https://x/1", otel_scope_short_name="b", otel_scope_version="own"} 52',
    ]);
    assert.deepEqual(await instant(lake, 'sum(calls_total)', 2 * minute), ['{} 1072']);
    for (const [matcher, value] of [
      ['otel_scope_name="lib.a"', 1020],
      ['otel_scope_name!="lib.a"', 52],
      ['otel_scope_name=~"lib.(a|c)"', 1020],
      ['otel_scope_version="1.2"', 1020],
      ['otel_scope_version="own"', 52],
      ['otel_scope_schema_url="https://x/1"', 52],
      ['otel_scope_short_name="b"', 52],
      ['exported_otel_scope_version="own"', 1020],
      ['otel_scope_schema_url=""', 1020],
    ] as const) {
      assert.deepEqual(
        await instant(lake, `sum(calls_total{${matcher}})`, 2 * minute),
        [`{} ${value}`],
        matcher,
      );
    }
  });

  it('are left out on demand', async () => {
    assert.deepEqual(
      await instant(without, 'count by (otel_scope_name, otel_scope_version) (calls_total)', 0),
      ['{otel_scope_version="own"} 1'],
    );
  });
});

describe('metrics whose names become one', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
    const gauge = (i: number, metric: string, value: number, more: object = {}) => ({
      ...at(i, 'q_len'),
      metric_name: metric,
      value,
      ...more,
    });
    await lake.insert('metric_gauge', [
      ...[0, 1, 2].flatMap((i) => [gauge(i, 'q.len', 1), gauge(i, 'q_len', 20)]),
      // One after the other: a metric that was renamed.
      { ...gauge(0, 'old.name', 1), prometheus_name: 'name' },
      { ...gauge(1, 'new.name', 2), prometheus_name: 'name' },
      { ...gauge(0, 'kind', 1), prometheus_name: 'kind' },
      { ...gauge(1, 'kind', 1), prometheus_name: 'kind' },
    ]);
    await lake.insert('metric_sum', [
      { ...gauge(0, 'kind', 5), prometheus_name: 'kind', aggregation_temporality: 2, is_monotonic: false },
      { ...gauge(1, 'kind', 5), prometheus_name: 'kind', aggregation_temporality: 2, is_monotonic: false },
    ]);
  });
  after(() => lake.close());

  it('are kept apart by a label', async () => {
    assert.deepEqual(await instant(lake, 'q_len', 2 * minute), [
      '{__name__="q_len", otel_metric_name="q.len"} 1',
      '{__name__="q_len", otel_metric_name="q_len"} 20',
    ]);
    assert.deepEqual(await instant(lake, 'q_len{otel_metric_name="q.len"}', 2 * minute), [
      '{__name__="q_len", otel_metric_name="q.len"} 1',
    ]);
    assert.deepEqual(await instant(lake, '{"q.len"}', 2 * minute), ['{__name__="q_len"} 1']);
    assert.deepEqual(await instant(lake, 'kind', minute), [
      '{__name__="kind", otel_metric_type="gauge"} 1',
      '{__name__="kind", otel_metric_type="sum"} 5',
    ]);
  });

  it('are one series when one followed the other', async () => {
    assert.deepEqual(await instant(lake, 'sum_over_time(name[5m])', minute), ['{} 3']);
  });
});

describe('sums', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
    const delta = { aggregation_temporality: 1, is_monotonic: true };
    const rows = [5, 10, 15, 20].map((value, i) => ({ ...at(i, 'delta_total'), ...delta, value }));
    // Out of order, and one of them twice.
    await lake.insert('metric_sum', [...rows.reverse(), { ...at(2, 'delta_total'), ...delta, value: 15 }]);
  });
  after(() => lake.close());

  it('of delta temporality count from their first point on, without extrapolation', async () => {
    const single = (value: number, i: number, attributes: object, metric: string) => ({
      ...at(i, metric, { ...attributes }),
      aggregation_temporality: 1,
      is_monotonic: true,
      value,
    });
    await lake.insert('metric_sum', [
      single(7, 0, {}, 'once_total'),
      single(7, 0, {}, 'twice_total'),
      single(9, 1, {}, 'twice_total'),
      // Attributes in another order are the same series.
      { ...single(1, 0, {}, 'ordered_total'), metric_attributes: '{"a":"1","b":"2"}' },
      { ...single(2, 1, {}, 'ordered_total'), metric_attributes: '{"b":"2","a":"1"}' },
      { ...single(4, 2, {}, 'ordered_total'), metric_attributes: '{"a":"1","b":"2"}' },
    ]);
    assert.deepEqual(await instant(lake, 'increase(once_total[5m])', 30_000), ['{} 7']);
    assert.deepEqual(await instant(lake, 'increase(twice_total[5m])', 2 * minute), ['{} 16']);
    assert.deepEqual(await instant(lake, 'increase(twice_total[1m])', minute), ['{} 9']);
    assert.deepEqual(await instant(lake, 'rate(twice_total[5m]) * 300', 2 * minute), ['{} 16']);
    assert.deepEqual(await instant(lake, 'increase(ordered_total[5m])', 2 * minute), ['{a="1", b="2"} 7']);
  });

  it('of delta temporality are running totals over what is loaded', async () => {
    assert.deepEqual(await instant(lake, 'increase(delta_total[5m])', 3 * minute), ['{} 50']);
    assert.deepEqual(await instant(lake, 'max_over_time(delta_total[5m])', 3 * minute), ['{} 50']);
  });
});

describe('histograms and summaries', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
    const classic = (i: number, counts: number[], more: Record<string, unknown> = {}) => ({
      ...at(i, 'h', { path: '/' }),
      bucket_counts: counts,
      explicit_bounds: [0.5, 1],
      count: counts.reduce((a, b) => a + b, 0),
      sum: counts.length,
      aggregation_temporality: 2,
      ...more,
    });
    await lake.insert('metric_histogram', [
      classic(0, [1, 2, 3]),
      classic(1, [2, 4, 6]),
      { ...at(0, 'bare'), count: 4, bucket_counts: [], explicit_bounds: [], aggregation_temporality: 2 },
      {
        ...at(0, 'd'),
        count: 3,
        sum: 3,
        bucket_counts: [1, 2],
        explicit_bounds: [1],
        aggregation_temporality: 1,
      },
      {
        ...at(1, 'd'),
        count: 4,
        sum: 5,
        bucket_counts: [0, 4],
        explicit_bounds: [1],
        aggregation_temporality: 1,
      },
      classic(0, [1, 1, 1], { prometheus_name: 'cut' }),
      {
        ...classic(1, [], { prometheus_name: 'cut', count: null, sum: null }),
        explicit_bounds: [],
        flags: 1,
      },
      {
        ...at(0, 'named'),
        metric_name: 'http.wait',
        count: 4,
        sum: 2,
        bucket_counts: [1, 3],
        explicit_bounds: [1],
        aggregation_temporality: 2,
      },
      classic(0, [1, 1, 1], { prometheus_name: 'ended' }),
      { ...classic(1, [], { prometheus_name: 'ended', count: null, sum: null }), flags: 1 },
    ]);
    await lake.insert('metric_summary', [
      { ...at(0, 's'), count: 10, sum: 7.5, quantiles: [0.5, 0.99], quantile_values: [0.7, 1.2] },
    ]);
    const exponential = (i: number, more: Record<string, unknown>) => ({
      ...at(i, 'e'),
      count: 9,
      sum: 20,
      zero_count: 1,
      zero_threshold: 0,
      negative_bucket_counts: [],
      negative_offset: 0,
      aggregation_temporality: 2,
      ...more,
    });
    await lake.insert('metric_exponential_histogram', [
      // Base 2: (1, 2] 3, (2, 4] 5.
      exponential(0, { scale: 0, positive_offset: 0, positive_bucket_counts: [3, 5] }),
      // Base sqrt(2), twice as fine: (1, 1.41] 1, (1.41, 2] 4, (2, 2.83] 6, (4, 5.66] 2; negative [-2, -1) 3.
      exponential(1, {
        count: 17,
        scale: 1,
        positive_offset: 0,
        positive_bucket_counts: [1, 4, 6, 0, 2],
        negative_bucket_counts: [1, 2],
      }),
    ]);
  });
  after(() => lake.close());

  it('give cumulative buckets, sum and count', async () => {
    assert.deepEqual(await instant(lake, 'h_bucket', minute), [
      '{__name__="h_bucket", le="+Inf", path="/"} 12',
      '{__name__="h_bucket", le="0.5", path="/"} 2',
      '{__name__="h_bucket", le="1", path="/"} 6',
    ]);
    assert.deepEqual(await instant(lake, 'h_bucket{le="1"}', 0), [
      '{__name__="h_bucket", le="1", path="/"} 3',
    ]);
    assert.deepEqual(await instant(lake, 'h_count + h_sum', 0), ['{path="/"} 9']);
    assert.deepEqual(await instant(lake, 'histogram_quantile(0.5, h_bucket)', 0), ['{path="/"} 1']);
    assert.deepEqual(await instant(lake, 'histogram_quantile(0.5, h)', 0), ['{path="/"} 1']);
  });

  it('without buckets have the infinite one, without sum no sum', async () => {
    assert.deepEqual(await instant(lake, '{__name__=~"bare.*"}', 0), [
      '{__name__="bare_bucket", le="+Inf"} 4',
      '{__name__="bare_count"} 4',
    ]);
  });

  it('of delta temporality add up by bucket', async () => {
    assert.deepEqual(await instant(lake, '{__name__=~"d_.*"}', minute), [
      '{__name__="d_bucket", le="+Inf"} 7',
      '{__name__="d_bucket", le="1"} 1',
      '{__name__="d_count"} 7',
      '{__name__="d_sum"} 8',
    ]);
  });

  it('of delta temporality count from their first point on', async () => {
    assert.deepEqual(await instant(lake, 'increase(d_count[30s])', 0), ['{} 3']);
    assert.deepEqual(await instant(lake, 'sum by (le) (increase(d_bucket[5m]))', minute), [
      '{le="+Inf"} 7',
      '{le="1"} 1',
    ]);
  });

  it('end in all their series at a point without a recorded value, and without bounds', async () => {
    for (const expr of ['{__name__=~"cut_.+"}', 'cut_bucket{le="1"}', 'cut_bucket{le="+Inf"}']) {
      assert.notDeepEqual(await instant(lake, expr, minute - 1), [], expr);
      assert.deepEqual(await instant(lake, expr, minute), [], expr);
    }
    assert.equal((await instant(lake, 'cut_bucket offset 1m', 2 * minute - 1)).length, 3);
  });

  it('are found whole by their OpenTelemetry name, and by it with a suffix in parts', async () => {
    assert.deepEqual(await instant(lake, '{"http.wait"}', 0), [
      '{__name__="named_bucket", le="+Inf"} 4',
      '{__name__="named_bucket", le="1"} 1',
      '{__name__="named_count"} 4',
      '{__name__="named_sum"} 2',
    ]);
    assert.deepEqual(await instant(lake, '{"http.wait_count"}', 0), ['{__name__="named_count"} 4']);
  });

  it('end in all their series at a point without a recorded value', async () => {
    assert.equal((await instant(lake, '{__name__=~"ended_.+"}', minute - 1)).length, 5);
    assert.deepEqual(await instant(lake, '{__name__=~"ended_.+"}', minute), []);
  });

  it('of summaries have quantiles', async () => {
    assert.deepEqual(await instant(lake, '{__name__=~"s|s_sum|s_count"}', 0), [
      '{__name__="s", quantile="0.5"} 0.7',
      '{__name__="s", quantile="0.99"} 1.2',
      '{__name__="s_count"} 10',
      '{__name__="s_sum"} 7.5',
    ]);
  });

  it('of exponential buckets have the exact bounds of the coarsest scale, all at all times', async () => {
    assert.deepEqual(await instant(lake, 'e_bucket', 0), [
      '{__name__="e_bucket", le="+Inf"} 9',
      '{__name__="e_bucket", le="0"} 1',
      '{__name__="e_bucket", le="1"} 1',
      '{__name__="e_bucket", le="2"} 4',
      '{__name__="e_bucket", le="4"} 9',
    ]);
    assert.deepEqual(await instant(lake, 'e_bucket offset -1m or e_bucket', 0), [
      '{__name__="e_bucket", le="+Inf"} 17',
      '{__name__="e_bucket", le="-1"} 3',
      '{__name__="e_bucket", le="0"} 4',
      '{__name__="e_bucket", le="1"} 4',
      '{__name__="e_bucket", le="2"} 9',
      '{__name__="e_bucket", le="4"} 15',
      '{__name__="e_bucket", le="8"} 17',
    ]);
    assert.deepEqual(await instant(lake, 'e_count - e_sum', 0), ['{} -11']);
  });

  it('of exponential buckets are native histograms under their bare name', async () => {
    assert.deepEqual(await instant(lake, 'histogram_count(e) - on () e_count', minute), ['{} 0']);
    assert.deepEqual(await instant(lake, 'count by (__name__) ({__name__=~"e|e_.+"})', minute), [
      '{__name__="e"} 1',
    ]);
  });
});

describe('limits', () => {
  const insert = async (lake: TestLake) =>
    lake.insert(
      'metric_gauge',
      Array.from({ length: 40 }, (_, i) => ({ ...at(i % 4, 'm', { s: `${i % 10}` }), value: i })),
    );
  for (const [name, limits, expr, message] of [
    ['samples', { maxSamples: 15 }, 'm[1h]', /loads more than 15 samples/],
    ['series', { maxSeries: 9 }, 'm', /more than 9 series/],
    ['computed values', { maxSamples: 45 }, 'sum(sum_over_time(m[1m:1s]))', /computes more than 45 values/],
  ] as const) {
    it(`bounds ${name}`, async () => {
      const lake = await testLake(limits);
      try {
        await insert(lake);
        const times = {
          start: scriptStart + 4 * minute,
          end: scriptStart + 4 * minute,
          step: 0,
          lookback: 5 * minute,
        };
        const run = lake.guard.run('test', new AbortController().signal, (ctx) =>
          execute(ctx, parse(expr), times),
        );
        await assert.rejects(run, { kind: 'limit', message });
      } finally {
        await lake.close();
      }
    });
  }

  it('reads only what retention keeps of a range beyond the longest', async () => {
    const day = 86_400_000;
    const lake = await testLake({ maxRangeMs: 2 * day, retentionMs: 10 * day });
    try {
      const now = Date.now();
      const point = (ms: number, value: number) => ({ ...metricPoint(ms, 'm'), value });
      await lake.insert('metric_gauge', [point(now - 20 * day, 1), point(now - 5 * day, 2)]);
      const count = async (days: number) => {
        const times = { start: now, end: now, step: 0, lookback: 5 * minute };
        const result = await lake.guard.run('test', new AbortController().signal, (ctx) =>
          execute(ctx, parse(`count_over_time(m[${days}d])`), times),
        );
        return 'series' in result ? result.series.map(({ points }) => points().values[0]) : [];
      };
      assert.deepEqual(await count(1), []);
      assert.deepEqual(await count(30), [1]);
    } finally {
      await lake.close();
    }
  });
});
