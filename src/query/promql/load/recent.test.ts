import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../../test/support/promql.js';
import { flushInlined } from '../../../../test/support/flush.js';
import { chunkValues, rawChunk } from '../../../lake/raw-chunk.js';
import type { SeriesView } from '../../../lake/session.js';
import { labelNames } from '../api/series.js';
import { execute } from '../exec/engine.js';
import { parse } from '../plan/prepare.js';

const second = 1000;
const minute = 60 * second;
const times = { start: scriptStart, end: scriptStart + 5 * minute, step: 15 * second, lookback: 5 * minute };
const window = { from: times.start - 1, to: times.end };

const expressions = [
  '{__name__=~"g|c|h_sum|h_count", route!="/9"}',
  'sum by (route) (rate(c[2m]))',
  'histogram_quantile(0.9, sum by (le) (rate(h_bucket[2m])))',
  's{quantile="0.5"}',
  'rate(d[2m])',
  'rate(e_count[2m])',
];

type Row = Record<string, unknown>;

function point(at: number, name: string, route: number): Row {
  const resource = {
    service_name: 'cart',
    service_instance_id: `i-${route}`,
    resource_attributes: '{"host.arch":"arm64"}',
  };
  return { ...metricPoint(scriptStart + at * second, name, { route: `/${route}` }), ...resource };
}

/** Of each table some rows at this second. */
function rows(
  at: number,
  routes: readonly number[],
): readonly (readonly [table: MetricTable, rows: Row[]])[] {
  const each = (name: string, more: (route: number) => Row) =>
    routes.map((route) => ({ ...point(at, name, route), ...more(route) }));
  return [
    ['metric_gauge', each('g', (route) => (at % 7 === 0 ? { flags: 1 } : { value: at * route }))],
    [
      'metric_sum',
      [
        ...each('c', (route) => ({ value: at * route, aggregation_temporality: 2, is_monotonic: true })),
        ...each('d', (route) => ({ value: route, aggregation_temporality: 1, is_monotonic: true })),
      ],
    ],
    [
      'metric_histogram',
      each('h', (route) => ({
        ...{ count: at * 6, sum: at * route, bucket_counts: [at, at * 2, at * 3], explicit_bounds: [0.1, 1] },
        aggregation_temporality: 2,
      })),
    ],
    [
      'metric_summary',
      each('s', (route) => ({
        count: at,
        sum: at * route,
        quantiles: [0.5, 0.9],
        quantile_values: [at, route],
      })),
    ],
    [
      'metric_exponential_histogram',
      each('e', (route) => ({
        ...{ count: at * 3, sum: at * route, scale: 0, zero_count: at, aggregation_temporality: 2 },
        ...{ positive_offset: 0, positive_bucket_counts: [at, at] },
      })),
    ],
  ];
}

type MetricTable = (typeof metricTables)[number];
const metricTables = [
  'metric_gauge',
  'metric_sum',
  'metric_histogram',
  'metric_exponential_histogram',
  'metric_summary',
] as const;

describe('rows of the last commits', () => {
  let lake: TestLake;
  let at = 0;
  before(async () => {
    lake = await testLake({}, 'one commit');
  });
  after(() => lake.close());

  const inlining = (limit: number) =>
    lake.connection.run(`CALL ducklake_set_option('lake', 'data_inlining_row_limit', '${limit}')`);

  async function commit(routes: readonly number[]): Promise<void> {
    at += 15;
    for (const [table, own] of rows(at, routes)) await lake.insert(table, own);
  }

  async function answers(guard: TestLake['guard']): Promise<unknown[]> {
    const all: unknown[] = [];
    for (const expression of expressions) {
      const result = await guard.run('test', new AbortController().signal, (ctx) =>
        execute(ctx, parse(expression), times),
      );
      assert.ok('series' in result);
      const texts = result.series.map(({ labels, points }) => {
        const { values, ...rest } = points();
        return `${labels.toString()} ${JSON.stringify([rest, Array.from(values, (v) => Number(v.toPrecision(9)))])}`;
      });
      all.push([expression, texts.sort()]);
    }
    const names = await guard.run('test', new AbortController().signal, (ctx) => labelNames(ctx, [], window));
    all.push(names);
    return all;
  }

  async function same(): Promise<void> {
    assert.deepEqual(await answers(lake.cached), await answers(lake.guard));
  }

  /** What the cache tells without a statement on a table of the lake. */
  async function view(): Promise<SeriesView | null> {
    const reader = await lake.connect(true);
    const checked = (sql: string) => {
      assert.doesNotMatch(sql, /lake\.main|ducklake_list_files/);
      return sql;
    };
    const run = async (sql: string) => (await reader.runAndReadAll(checked(sql))).getRows();
    const chunks = async (sql: string) => {
      const found = await reader.run(checked(sql));
      const types = found.columnTypes();
      return (await found.fetchAllChunks()).map((chunk) => chunkValues(rawChunk(chunk, types)));
    };
    try {
      const request = { kinds: metricTables, from: 0n, until: 2n ** 62n, samples: true };
      const reads = { run, chunks, stopped: () => false };
      return await lake.cache.series(request, reads, { generation: null }, () => undefined);
    } finally {
      reader.closeSync();
    }
  }

  it('are known of each commit without naming the table', async () => {
    await inlining(0);
    await commit([1, 2]);
    await same();
    await lake.cache.settled();
    await same();
    await inlining(1_000_000);
    for (const routes of [
      [1, 2],
      [2, 3],
      [1, 2, 3, 4],
    ]) {
      await commit(routes);
      const known = await view();
      assert.deepEqual(
        known?.tables.map(({ rest, recent }) => [rest, recent !== undefined]),
        metricTables.map(() => [null, true]),
      );
      await same();
    }
  });

  it('are given to a question that reads in a transaction too', async () => {
    await commit([1, 2]);
    await view();
    const window = { from: 0n, until: 2n ** 62n };
    await lake.cached.run('test', new AbortController().signal, async ({ session }) => {
      await session.metadata?.({ kind: 'metric_gauge', ...window, where: 'TRUE', weighed: false });
      const request = { kinds: ['metric_gauge'], ...window, samples: true, names: ['g'] } as const;
      const found = await session.series?.(request);
      const [{ recent, rest } = {}] = found?.tables ?? [];
      assert.equal(rest, null);
      assert.ok(found && recent);
      assert.ok(found.units?.some(({ file }) => file === recent.file));
      const asked = { epoch: found.epoch, kind: 'metric_gauge', name: 'g', part: 'value' } as const;
      const units = await session.samples?.({ ...asked, files: [recent.file], samples: 1000 });
      assert.equal(units?.length, 1);
    });
  });

  it('stay right when they are deleted, flushed, merged and compacted, and when files come', async () => {
    await lake.connection.run(`DELETE FROM lake.main.metric_sum WHERE service_instance_id = 'i-2'`);
    await same();
    await commit([2, 5]);
    await same();
    await flushInlined(lake.connection);
    await same();
    await inlining(0);
    await commit([1, 6]);
    await same();
    await commit([1, 7]);
    await lake.connection.run(`CALL ducklake_merge_adjacent_files('lake')`);
    await same();
    await inlining(1_000_000);
    await commit([1, 8]);
    for (const table of metricTables) await lake.compact(table);
    await same();
    await lake.cache.settled();
    await same();
    await lake.connection.run(`DELETE FROM lake.main.metric_gauge WHERE service_instance_id = 'i-1'`);
    await commit([1]);
    await same();
  });

  it('are left to the table where its columns are others than they were', async () => {
    await inlining(0);
    await commit([1, 2]);
    await lake.connection.run('ALTER TABLE lake.main.metric_gauge RENAME COLUMN flags TO flags_before');
    await lake.connection.run('ALTER TABLE lake.main.metric_gauge ADD COLUMN flags INTEGER');
    await same();
    await inlining(1_000_000);
    await same();
  });

  it('take memory that is told', async () => {
    const text = await lake.registry.metrics();
    assert.match(text, /^canardstack_recent_samples_bytes [1-9]/m);
  });
});
