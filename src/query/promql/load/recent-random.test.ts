import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { randomOf } from '../../../../test/reading/language.js';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { skipWithoutPostgres } from '../../../../test/support/postgres.js';
import {
  postgresCatalog,
  quackCatalog,
  type SharedCatalog,
} from '../../../../test/support/shared-catalog.js';
import { metricPoint, scriptStart } from '../../../../test/support/promql.js';
import { randomNumbers } from '../../../../test/support/random.js';
import { flushInlined } from '../../../../test/support/flush.js';
import { inTransaction } from '../../../duckdb/index.js';
import { isInlined, withInliningLimit } from '../../../lake/inlining.js';
import { removeDead } from '../../../lake/maintenance/metadata.js';
import { createTelemetry } from '../../../telemetry/index.js';
import { prometheusApi } from '../index.js';

const seed = Number(process.env['TEST_SEED'] ?? randomInt(2 ** 31));
const commits = Number(process.env['TEST_COMMITS'] ?? 10);
const step = 15_000;

type Row = Record<string, unknown>;

const metricTables = [
  'metric_gauge',
  'metric_sum',
  'metric_histogram',
  'metric_exponential_histogram',
  'metric_summary',
] as const;
type MetricTable = (typeof metricTables)[number];

const random = randomOf(randomNumbers(seed));
const often = (share: number) => random.next() < share;
const counts = (length: number) => Array.from({ length }, () => random.below(4));
const added = (all: readonly number[]) => all.reduce((sum, one) => sum + one, 0);

/** A temporality by series, as no series has two. */
const temporality = (route: number) => [2, 2, 1, 0][route % 4];
const ended = { flags: 1, count: null, sum: null };

/** What a row has besides its time and its labels; `grows`: how much a counter of it has risen. */
const made: Record<MetricTable, (route: number, grows: number) => Row> = {
  metric_gauge: () =>
    often(0.05)
      ? { value: null, flags: random.pick([1, null]) }
      : { value: random.pick([random.next(), NaN, Infinity, -0, 1e300]) },
  metric_sum: (route, grows) => ({
    ...(often(0.05) ? { value: null, flags: random.pick([1, null]) } : { value: often(0.1) ? 0 : grows }),
    ...{ aggregation_temporality: temporality(route), is_monotonic: route % 3 > 0 },
  }),
  metric_histogram: (route, grows) => {
    const bounds = random.pick([[0.1, 1], [0.1, 1], [0.1, 1], [0.5], route > 2 ? [] : [0.1, 1]]);
    const all = counts(bounds.length + 1).map((count) => count + (often(0.1) ? 0 : grows));
    const temporal = { aggregation_temporality: temporality(route) };
    if (often(0.05))
      return { ...temporal, ...ended, bucket_counts: [], explicit_bounds: random.pick([[], bounds]) };
    const floats = often(0.2) ? [added(all) + 0.5, ...all.map((count) => count + 0.25)] : [];
    return {
      ...temporal,
      ...{ count: added(all), sum: often(0.1) ? null : added(all) / 2, float_counts: floats },
      ...{ bucket_counts: all.length === 1 && often(0.5) ? [] : all, explicit_bounds: bounds },
    };
  },
  metric_exponential_histogram: (route, grows) => {
    const [positive, negative] = [counts(3).map((count) => count + grows), counts(random.below(3))];
    const temporal = { aggregation_temporality: temporality(route) };
    const shape = { scale: random.pick([0, 0, 1, 2]), zero_threshold: random.pick([0, 0, 0.001]) };
    if (often(0.05)) return { ...temporal, ...shape, ...ended };
    return {
      ...{ ...temporal, ...shape, zero_count: 1, count: added([...positive, ...negative, 1]), sum: grows },
      ...{ positive_offset: random.below(3), positive_bucket_counts: positive },
      ...{ negative_offset: 0, negative_bucket_counts: negative },
    };
  },
  metric_summary: (_, grows) => ({
    ...(often(0.05) ? ended : { count: grows, sum: often(0.1) ? null : grows * 2 }),
    ...random.pick([
      { quantiles: [0.5, 0.9], quantile_values: [random.next(), NaN] },
      { quantiles: [0.5, 0.9], quantile_values: [1, random.next()] },
      { quantiles: [0.99], quantile_values: [grows] },
      { quantiles: [], quantile_values: [] },
    ]),
  }),
};

const names: Record<MetricTable, readonly string[]> = {
  metric_gauge: ['g', 'shared'],
  metric_sum: ['c', 'shared'],
  metric_histogram: ['h', 'prom_h'],
  metric_exponential_histogram: ['e', 'prom_e'],
  metric_summary: ['s'],
};

const ranges = [
  ...['g', 'c', 'shared', 'h', 'e', 'prom_h', 'prom_e', 'h_bucket', 'h_count', 'h_sum', 'e_bucket'],
  ...['e_count', 's', 's_sum', 's_count', '{__name__=~"[hs].*"}', '{route="/1"}', '{__name__=~".*_count"}'],
];

function question(now: number): string {
  const name = random.pick(ranges);
  const own = name.startsWith('{') ? name : `${name}{${random.pick(['', 'route!="/2"', 'route=~"/[013]"'])}}`;
  const range = `${own}[${random.pick(['30s', '1m', '3m'])}]`;
  const expression = random.pick([
    () => own,
    () => `${own} offset ${random.pick(['1m', '-15s'])}`,
    () => `${random.pick(['rate', 'increase', 'irate', 'delta', 'resets', 'changes'])}(${range})`,
    () => `${random.pick(['avg', 'sum', 'max', 'count', 'last', 'first', 'present'])}_over_time(${range})`,
    () => `count by (__name__, le, quantile) (${own})`,
    () => `histogram_count(increase(${random.pick(['h', 'e', 'prom_h', 'prom_e'])}[2m]))`,
    () => `histogram_quantile(0.9, rate(${random.pick(['h', 'e', 'prom_h', 'h_bucket', 'e_bucket'])}[2m]))`,
    () => `timestamp(${own})`,
    () => random.pick(['target_info', 'group by (__name__) ({__name__!=""})']),
  ])();
  const query = encodeURIComponent(expression);
  const end = (now + random.pick([0, 0, 1, step, -step, 300_000])) / 1000;
  const start = end - random.pick([0.001, 60, 240, 900]);
  const match = encodeURIComponent(own);
  return random.pick([
    () => `/api/v1/query?query=${query}&time=${end}`,
    () => `/api/v1/query?query=${query}&time=${end}`,
    () => `/api/v1/query_range?query=${query}&start=${start}&end=${end}&step=${random.pick([15, 60])}`,
    () => `/api/v1/query_range?query=${query}&start=${start}&end=${end}&step=${random.pick([15, 60])}`,
    () => `/api/v1/query?query=${encodeURIComponent(range)}&time=${end}`,
    () => `/api/v1/series?match[]=${match}&start=${start}&end=${end}`,
    () => `/api/v1/label/${random.pick(['route', 'le', '__name__'])}/values?start=${start}&end=${end}`,
  ])();
}

/** Null: in a file of this process. */
const catalogs = [
  ['file', null],
  ['postgres', postgresCatalog],
  ['quack', quackCatalog],
] as const;

for (const [place, start] of catalogs) {
  describe(
    `rows of the last commits give what their tables give, catalog: ${place}, TEST_SEED=${seed}`,
    { skip: place === 'postgres' && skipWithoutPostgres() },
    () => {
      let catalog: SharedCatalog | null = null;
      let lake: TestLake;
      let plain: FastifyInstance;
      let fast: FastifyInstance;
      let now = scriptStart;
      let totals = 0;
      const taken = new Set<string>();
      const sent = new Map<MetricTable, Row[]>();

      async function app(guard: TestLake['guard']): Promise<FastifyInstance> {
        const server = fastify();
        await server.register(prometheusApi({ guard, telemetry: createTelemetry('silent') }));
        return server;
      }

      before(async () => {
        catalog = (await start?.()) ?? null;
        lake = await testLake({}, 'one commit', 0, catalog);
        [plain, fast] = [await app(lake.guard), await app(lake.cached)];
      });
      after(async () => {
        await plain.close();
        await fast.close();
        await lake.close();
        await catalog?.stop();
      });

      /** Some late, some as they have come already, and none else at the millisecond of another. */
      function rows(table: MetricTable): Row[] {
        const again = (sent.get(table) ?? []).filter(() => often(0.02));
        const fresh = names[table].flatMap((name) =>
          [0, 1, 2, 3, 4].flatMap((route): Row[] => {
            const time = now - (often(0.15) ? random.below(200_000) : random.below(900));
            const key = `${name} ${route} ${time}`;
            if (often(0.3) || taken.has(key)) return [];
            taken.add(key);
            const odd = route === 3 ? { note: 'é\'"\\\n' } : {};
            const labels = {
              ...(name.startsWith('prom') ? { __name__: name } : {}),
              route: `/${route}`,
              ...odd,
            };
            const resource = route === 0 ? {} : { service_name: 'cart', service_instance_id: `i-${route}` };
            return [
              {
                ...metricPoint(time, name, labels),
                ...resource,
                ...made[table](route, totals + random.below(5)),
              },
            ];
          }),
        );
        sent.set(table, [...(sent.get(table) ?? []), ...fresh]);
        const all = [...fresh, ...again, ...fresh.filter(() => often(0.1))];
        return all.sort(() => (often(0.5) ? 1 : -1));
      }

      const everywhere = async (work: (table: MetricTable) => Promise<unknown>) => {
        for (const table of metricTables) if (often(0.7)) await work(table);
      };
      const inlining = (limit: number) =>
        lake.connection.run(`SET SESSION ducklake_default_data_inlining_row_limit = ${limit}`);
      const run = (sql: string) => lake.connection.run(sql);

      /** As maintenance flushes a catalog server. */
      async function moved(table: MetricTable): Promise<void> {
        await run(`CREATE OR REPLACE TEMP TABLE moved AS FROM lake.main.${table} WHERE ${isInlined}`);
        await inTransaction(lake.connection, async () => {
          await run(`DELETE FROM lake.main.${table} WHERE ${isInlined}`);
          await withInliningLimit(lake.connection, 0, () => run(`INSERT INTO lake.main.${table} FROM moved`));
        });
      }

      /** What happens to a lake between commits. */
      const changes: Record<string, () => Promise<unknown>> = {
        'rows into files': () => inlining(0),
        'rows into the catalog': () => inlining(1_000_000),
        'files of commits': () => everywhere((table) => lake.commit(table)),
        flush: () => (place === 'quack' ? everywhere(moved) : flushInlined(lake.connection)),
        merge: () => run(`CALL ducklake_merge_adjacent_files('lake')`),
        compaction: () => everywhere((table) => lake.compact(table)),
        settled: () => lake.cache.settled(),
        retention: () => {
          const before = new Date(now - random.pick([60_000, 240_000])).toISOString().replace('Z', '');
          return everywhere((table) =>
            run(`DELETE FROM lake.main.${table} WHERE timestamp < TIMESTAMP '${before}'`),
          );
        },
        deletion: () =>
          everywhere((table) =>
            run(`DELETE FROM lake.main.${table} WHERE service_instance_id = 'i-${random.below(5)}'`),
          ),
        'expired snapshots': async () => {
          await run(`CALL ducklake_expire_snapshots('lake', older_than => now() + INTERVAL 1 DAY)`);
          await run(`CALL ducklake_cleanup_old_files('lake', cleanup_all => true)`);
          const rows = async (sql: string) => (await lake.connection.runAndReadAll(sql)).getRows();
          await removeDead({ run, rows }, { catalogKind: place === 'file' ? 'local' : place });
        },
      };

      it('through commits and all that happens to them', async () => {
        await inlining(1_000_000);
        let [found, bytes] = [0, 0];
        const done: string[] = [];
        for (let commit = 0; commit < commits; commit++) {
          now += step;
          totals += random.below(10);
          for (const table of metricTables) await lake.insert(table, rows(table));
          done.push('commit');
          for (const change of [null, ...(often(0.5) ? [random.pick(Object.keys(changes))] : [])]) {
            if (change !== null) {
              await changes[change]?.();
              done.push(change);
            }
            for (let i = 0; i < 5; i++) {
              const url = question(now);
              const [one, other] = [await plain.inject({ url }), await fast.inject({ url })];
              const context = `${decodeURIComponent(url)} after ${done.join(', ')}`;
              assert.equal(other.body, one.body, context);
              if (one.statusCode === 200 && !/"(result|data)":\[\]/.test(one.body)) found++;
            }
          }
          const told = await lake.registry.metrics();
          bytes = Math.max(bytes, Number(/^canardstack_recent_samples_bytes (\d+)/m.exec(told)?.[1]));
        }
        assert.ok(found > commits && bytes > 0, `${found} answers had something in them`);
      });
    },
  );
}
