import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import type { ReadSession } from '../lake/session.js';
import { testLake, type TestLake } from '../../test/support/lake.js';
import { randomNumbers } from '../../test/support/random.js';
import { withoutFiles } from '../../test/support/tempo.js';
import { flushInlined } from '../../test/support/flush.js';
import { createTelemetry } from '../telemetry/index.js';
import { lokiApi } from './logql/index.js';
import { prometheusApi } from './promql/index.js';
import { tempoApi } from './traceql/index.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));
const begin = Date.parse('2026-03-01T00:00:00Z') / 1000;
const hours = 7;

const random = randomNumbers(seed);
const below = (n: number) => Math.floor(random() * n);
const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

const services = ['checkout', 'cart', 'pay ment', "o'neill", 'ünï', null];
const routes = ['/a', '/b/{id}', '/c"d', '/e'];

function timed(from: number, to: number): { timestamp: string; ns: bigint } {
  const us = BigInt(Math.floor((begin + from * 3600 + random() * (to - from) * 3600) * 1e6));
  const iso = new Date(Number(us / 1000n)).toISOString().replace('T', ' ').replace('Z', '');
  return { timestamp: `${iso}${String(us % 1000n).padStart(3, '0')}`, ns: us * 1000n };
}

function newTrace(): string {
  const id = `${below(1e9)}`.padStart(32, '0');
  traces.push(id);
  return id;
}

/** Rows of hours `from` to `to` of every table; each call is a file, or rows in the catalog. */
async function fill(lake: TestLake, from: number, to: number, count: number): Promise<void> {
  const resource = () => {
    const service = pick(services);
    const pod = `pod-${below(3)}`;
    return {
      service_name: service,
      service_instance_id: `i${below(3)}`,
      k8s_pod_name: pod,
      resource_attributes: JSON.stringify({ 'service.name': service, 'k8s.pod.name': pod, zone: below(2) }),
    };
  };
  const times = () => {
    const { timestamp, ns } = timed(from, to);
    return { timestamp, ns };
  };
  const make = (row: (time: { timestamp: string; ns: bigint }) => Record<string, unknown>) =>
    Array.from({ length: count }, () => row(times()));
  await lake.insert(
    'logs',
    make(({ timestamp, ns }) => ({
      timestamp,
      time_unix_nano: ns,
      ...resource(),
      body: pick(['a line', 'another line with more', null, 'x']),
      detected_level: pick(['info', 'error', null]),
      severity_number: pick([9, 17, null]),
      log_attributes: pick([
        null,
        JSON.stringify({ 'http.route': pick(routes), [`k${below(4)}`]: below(3) }),
      ]),
      scope_attributes: pick([null, '{"scope.key":"v"}']),
    })),
  );
  await lake.insert(
    'spans',
    make(({ timestamp, ns }) => ({
      timestamp,
      start_time_unix_nano: ns,
      end_time_unix_nano: ns + 1000n,
      duration_nano: 1000n,
      ...resource(),
      trace_id: newTrace(),
      span_id: `${below(1e9)}`.padStart(16, '0'),
      span_name: pick(['GET', 'POST', 'db']),
      span_attributes: JSON.stringify({ 'http.route': pick(routes), [`s${below(3)}`]: true }),
      events_json: pick([null, '[{"name":"e","attributes":{"ev":1}},{"name":"f","attributes":{"ew":1}}]']),
      links_json: pick([null, '[{"trace_id":"1","attributes":{"li":1}}]']),
    })),
  );
  const point = (name: string) => (time: { timestamp: string; ns: bigint }) => ({
    timestamp: time.timestamp,
    time_unix_nano: time.ns,
    metric_name: name,
    prometheus_name: name,
    metric_unit: pick(['s', 'By']),
    metric_attributes: JSON.stringify({ route: pick(routes), shard: `s${below(5)}` }),
    scope_name: pick(['lib', null]),
    ...resource(),
  });
  await lake.insert(
    'metric_gauge',
    make((time) => ({ ...point(pick(['temperature', 'size_bytes']))(time), value: random() })),
  );
  await lake.insert(
    'metric_sum',
    make((time) => ({
      ...point('requests_total')(time),
      value: random(),
      is_monotonic: true,
      aggregation_temporality: pick([1, 2]),
    })),
  );
  await lake.insert(
    'metric_histogram',
    make((time) => ({
      ...point('latency')(time),
      count: 3,
      sum: 2,
      bucket_counts: [1, 2],
      explicit_bounds: [pick([1, 2])],
      aggregation_temporality: 2,
    })),
  );
}

/** Windows of all kinds: whole, within an hour, on the edge of rows, of nothing. */
function span(): string {
  const start = begin + pick([-1, 0, below(hours), random() * hours]) * 3600;
  const length = pick([1, 60, 600, 3600, random() * 20_000, hours * 3600 + 7200]);
  const text = (seconds: number) => seconds.toFixed(pick([0, 3]));
  return `start=${text(start)}&end=${text(start + length)}`;
}

/** The same in whole seconds, which is all that Tempo takes but for metrics. */
function whole(): string {
  const asked = new URLSearchParams(span());
  return `start=${Math.floor(Number(asked.get('start')))}&end=${Math.ceil(Number(asked.get('end')))}`;
}

const traces = ['0'.repeat(31) + 'a'];

const encoded = encodeURIComponent;
const selectors = [
  '{service_name=~".+"}',
  '{service_name="cart"}',
  '{level="error"}',
  '{k8s_pod_name!="pod-1"}',
];

const questions: readonly (() => string)[] = [
  () => `/api/v1/labels?${span()}`,
  () =>
    `/api/v1/label/${pick(['shard', 'route', 'job', 'instance', '__name__', 'zone', 'le'])}/values?${span()}`,
  () =>
    `/api/v1/series?${span()}&match[]=${encoded(pick(['temperature', '{shard="s1"}', '{__name__=~"lat.*"}']))}`,
  () => `/api/v1/metadata?${span()}`,
  () =>
    `/api/v1/query_range?${span()}&step=${pick([60, 600])}&query=${encoded(pick(['temperature', 'sum by (shard) (rate(requests_total[10m]))', 'latency_bucket', 'target_info']))}`,
  () => `/loki/api/v1/labels?${span()}`,
  () =>
    `/loki/api/v1/label/${pick(['service_name', 'k8s_pod_name', 'level', 'http_route', 'k1', 'zone'])}/values?${span()}`,
  () => `/loki/api/v1/label/service_instance_id/values?${span()}&query=${encoded(pick(selectors))}`,
  () => `/loki/api/v1/series?${span()}&match[]=${encoded(pick(selectors))}`,
  () => `/loki/api/v1/detected_labels?${span()}&query=${encoded(pick(selectors))}`,
  () =>
    `/loki/api/v1/index/stats?${span()}&query=${encoded(pick([...selectors, '{service_name="cart"} |= "more"']))}`,
  () =>
    `/loki/api/v1/index/volume?${span()}&query=${encoded(pick(selectors))}${pick(['', '&targetLabels=k8s_pod_name,level', '&targetLabels=http_route'])}`,
  () =>
    `/loki/api/v1/index/volume_range?${span()}&step=${pick([300, 1800])}&query=${encoded(pick(selectors))}`,
  () =>
    `/loki/api/v1/query_range?${span()}&step=600&query=${encoded(`sum by (${pick(['level', 'http_route', 'k2', 'zone', 'nothing_here'])}) (count_over_time(${pick(selectors)}[10m]))`)}`,
  () =>
    `/loki/api/v1/query_range?${span()}&limit=30&query=${encoded(`${pick(selectors)} | ${pick(['http_route="/a"', 'k1="1"', 'scope_key="v"', 'nothing_here=""', 'level="info"'])}`)}`,
  () => `/api/v2/search/tags?${whole()}`,
  () => `/api/search/tags?${whole()}`,
  () =>
    `/api/v2/search/tag/${pick(['resource.service.name', 'resource.zone', 'span.http.route', 'name', 'resource.k8s.pod.name'])}/values?${whole()}`,
  () =>
    `/api/search?${whole()}&limit=1000&q=${encoded(`{ ${pick(['span.http.route = "/a"', 'resource.service.name = "cart"', ''])} }`)}`,
  () =>
    `/api/metrics/query_range?${span()}&step=${pick(['1m', '10m'])}&q=${encoded(`{ ${pick(['span.http.route = "/a"', 'resource.service.name = "cart"', ''])} } | ${pick(['rate() by (resource.zone)', 'count_over_time()', 'max_over_time(duration) by (name)'])}`)}`,
  () => `/api/traces/${pick(traces)}`,
];

/** Of those, what is answered however many label sets or keys there are. */
const unlimited = [
  () => `/loki/api/v1/detected_labels?${span()}&query=${encoded(pick(selectors))}`,
  () => `/loki/api/v1/index/stats?${span()}&query=${encoded(pick(selectors))}`,
  () => `/api/v2/search/tags?${whole()}&limit=2`,
  () =>
    `/api/v2/search/tag/${pick(['resource.service.name', 'resource.zone', 'name'])}/values?${whole()}&limit=2`,
];

/** Durations of the run itself are no part of an answer, nor is the order of equal volumes. */
function comparable(url: string, body: string): unknown {
  if (url.includes('/api/metrics/')) {
    // Any spans will do as exemplars.
    return JSON.parse(withoutFiles(body), (name, value: unknown) =>
      name === 'exemplars' ? undefined : value,
    );
  }
  if (!url.includes('/index/volume')) {
    return withoutFiles(body)
      .replace(/"stats":\{.*?\}\}\}?/g, '')
      .replace(/"(execTime|\w+PerSecond)":[\d.e-]+/g, '');
  }
  const { data } = JSON.parse(body) as { data: { result: unknown[] } };
  return data.result.map((series) => JSON.stringify(series)).sort();
}

describe(`metadata from the cache, TEST_SEED=${seed}`, () => {
  let lake: TestLake;
  let plain: FastifyInstance;
  let cached: FastifyInstance;
  /** Holds no more than two label sets or keys. */
  let narrow: FastifyInstance;

  before(async () => {
    lake = await testLake({}, 'one commit');
    const app = async (guard: TestLake['guard']) => {
      const made = fastify();
      const telemetry = createTelemetry('silent');
      for (const api of [prometheusApi, lokiApi, tempoApi]) await made.register(api({ guard, telemetry }));
      return made;
    };
    [plain, cached] = [await app(lake.guard), await app(lake.cached)];
    narrow = await app(lake.cachedWith({ maxRows: 2 }));
    await lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '0')`);
  });
  after(async () => {
    await plain.close();
    await cached.close();
    await narrow.close();
    await lake.close();
  });

  const compare = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const url = (questions[i % questions.length] as () => string)();
      const [one, other] = [await plain.inject({ url }), await cached.inject({ url })];
      assert.equal(other.statusCode, one.statusCode, `${url}\n${other.body}`);
      // Two refusals alike would tell nothing.
      if (/^\/api\/(v2|search|metrics)/.test(url)) assert.equal(one.statusCode, 200, `${url}\n${one.body}`);
      assert.deepEqual(comparable(url, other.body), comparable(url, one.body), url);
    }
    await lake.cache.settled();
  };

  it('answers as the table does: files, rows in the catalog, deletions, merged files', async () => {
    await fill(lake, 0, 3, 60);
    await fill(lake, 2, 5, 60);
    await compare(questions.length);
    await compare(questions.length * 2);
    await lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '1000')`);
    await fill(lake, 4.5, hours, 40);
    await compare(questions.length * 2);
    // Few deletions stay in the catalog, where no list of files shows them.
    for (const table of ['logs', 'metric_gauge', 'spans']) {
      await lake.connection.run(`DELETE FROM lake.main.${table} WHERE service_name = 'cart'`);
    }
    await compare(questions.length * 2);
    await flushInlined(lake.connection);
    await compare(questions.length);
    await lake.connection.run(`CALL ducklake_merge_adjacent_files('lake')`);
    await compare(questions.length * 2);
  });

  it('counts in SQL what is too much to hold', async () => {
    const exact = (body: string) => body.replace(/"(streams|chunks)":\d+/g, '');
    for (let i = 0; i < unlimited.length * 2; i++) {
      const url = (unlimited[i % unlimited.length] as () => string)();
      const [one, other] = [await plain.inject({ url }), await narrow.inject({ url })];
      assert.equal(other.statusCode, 200, `${url}\n${other.body}`);
      assert.deepEqual(comparable(url, exact(other.body)), comparable(url, exact(one.body)), url);
    }
  });

  it('reads the snapshot that its list of files is of, whatever is committed meanwhile', async () => {
    const count = async (session: ReadSession) =>
      (await session.rows('SELECT count(*)::INTEGER AS n FROM lake.main.metric_sum'))[0]?.['n'] as number;
    const { signal } = new AbortController();
    const counts: number[] = [];
    const source = await lake.cached.run('test', signal, async ({ session }) => {
      const window = { from: 0n, until: 2n ** 62n, where: 'true' };
      const found = await session.metadata?.({ kind: 'metric_sum', ...window, weighed: false });
      counts.push(await count(session));
      await fill(lake, 1, 2, 3);
      counts.push(await count(session));
      return found;
    });
    counts.push(await lake.cached.run('test', signal, ({ session }) => count(session)));
    const [before = 0] = counts;
    assert.deepEqual(counts, [before, before, before + 3]);
    assert.match(source ?? '', /metadata_sets_metric_sum/);
  });
});
