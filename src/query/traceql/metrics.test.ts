import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { testLake, type TestLake } from '../../../test/support/lake.js';
import { createTelemetry } from '../../telemetry/index.js';
import { tempoApi } from './index.js';
import { drawSpans, epoch } from './trace-text.test.support.js';

const start = Number(epoch / 1_000_000_000n);

/** Three intervals of a minute after `epoch`; the second has no spans. */
const spans = drawSpans(`
  trace a
    get svc=web kind=server at=1ms dur=1000ms code=200 http.route=/a
      sql svc=db at=10ms dur=100ms rows=1
      sql svc=db at=20ms dur=300ms rows=3 status=error event={"name":"lock","attributes":{"n":1}} event={"name":"wait","attributes":{"n":2}}
    get svc=web kind=server at=59999ms dur=3000ms code=500 status=error
  trace b
    get svc=web kind=server at=120001ms dur=2000ms code=200 http.route=/a
      sql svc=db at=130000ms dur=500ms rows=8
      sql svc=db at=140000ms dur=500ms rows=x
`);

/** Query, then a line a series: labels and samples, `-` where there is none. */
const cases = `
  {} | count_over_time()
    {__name__="count_over_time"} 4 0 3
  {} | rate()
    {__name__="rate"} 0.06666666666666667 0 0.05
  { name = "none" } | rate()
    {__name__="rate"} 0 0 0
  { name = "none" } | count_over_time() > 1
  { name = "none" } | rate() by(name)
  { name = "none" } | max_over_time(duration)
  { status = error } | count_over_time() by(resource.service.name)
    {resource.service.name="db"} 1 0 0
    {resource.service.name="web"} 1 0 0
  {} | count_over_time() by(name, span.code)
    {name="get", span.code="200"} 1 0 1
    {name="get", span.code="500"} 1 0 0
    {name="sql", span.code="nil"} 2 0 2
  {} | count_over_time() by(status)
    {status="error"} 2 0 0
    {status="unset"} 2 0 3
  { name = "sql" } | min_over_time(span.rows)
    {__name__="min_over_time"} 1 - 8
  { name = "sql" } | max_over_time(span.rows) by(resource.service.name)
    {resource.service.name="db"} 3 - 8
  { name = "sql" } | sum_over_time(.rows)
    {__name__="sum_over_time"} 4 - 8
  { name = "sql" } | avg_over_time(duration)
    {__name__="avg_over_time"} 0.2 - 0.5
  { name = "sql" } | quantile_over_time(duration, 0, .5, 1)
    {p="0"} 0.1 - 0.5
    {p="0.5"} 0.2 - 0.5
    {p="1"} 0.3 - 0.5
  { name = "sql" } | histogram_over_time(duration)
    {__bucket="0.134217728"} 1 0 0
    {__bucket="0.536870912"} 1 0 2
  { name = "sql" } | histogram_over_time(span.rows)
    {__bucket="4"} 1 0 0
    {__bucket="8"} 0 0 1
  {} | count_over_time() by(name) | topk(1)
    {name="get"} 2 0 -
    {name="sql"} - - 2
  {} | count_over_time() by(name) | bottomk(1)
    {name="get"} 2 0 1
  {} | count_over_time() by(name) > 1
    {name="get"} 2 - -
    {name="sql"} 2 - 2
  { nestedSetParent < 0 && true } | rate() by(span.http.route) with(sample=true)
    {span.http.route="/a"} 0.016666666666666666 0 0.016666666666666666
    {span.http.route="nil"} 0.016666666666666666 0 0
  {} | count_over_time() by(event:name)
    {event:name="lock"} 1 0 0
    {event:name="nil"} 3 0 3
  { event:name = "wait" } | count_over_time() by(event:name, event.n)
    {event.n="2", event:name="wait"} 1 0 0
  { event:name = "lock" && event.n = 2 } | count_over_time() by(event:name)
  { event:name = "lock" && event.n = 1 } | sum_over_time(event.n) by(event:name)
    {event:name="lock"} 1 - -
  # arithmetic
  ({ status = error } | rate()) / ({} | rate())
    {__name__="(rate / rate)"} 0.5 - 0
  ({} | count_over_time()) * 60
    {__name__="count_over_time"} 240 0 180
  10 - ({} | count_over_time()) / 2
    {__name__="count_over_time"} 8 10 8.5
  ({} | rate())
    {__name__="rate"} 0.06666666666666667 0 0.05
  ({} | count_over_time() by(name)) / ({} | count_over_time())
    {name="get"} 0.5 - 0.3333333333333333
    {name="sql"} 0.5 - 0.6666666666666666
  ({} | count_over_time() by(name)) + ({ status = error } | count_over_time() by(name))
    {name="get"} 3 0 1
    {name="sql"} 3 0 2
  ({} | count_over_time() by(name)) - ({ name = "get" } | count_over_time() by(name))
    {name="get"} 0 0 0
  ({} | count_over_time() by(name) | topk(1)) * 2 > 3
    {name="get"} 4 - -
    {name="sql"} - - 4
  ({} | max_over_time(span.rows)) + ({} | count_over_time())
    {__name__="(max_over_time + count_over_time)"} 7 0 11
  ({} | count_over_time() by(name)) + ({} | count_over_time() by(status))
  # evaluated span by span
  { span.rows + 0 > 1 } | count_over_time()
    {__name__="count_over_time"} 1 0 1
  { duration * 1 > 0 && name = "sql" } | quantile_over_time(duration, .5)
    {p="0.5"} 0.2 - 0.5
  { duration * 1 > 0 && name = "sql" } | histogram_over_time(duration) by(status)
    {__bucket="0.134217728", status="unset"} 1 0 0
    {__bucket="0.536870912", status="error"} 1 0 0
    {__bucket="0.536870912", status="unset"} 0 0 2
  # evaluated trace by trace
  { kind = server } > { name = "sql" } | count_over_time() by(parent.code)
    {parent.code="200"} 2 0 2
  { kind = server } >> { status = error } | avg_over_time(duration)
    {__name__="avg_over_time"} 0.3 - -
  {} | by(resource.service.name) | count() > 2 | rate()
    {__name__="rate"} 0 0 0
  {} | count_over_time() by(rootName)
    {rootName="get"} 4 0 3
`;

interface Series {
  labels: { key: string; value: Record<string, unknown> }[];
  samples: { timestampMs: string; value: number }[];
  exemplars?: { labels: object[]; value: number; timestampMs: string }[];
  value?: number;
}

function shownLabels({ labels }: Series): string {
  const parts = labels.map(({ key, value }) => `${key}="${String(Object.values(value)[0])}"`);
  return `{${parts.sort().join(', ')}}`;
}

describe('TraceQL metrics', () => {
  let lake: TestLake;
  let app: FastifyInstance;

  before(async () => {
    lake = await testLake();
    await lake.insert('spans', spans);
    app = fastify();
    await app.register(tempoApi({ guard: lake.guard, telemetry: createTelemetry('silent') }));
  });
  after(async () => {
    await app.close();
    await lake.close();
  });

  const query = async (
    text: string,
    params = `&start=${start}&end=${start + 180}&step=1m`,
    path = 'query_range',
  ) => {
    const response = await app.inject({ url: `/api/metrics/${path}?q=${encodeURIComponent(text)}${params}` });
    assert.equal(response.statusCode, 200, response.body);
    return response.json<{ series: Series[] }>().series;
  };

  const expected = new Map<string, string[]>();
  for (const line of cases.split('\n').filter((text) => text.trim() !== '')) {
    if (line.trim().startsWith('#')) continue;
    if (line.startsWith('    ')) [...expected.values()].at(-1)?.push(line.trim());
    else expected.set(line.trim(), []);
  }

  for (const [text, lines] of expected) {
    it(text, async () => {
      const series = await query(text);
      const found = series.map((one) => {
        const byTime = new Map(
          one.samples.map(({ timestampMs, value }) => [Number(timestampMs) / 1000 - start, value]),
        );
        return [shownLabels(one), ...[60, 120, 180].map((at) => byTime.get(at) ?? '-')].join(' ');
      });
      assert.deepEqual(found.sort(), lines.sort());
    });
  }

  it('keeps the types of labels', async () => {
    const series = await query('{ name = "get" } | count_over_time() by(span.code, kind)');
    assert.deepEqual(series[0]?.labels, [
      { key: 'span.code', value: { intValue: '200' } },
      { key: 'kind', value: { stringValue: 'server' } },
    ]);
  });

  it('aligns the range to the step', async () => {
    const [series] = await query('{} | count_over_time()', `&start=${start + 20}&end=${start + 130}&step=60`);
    assert.deepEqual(
      series?.samples.map(({ timestampMs, value }) => [Number(timestampMs) / 1000 - start, value]),
      [
        [0, 0],
        [60, 4],
        [120, 0],
        [180, 3],
      ],
    );
  });

  it('counts in the point at t what started in (t - step, t], and has a point at the start and at the end', async () => {
    const at = [
      ['0000000000000000', 600_000_000_000n],
      ['0000000000000001', 660_000_000_000n],
      ['0000000000000002', 660_000_000_001n],
    ] as const;
    await lake.insert(
      'spans',
      at.flatMap(([id, offset]) => drawSpans(`trace e${id.at(-1)}\n  edge svc=edge dur=1ms`, epoch + offset)),
    );
    const range = `&start=${start + 600}&end=${start + 720}&step=60`;
    const [series] = await query('{ name = "edge" } | count_over_time()', range);
    assert.deepEqual(
      series?.samples.map(({ timestampMs, value }) => [Number(timestampMs) / 1000 - start, value]),
      [
        [600, 1],
        [660, 1],
        [720, 1],
      ],
    );
    assert.ok(!('promLabels' in series));
    const nothing = await query('{ name = "none" } | rate()', `&start=${start}&end=${start + 60}`, 'query');
    assert.deepEqual(
      nothing.map(({ value }) => value),
      [0],
    );
  });

  it('answers instant queries over the exact range', async () => {
    const params = `&start=${start}&end=${start + 60}`;
    const [series] = await query('{} | count_over_time()', params, 'query');
    assert.equal(series?.value, 4);
    assert.equal(series?.samples, undefined);
    assert.equal((await query('{} | avg_over_time(duration) by(name)', params, 'query')).length, 2);
  });

  it('gives exemplars: trace, start and value of spans', async () => {
    const series = await query('{ name = "sql" } | max_over_time(duration)');
    assert.deepEqual(series[0]?.exemplars, [
      {
        labels: [{ key: 'trace:id', value: { stringValue: 'a'.padStart(32, '0') } }],
        value: 0.1,
        timestampMs: String(start * 1000 + 10),
      },
      {
        labels: [{ key: 'trace:id', value: { stringValue: 'b'.padStart(32, '0') } }],
        value: 0.5,
        timestampMs: String(start * 1000 + 130_000),
      },
    ]);
  });

  it("gives exemplars the labels of their series' group", async () => {
    const series = await query('{ status = error } | rate() by(resource.service.name, status)');
    assert.deepEqual(series[0]?.exemplars?.[0]?.labels, [
      { key: 'resource.service.name', value: { stringValue: 'db' } },
      { key: 'status', value: { stringValue: 'error' } },
      { key: 'trace:id', value: { stringValue: 'a'.padStart(32, '0') } },
    ]);
  });

  it('gives as many exemplars as a hint says', async () => {
    const shown = async (hint: string, more?: string) => {
      const series = await query(`{} | count_over_time() ${hint}`, more);
      return series.reduce((sum, { exemplars = [] }) => sum + exemplars.length, 0);
    };
    assert.equal(await shown(''), 2);
    assert.equal(await shown('with(exemplars=true)'), 2);
    assert.equal(await shown('with(exemplars=false)'), 0);
    assert.equal(await shown('with(sample=true, exemplars=1)'), 1);
    assert.equal(
      await shown('with(exemplars=1)', `&start=${start}&end=${start + 180}&step=60&exemplars=50`),
      1,
    );
  });

  it('compares a selection with the rest', async () => {
    const text = '{} | compare({ status = error }, 1)';
    const series = await query(text, `&start=${start}&end=${start + 180}&step=180s`);
    const shown = series.map(
      (one) => `${shownLabels(one)} ${one.samples.map(({ value }) => value).join(' ')}`,
    );
    for (const line of [
      '{__meta_type="baseline", name="sql"} 0 3',
      '{__meta_type="selection", name="get"} 0 1',
      '{__meta_type="baseline_total", name="nil"} 0 5',
      '{__meta_type="selection", status="error"} 0 2',
      '{__meta_type="selection", resource.service.name="db"} 0 1',
      '{__meta_type="baseline", span.code="200"} 0 2',
      '{__meta_type="selection_total", span.rows="nil"} 0 1',
      '{__meta_type="selection", rootName="get"} 0 2',
      '{__meta_type="baseline", rootServiceName="web"} 0 5',
      '{__meta_type="baseline", statusMessage=""} 0 5',
      '{__meta_type="selection", instrumentation:name=""} 0 2',
      '{__meta_error="__too_many_values__", kind="nil"} ',
    ]) {
      assert.ok(shown.includes(line), `${line} in\n${shown.join('\n')}`);
    }
    const total = series.find((one) => shownLabels(one) === '{__meta_type="baseline_total", name="nil"}');
    assert.deepEqual(total?.exemplars?.[0]?.labels, [
      { key: 'trace:id', value: { stringValue: 'a'.padStart(32, '0') } },
    ]);
  });

  it('compares alike by SQL and span by span', async () => {
    const shown = async (text: string) => {
      const series = await query(text, `&start=${start}&end=${start + 180}&step=60s`);
      return series
        .map((one) =>
          [shownLabels(one), ...one.samples.map(({ value }) => value), one.exemplars?.length].join(' '),
        )
        .sort();
    };
    for (const selection of ['{ status = error }', '{ span.rows > 2 }, 100']) {
      const bySql = await shown(`{ name != "x" } | compare(${selection})`);
      assert.ok(bySql.length > 20);
      assert.deepEqual(await shown(`{ name != "x" && duration * 1 > 0 } | compare(${selection})`), bySql);
      assert.deepEqual(
        await shown(`{ name != "x" } | compare(${selection.replace(' }', ' && duration * 1 > 0 }')})`),
        bySql,
      );
    }
    const below = await shown('{ kind = server } > { name = "sql" } | compare({ status = error })');
    assert.ok(below.includes('{__meta_type="selection", span.rows="3"} 0 1 0 0 '), below.join('\n'));
  });
});
