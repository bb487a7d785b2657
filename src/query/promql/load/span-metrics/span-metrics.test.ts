import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { testLake, type TestLake } from '../../../../../test/support/lake.js';
import { metricPoint, scriptStart } from '../../../../../test/support/promql.js';
import type { ReadSession } from '../../../../lake/session.js';
import type { QueryContext, QueryLimits } from '../../../server/guard.js';
import { findSeries, eachSeries, metricNames } from '../../api/series.js';
import { findExemplars } from '../../api/exemplars.js';
import { metricMetadata } from '../../api/metadata.js';
import type { Labels } from '../../../series/labels.js';
import { execute } from '../../exec/engine.js';
import { parse, parseSelector } from '../../plan/prepare.js';

const minute = 60_000;
const end = scriptStart + 30 * minute;
const window = { from: scriptStart, to: end };

let lake: TestLake;
let spans = 0;

interface Given {
  readonly at: number;
  readonly ms?: number;
  readonly kind?: number;
  readonly status?: number | null;
  readonly service?: string;
  readonly name?: string;
  readonly trace?: string;
  readonly id?: string;
  readonly parent?: string | null;
  readonly attributes?: Record<string, unknown>;
  readonly resource?: Record<string, unknown>;
}

/** A span that begins `at` milliseconds after the start. */
function span(given: Given): Record<string, unknown> {
  const number = String(++spans).padStart(16, '0');
  const startMs = scriptStart + given.at;
  const start = BigInt(startMs) * 1_000_000n;
  const duration = BigInt(given.ms ?? 10) * 1_000_000n;
  return {
    timestamp: new Date(startMs).toISOString().replace('T', ' ').replace('Z', ''),
    start_time_unix_nano: start,
    end_time_unix_nano: start + duration,
    duration_nano: duration,
    trace_id: given.trace ?? number.padStart(32, '0'),
    span_id: given.id ?? number,
    parent_span_id: given.parent === undefined ? 'fedcba9876543210' : given.parent,
    service_name: given.service ?? 'shop',
    span_name: given.name ?? 'GET /',
    span_kind: given.kind ?? 1,
    status_code: given.status === undefined ? 0 : given.status,
    span_attributes: JSON.stringify(given.attributes ?? {}),
    resource_attributes: JSON.stringify(given.resource ?? { 'service.name': given.service ?? 'shop' }),
  };
}

before(async () => {
  lake = await testLake({}, 'one commit');
  const call = { trace: 'a'.repeat(32), id: '00000000000000aa' };
  const slow = { trace: 'b'.repeat(32), id: '00000000000000bb' };
  const queue = { trace: 'c'.repeat(32), id: '00000000000000cc' };
  await lake.insert('spans', [
    // Ten spans, one a minute, of which two failed; durations 1, 2, 4, ... 512 ms.
    ...Array.from({ length: 10 }, (_, i) =>
      span({
        at: i * minute,
        ms: 2 ** i,
        service: 'web',
        name: 'GET /x',
        status: i < 2 ? 2 : null,
        attributes: { 'http.route': i < 5 ? '/a' : '/b', service: 's' },
      }),
    ),
    // A request between services, and one that the server failed at; the client begins before the window.
    span({ ...call, at: 20 * minute, ms: 300, kind: 3, service: 'cart' }),
    span({ ...call, at: 20 * minute + 50, ms: 150, kind: 2, service: 'bank', id: '1', parent: call.id }),
    span({ ...slow, at: -2000, ms: 9000, kind: 3, service: 'cart' }),
    span({ ...slow, at: 1000, ms: 5000, kind: 2, service: 'bank', id: '2', parent: slow.id, status: 2 }),
    span({ ...queue, at: 5 * minute, ms: 1, kind: 4, service: 'cart' }),
    span({ ...queue, at: 8 * minute, ms: 20, kind: 5, service: 'mailer', id: '3', parent: queue.id }),
    // A database, a service that sends no spans, a call that nobody names, a request from outside.
    span({
      at: minute,
      ms: 3,
      kind: 3,
      service: 'bank',
      attributes: { 'db.system.name': 'postgresql', 'db.namespace': 'orders' },
    }),
    span({
      at: minute,
      ms: 3,
      kind: 3,
      service: 'bank',
      attributes: { 'db.system': 'redis', 'server.address': 'cache-1' },
    }),
    span({
      at: minute,
      ms: 700,
      kind: 3,
      service: 'bank',
      status: 2,
      attributes: { 'peer.service': 'issuer' },
    }),
    span({ at: minute, kind: 3, service: 'bank', attributes: { 'server.address': 'unknown' } }),
    span({ at: minute, ms: 30, kind: 2, service: 'web', parent: null }),
  ]);
  await lake.insert('metric_gauge', [{ ...metricPoint(scriptStart + minute, 'up', {}), value: 1 }]);
});

after(() => lake.close());

function within<T>(work: (ctx: QueryContext) => Promise<T>, limits: Partial<QueryLimits> = {}): Promise<T> {
  return lake.guard.run('test', new AbortController().signal, (ctx) =>
    work({ ...ctx, limits: { ...ctx.limits, ...limits } }),
  );
}

/** `labels value` of each series at the end, sorted. */
async function instant(expr: string, limits: Partial<QueryLimits> = {}, at = end): Promise<string[]> {
  const times = { start: at, end: at, step: 0, lookback: 5 * minute };
  const result = await within((ctx) => execute(ctx, parse(expr), times), limits);
  if (!('series' in result)) return [];
  return result.series
    .map(({ labels, points }) => `${labels.toString()} ${Number(points().values[0]?.toPrecision(9))}`)
    .sort();
}

describe('span metrics', () => {
  it('counts spans by service, name, kind and status', async () => {
    assert.deepEqual(await instant('increase(traces_spanmetrics_calls_total{service="web"}[31m])'), [
      '{service="web", span_kind="SPAN_KIND_INTERNAL", span_name="GET /x", status_code="STATUS_CODE_ERROR"} 2',
      '{service="web", span_kind="SPAN_KIND_INTERNAL", span_name="GET /x", status_code="STATUS_CODE_UNSET"} 8',
      '{service="web", span_kind="SPAN_KIND_SERVER", span_name="GET /", status_code="STATUS_CODE_UNSET"} 1',
    ]);
    const one = 'traces_spanmetrics_calls_total{span_name=~"GET /x",span_kind!="SPAN_KIND_SERVER"}';
    // Exactly what began in the range: after its start, up to and with its end.
    assert.deepEqual(await instant(`sum(increase(${one}[4m]))`, {}, scriptStart + 9 * minute), ['{} 4']);
    assert.deepEqual(await instant(`sum(rate(${one}[4m]))`, {}, scriptStart + 9 * minute - 1), [
      `{} ${Number((4 / 240).toPrecision(9))}`,
    ]);
    assert.deepEqual(await instant(one, {}, scriptStart + 20 * minute), []);
  });

  it('gives a range query the spans of each step', async () => {
    const times = {
      start: scriptStart + minute,
      end: scriptStart + 9 * minute,
      step: 2 * minute,
      lookback: 5 * minute,
    };
    const expr = 'sum(increase(traces_spanmetrics_calls_total{span_name="GET /x"}[2m]))';
    const result = await within((ctx) => execute(ctx, parse(expr), times));
    assert.deepEqual(
      'series' in result && Array.from(result.series[0]?.points().values ?? []),
      [2, 2, 2, 2, 2],
    );
  });

  it('has classic histograms of durations', async () => {
    const of = (part: string) => `increase(traces_spanmetrics_latency_${part}{span_name="GET /x"}[31m])`;
    assert.deepEqual(await instant(`sum(${of('sum')})`), ['{} 1.023']);
    assert.deepEqual(await instant(`sum(${of('count')})`), ['{} 10']);
    assert.deepEqual(
      await instant(`sum by (le) (${of('bucket{le=~"0.002|0.064|16.384|\\\\+Inf"}').replace('}{', ',')})`),
      ['{le="+Inf"} 10', '{le="0.002"} 2', '{le="0.064"} 7', '{le="16.384"} 10'],
    );
    const median = `histogram_quantile(0.5, sum by (le) (${of('bucket').replace('increase', 'rate')}))`;
    assert.deepEqual(await instant(median), ['{} 0.016']);
  });

  it('has dimensions by setting', async () => {
    const dimensions = ['http.route', 'service', 'service.name'];
    const found = await instant(
      'sum by (http_route, __service, service_name) (increase(traces_spanmetrics_calls_total{http_route!=""}[31m]))',
      { spanMetrics: { dimensions } },
    );
    assert.deepEqual(found, [
      '{__service="s", http_route="/a", service_name="web"} 5',
      '{__service="s", http_route="/b", service_name="web"} 5',
    ]);
  });

  it('finds requests between services', async () => {
    const requests =
      'sum by (client, server, connection_type) (increase(traces_service_graph_request_total[30m]))';
    assert.deepEqual(await instant(requests), [
      '{client="bank", connection_type="database", server="cache-1"} 1',
      '{client="bank", connection_type="database", server="orders"} 1',
      '{client="bank", connection_type="virtual_node", server="issuer"} 1',
      '{client="cart", connection_type="messaging_system", server="mailer"} 1',
      '{client="cart", server="bank"} 2',
      '{client="user", connection_type="virtual_node", server="web"} 1',
    ]);
    assert.deepEqual(await instant('increase(traces_service_graph_request_failed_total[30m])'), [
      '{client="bank", connection_type="virtual_node", server="issuer"} 1',
      '{client="cart", server="bank"} 1',
    ]);
    // A failure counts when it was, whatever succeeded later.
    const last = parse('timestamp(traces_service_graph_request_failed_total{client="cart"})');
    const times = { start: end, end, step: 0, lookback: 30 * minute };
    const result = await within((ctx) => execute(ctx, last, times));
    const values = 'series' in result && Array.from(result.series[0]?.points().values ?? []);
    assert.deepEqual(values, [scriptStart / 1000 + 1]);
    const edge = '{client="cart",server="bank"}[30m]';
    assert.deepEqual(await instant(`increase(traces_service_graph_request_server_seconds_sum${edge})`), [
      '{client="cart", server="bank"} 5.15',
    ]);
    assert.deepEqual(await instant(`increase(traces_service_graph_request_client_seconds_sum${edge})`), [
      '{client="cart", server="bank"} 9.3',
    ]);
    const buckets =
      'increase(traces_service_graph_request_server_seconds_bucket{client="cart",server="bank",le=~"0.1|0.2|6.4|12.8"}[30m])';
    assert.deepEqual(
      (await instant(buckets)).map((line) => line.replace('client="cart", ', '')),
      [
        '{le="0.1", server="bank"} 0',
        '{le="0.2", server="bank"} 1',
        '{le="12.8", server="bank"} 2',
        '{le="6.4", server="bank"} 2',
      ],
    );
  });

  it('measures what messages wait, of connections by messages alone', async () => {
    const of = (part: string) =>
      `increase(traces_service_graph_request_messaging_system_seconds_${part}[30m])`;
    const edge = '{client="cart", connection_type="messaging_system", server="mailer"}';
    assert.deepEqual(await instant(of('sum')), [`${edge} 179.999`]);
    assert.deepEqual(await instant(of('count')), [`${edge} 1`]);
    assert.deepEqual(
      await instant(`sum by (le, client) (${of('bucket').replace('[', '{le=~"12.8|\\\\+Inf"}[')})`),
      ['{client="cart", le="+Inf"} 1', '{client="cart", le="12.8"} 0'],
    );
  });

  it('adds up the sizes of spans', async () => {
    const [line = ''] = await instant(
      'increase(traces_spanmetrics_size_total{service="web",span_kind="SPAN_KIND_SERVER"}[31m])',
    );
    // A name of 5 bytes and attributes of 2, on what all spans have.
    assert.match(line, / 67$/);
  });

  it('has exemplars of the buckets: the slowest of each interval', async () => {
    const ofBuckets = async (selector: string) =>
      (await within((ctx) => findExemplars(ctx, parse(selector), window))).map(
        ({ seriesLabels, exemplars }) => ({
          le: seriesLabels.get('le'),
          exemplars: exemplars.map(({ labels, value, timestamp }) => [
            labels.get('trace_id').slice(-4),
            value,
            Math.round(timestamp * 1000) - scriptStart,
          ]),
        }),
      );
    const spans = await ofBuckets('traces_spanmetrics_latency_bucket{service="bank",span_name="GET /"}');
    assert.deepEqual(
      spans.find(({ le }) => le === '8.192'),
      { le: '8.192', exemplars: [['bbbb', '5', 1000]] },
    );
    const edges = await ofBuckets(
      'traces_service_graph_request_client_seconds_bucket{client="cart",server="bank"}',
    );
    assert.deepEqual(edges, [
      { le: '0.4', exemplars: [['aaaa', '0.3', 1_200_050]] },
      { le: '12.8', exemplars: [['bbbb', '9', 1000]] },
    ]);
    assert.deepEqual(await ofBuckets('traces_spanmetrics_calls_total'), []);
  });

  it('reads no spans for what cannot mean them', async () => {
    const read: string[] = [];
    const times = { start: end, end, step: 0, lookback: 5 * minute };
    const watched = (expr: string) =>
      within((ctx) => {
        const session: ReadSession = {
          rows: (...given) => ctx.session.rows(...given),
          stream: (...given) => {
            if (given[0].includes('lake.main.spans')) read.push(expr);
            return ctx.session.stream(...given);
          },
        };
        return execute({ ...ctx, session }, parse(expr), times);
      });
    for (const expr of [
      'up',
      '{job="x"}',
      '{service_name="web"}',
      '{__name__=~"up|down.*"}',
      '{__name__!~"traces_.*",__name__!=""}',
      '{"http.server.duration"}',
      'traces_spanmetrics_calls_total{client="x"}',
      'traces_spanmetrics_calls_total{le="1"}',
      '{__name__=~"traces_.*",job!=""}',
    ]) {
      await watched(expr);
    }
    assert.deepEqual(read, []);
    await watched('{__name__=~"traces_spanmetrics_.*"}');
    assert.equal(read.length, 1);
  });

  it('is in names, labels, series and metadata', async () => {
    const names = await within((ctx) => metricNames(ctx, window));
    assert.ok(names.includes('traces_spanmetrics_latency_bucket') && names.includes('up'), names.join());
    const selector = parseSelector(
      '{__name__="traces_service_graph_request_total",connection_type="database"}',
    );
    const series = await within((ctx) => findSeries(ctx, [selector], window));
    assert.deepEqual(
      series.map((labels) => labels.withoutName().toString()),
      [
        '{client="bank", connection_type="database", server="cache-1"}',
        '{client="bank", connection_type="database", server="orders"}',
      ],
    );
    const allLabels = async (limits: Partial<QueryLimits> = {}) => {
      const labels = new Map<string, Set<string>>();
      const add = (one: Labels) => {
        for (const [name, value] of one.entries())
          labels.set(name, (labels.get(name) ?? new Set()).add(value));
      };
      await within((ctx) => eachSeries(ctx, [], window, add), limits);
      return labels;
    };
    const labels = await allLabels();
    assert.deepEqual(await allLabels({ maxRows: 2 }), labels, 'more than are held');
    assert.deepEqual(
      [...(labels.get('service') ?? [])].sort(),
      ['bank', 'cart', 'mailer', 'shop', 'web'].filter((name) => name !== 'shop'),
    );
    assert.ok(labels.get('span_name')?.has('GET /x') && labels.get('status_code')?.has('STATUS_CODE_ERROR'));
    const sorted = (name: string) => [...(labels.get(name) ?? [])].sort();
    assert.deepEqual(sorted('status_code'), ['STATUS_CODE_ERROR', 'STATUS_CODE_UNSET'], 'those that occur');
    assert.ok(!sorted('span_kind').includes('SPAN_KIND_UNSPECIFIED'));
    const limits = { metrics: Infinity, perMetric: Infinity };
    const metadata = await within((ctx) => metricMetadata(ctx, window, 'traces_spanmetrics_latency', limits));
    assert.deepEqual(metadata, {
      traces_spanmetrics_latency: [{ type: 'histogram', help: 'Duration of spans', unit: 's' }],
    });
  });

  it('is nowhere when switched off, nor where no span is', async () => {
    const off = { spanMetrics: null };
    assert.deepEqual(await instant('increase({__name__=~"traces_.*"}[31m])', off), []);
    assert.deepEqual(
      (await within((ctx) => metricNames(ctx, window), off)).filter((name) => name.startsWith('traces_')),
      [],
    );
    const before = { from: scriptStart - 200 * minute, to: scriptStart - 100 * minute };
    assert.deepEqual(await within((ctx) => metricNames(ctx, before)), []);
  });

  it('gives way to metrics that were sent by its names', async () => {
    const name = 'traces_service_graph_request_total';
    await lake.insert('metric_gauge', [{ ...metricPoint(end - minute, name, { client: 'sent' }), value: 7 }]);
    assert.deepEqual(
      (await instant(`{__name__=~"${name}|up"}`)).map((line) => /client="\w+"/.exec(line)?.[0]),
      ['client="sent"'],
    );
  });
});
