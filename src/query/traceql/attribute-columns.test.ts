import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import type { QueryContext } from '../server/guard.js';
import { tagValues } from './api/tags.js';
import { search } from './api/search.js';
import { metricsQuery } from './exec/metrics.js';
import { parseMetricsQuery, parseSpansetQuery } from './syntax/parser.js';
import { drawSpans, epoch } from './trace-text.test.support.js';

const minute = 60_000_000_000n;
const hour = 60n * minute;
/** On an hour, so that windows hold some whole ones. */
const begin = epoch - (epoch % hour);

/** Every 7 minutes a trace of two spans, for 9 hours. */
function spans() {
  const codes = ['200', '200', '500', '"200"', '2.5', 'true', 'null', '["x",1]'];
  return Array.from({ length: 77 }, (_, i) => {
    const text = `trace ${(i + 1).toString(16)}
      root svc=web code=${codes[i % codes.length]} user=u${i % 5} User=${i % 3} ms=${i}.25 at=0ms dur=9ms
        child svc=db code=${codes[(i + 3) % 4]} rare=${i === 50 ? 'needle' : 'hay'} at=1ms dur=2ms`;
    return drawSpans(text, begin + BigInt(i) * 7n * minute).map((row) => {
      const own = (id: unknown) =>
        typeof id === 'string' ? (i + 1).toString(16).padStart(8, '0') + id.slice(8) : id;
      return { ...row, span_id: own(row['span_id']), parent_span_id: own(row['parent_span_id']) };
    });
  }).flat();
}

describe('attributes of spans as columns', () => {
  let lake: TestLake;
  before(async () => {
    lake = await testLake();
    await lake.insert('spans', spans());
  });
  after(() => lake.close());

  const { signal } = new AbortController();

  /** By the table alone, and by the cache: of one that knows nothing to one that knows all. */
  async function compared<T>(
    what: string,
    ask: (ctx: QueryContext) => Promise<T>,
    settled = false,
  ): Promise<T> {
    const plain = await lake.guard.run('test', signal, ask);
    for (const state of settled ? ['known'] : ['new', 'looked at', 'known']) {
      assert.deepEqual(await lake.cached.run('test', signal, ask), plain, `${what}, ${state}`);
      await lake.cache.settled();
    }
    return plain;
  }

  const windows = [
    ['all', begin - hour, begin + 12n * hour],
    ['cut at both ends', begin + 17n * minute, begin + 7n * hour + 31n * minute],
    ['within an hour', begin + 65n * minute, begin + 110n * minute],
    ['whole hours', begin + 2n * hour, begin + 5n * hour],
    ['nothing', begin + 20n * hour, begin + 30n * hour],
  ] as const;

  it('give the same values, the most frequent first', async () => {
    for (const state of ['as inserted', 'compacted']) {
      if (state === 'compacted') await lake.compact('spans');
      for (const [name, start, end] of state === 'compacted' ? windows : windows.slice(0, 2)) {
        for (const key of ['code', 'User', 'gone', 'a"b']) {
          const field = { kind: 'attribute', scope: 'span', name: key, parent: false, at: 0 } as const;
          const options = { range: { start, end }, limit: 1000, filter: null };
          const values = await compared(
            `${key}, ${name}, ${state}`,
            async (ctx) => (await tagValues(ctx, field, options)).found,
          );
          if (name === 'all' && key === 'User') assert.equal(values.length, 3);
          if (name === 'all' && key === 'code') assert.ok(values.length >= 6);
        }
      }
    }
    const request = {
      table: 'spans',
      from: begin,
      until: begin + 12n * hour,
      where: 'TRUE',
      key: 'User',
    } as const;
    const source = (window: { readonly from?: bigint; readonly until?: bigint }) =>
      lake.cached.run(
        'test',
        signal,
        async ({ session }) => (await session.valuesOf?.({ ...request, ...window }))?.sql ?? '',
      );
    assert.match(await source({}), /VALUES/, 'they are counted');
    // Rows of an hour that the window cuts are read only where some of them are outside, within a millisecond.
    const until = (last: bigint) => ({ from: begin - 7n * minute, until: begin + 5n * hour + last });
    assert.doesNotMatch(await source(until(55n * minute + 1n)), /read_parquet/);
    assert.match(await source(until(45n * minute + 1n)), /read_parquet/);
    assert.doesNotMatch(await source(until(45n * minute)), /read_parquet/);
  });

  it('give the same answers to searches and metrics', async () => {
    const searches = [
      'span.rare = "needle"',
      'span.user = "u3" && span.code = 200',
      '.code = "200"',
      'span.code >= 2.5',
    ];
    for (const [name, start, end] of windows.slice(0, 2)) {
      for (const condition of searches) {
        const found = await compared(
          `${condition}, ${name}`,
          async (ctx) => {
            const { traces, metrics } = await search(
              ctx,
              parseSpansetQuery(`{ ${condition} } | select(span.user)`),
              { range: { start, end }, limit: 100, spansPerSpanset: 3, withSpansets: true },
            );
            // Which files were looked into is known to caches alone.
            const { inspectedTraces, inspectedSpans } = metrics;
            return { traces, inspectedTraces, inspectedSpans };
          },
          true,
        );
        if (name === 'all') assert.ok(found.traces.length > 0, condition);
      }
    }
    const metrics = [
      '{ span.user != "u1" } | count_over_time() by (span.code, span.User)',
      '{ } | quantile_over_time(span.ms, 0.5) by (span.user)',
    ];
    for (const query of metrics) {
      const range = {
        start: begin,
        end: begin + 9n * hour,
        step: hour,
        intervals: 9,
        firstPoint: begin + hour,
      };
      const { series } = await compared(query, async (ctx) => {
        const parsed = parseMetricsQuery(query);
        const result = await metricsQuery(ctx, parsed, { range, instant: false, exemplars: 0 });
        return {
          series: result.series
            .map((one) => JSON.stringify(one, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v)))
            .sort(),
        };
      });
      assert.ok(series.length > 3);
    }
  });
});
