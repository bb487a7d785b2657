import type { Language, Random, Span } from './language.js';
import { window } from './language.js';

const names = ['temperature', 'size_bytes'];
const counters = ['requests_total', 'bytes_total'];
const routes = ['/a', '/b/{id}', '/c"d', 'ünï'];

function series(random: Random, i: number): Record<string, unknown> {
  const service = ['checkout', 'cart', null][i % 3];
  const zone = i % 2;
  return {
    service_name: service,
    service_instance_id: random.pick([`i${i % 2}`, `i${i % 2}`, null]),
    k8s_pod_name: i % 4 === 0 ? null : `pod-${i % 4}`,
    resource_attributes: JSON.stringify({ 'service.name': service, zone }),
    metric_attributes: i === 0 ? null : JSON.stringify({ route: routes[i % 4], shard: `s${i}`, n: i % 5 }),
    metric_unit: random.pick(['s', 'By']),
    scope_name: i % 5 === 0 ? 'lib' : null,
  };
}

/** Times of a series in the part: about every 15 seconds, with gaps; no two at one millisecond. */
function* times(
  random: Random,
  { from, to }: Span,
): Generator<{ timestamp: string; time_unix_nano: bigint }> {
  const jitter = random.pick([0, 0, 900]);
  for (let at = from * 1000 + random.below(15_000); at < to * 1000; at += 15_000) {
    if (random.next() < 0.03) at += random.below(900_000);
    const ms = at + random.below(jitter + 1);
    const micros = random.pick([0, 0, random.below(1000)]);
    const text = new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
    const time_unix_nano = BigInt(ms) * 1_000_000n + BigInt(micros) * 1000n;
    yield { timestamp: `${text}${String(micros).padStart(3, '0')}`, time_unix_nano };
  }
}

function selector(random: Random): string {
  const name = random.pick([
    ...names,
    ...counters,
    'latency_count',
    'latency_bucket',
    'quantiles',
    'nothing',
  ]);
  const matchers = Array.from({ length: random.below(3) }, () =>
    random.pick([
      `shard="s${random.below(8)}"`,
      `shard=~"s[0-3]"`,
      `shard!="s1"`,
      `route="/a"`,
      `route=~"/b.*|/a"`,
      `job="cart"`,
      `job=""`,
      `k8s_pod_name!~"pod-[12]"`,
      `instance="i1"`,
      `otel_scope_name="lib"`,
      `n=~"1|2"`,
    ]),
  );
  const only = random.next() < 0.08 ? `__name__=~"${name.slice(0, 4)}.*"` : null;
  return only === null ? `${name}{${matchers.join(',')}}` : `{${[only, ...matchers].join(',')}}`;
}

function expression(random: Random, depth = 0): string {
  const range = () =>
    `${selector(random)}[${random.pick(['1m', '5m', '20m', '2h'])}]${random.pick(['', '', ' offset 7m'])}`;
  const inner = () => (depth < 2 ? expression(random, depth + 1) : selector(random));
  const by = () => random.pick(['', ' by (shard)', ' by (route, job)', ' without (shard)', ' by (__name__)']);
  return random.pick<() => string>([
    () => selector(random),
    () => `${selector(random)}${random.pick(['', ' offset 10m', ' offset -3m'])}`,
    () => `${random.pick(['rate', 'increase', 'irate', 'delta', 'resets', 'changes'])}(${range()})`,
    () =>
      `${random.pick(['avg', 'sum', 'min', 'max', 'count', 'last', 'first', 'stddev', 'present', 'absent'])}_over_time(${range()})`,
    () => `${random.pick(['sum', 'avg', 'count', 'max', 'min', 'group', 'stddev'])}${by()} (${inner()})`,
    () => `topk(${random.below(4)}, ${inner()})`,
    () => `quantile${by()} (0.9, ${inner()})`,
    () => `histogram_quantile(0.9, sum by (le) (rate(latency_bucket[10m])))`,
    () =>
      `(${inner()}) ${random.pick(['> 0.5', '* 2', 'and', 'or', 'unless'])}`.replace(
        /(and|or|unless)$/,
        (operator) => `${operator} ${selector(random)}`,
      ),
    () => `max_over_time((${inner()})[10m:2m])`,
    () => `timestamp(${selector(random)})`,
    () => `absent(${selector(random)})`,
    () => random.pick(['target_info', 'count({job=~".+"})', 'group by (__name__) ({__name__!=""})']),
  ])();
}

/** PromQL and the Prometheus API. */
export const promql: Language = {
  name: 'promql',

  async fill(lake, random, part) {
    const rows = (count: number, row: (i: number) => Record<string, unknown>): Record<string, unknown>[] =>
      Array.from({ length: count }, (_, i) => i)
        .filter(() => random.next() < 0.8)
        .flatMap((i) => {
          const own = series(random, i);
          const fixed = row(i);
          return [...times(random, part)].map((time) => ({ ...own, ...fixed, ...time }));
        });
    const named = (name: string) => ({ metric_name: name, prometheus_name: name });
    // A point without a value ends the series, or is none at all.
    const valued = (row: Record<string, unknown>, value: number) =>
      random.next() < 0.01
        ? { ...row, value: null, flags: random.pick([1, null]) }
        : { ...row, value: random.next() < 0.01 ? NaN : value };
    for (const name of names) {
      await lake.insert(
        'metric_gauge',
        rows(8, () => named(name)).map((row) => valued(row, random.next())),
      );
    }
    for (const name of counters) {
      let total = random.below(1000);
      const temporality = name === 'bytes_total' ? random.pick([1, 2, 2]) : 2;
      await lake.insert(
        'metric_sum',
        rows(8, () => named(name)).map((row) => {
          total = random.next() < 0.01 ? 0 : total + random.below(10);
          return { ...valued(row, total), is_monotonic: true, aggregation_temporality: temporality };
        }),
      );
    }
    await lake.insert(
      'metric_histogram',
      rows(2, (i) => ({ ...named('latency'), explicit_bounds: [[0.1, 1], [0.5]][i] })).map((row, i) => ({
        ...row,
        count: i,
        sum: i / 2,
        bucket_counts: [i, ...(row['explicit_bounds'] as number[]).map(() => 0)],
        float_counts:
          i % 3 === 0 ? [i + 0.25, i + 0.25, ...(row['explicit_bounds'] as number[]).map(() => 0)] : [],
        aggregation_temporality: 2,
      })),
    );
    await lake.insert(
      'metric_summary',
      rows(2, () => named('quantiles')).map((row, i) => ({
        ...row,
        count: i,
        sum: i,
        quantiles: [0.5, 0.9],
        quantile_values: [i, i + 1],
      })),
    );
  },

  question(random, whole) {
    const { start, end } = window(random, whole);
    const encoded = encodeURIComponent;
    const span = `start=${start}&end=${end}`;
    if (random.next() < 0.15) {
      return random.pick([
        () => `/api/v1/labels?${span}`,
        () => `/api/v1/labels?${span}&match[]=${encoded(selector(random))}`,
        () =>
          `/api/v1/label/${random.pick(['shard', 'route', 'job', 'le', 'zone', '__name__'])}/values?${span}`,
        () => `/api/v1/label/__name__/values?${span}&match[]=${encoded(selector(random))}`,
        () => `/api/v1/series?${span}&match[]=${encoded(selector(random))}`,
        () => `/api/v1/metadata?${span}`,
      ])();
    }
    const query = encoded(expression(random));
    return random.next() < 0.4
      ? `/api/v1/query?time=${end}&query=${query}`
      : `/api/v1/query_range?${span}&query=${query}&step=${random.pick([15, 60, 300, 1000])}`;
  },

  comparable: (_path, body) => body,
};
