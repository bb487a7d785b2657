import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Counter, Gauge, Histogram, Registry } from '../telemetry/index.js';
import { parsePrometheusText } from './prometheus-text.js';
import { displayWidth } from './table.js';
import { bucketQuantile, topView } from './top-model.js';
import { bar, formatCount, formatSeconds, renderTop, renderTopLine, sparkline } from './top-screen.js';

/** Two scrapes of a registry, two seconds apart. */
async function scrapes() {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'canardstack_otlp_requests_total',
    help: 'h',
    labelNames: ['signal', 'transport', 'code'],
    registers,
  });
  const refusals = new Counter({
    name: 'canardstack_otlp_refusals_total',
    help: 'h',
    labelNames: ['signal', 'reason'],
    registers,
  });
  const ack = new Histogram({
    name: 'canardstack_otlp_ack_seconds',
    help: 'h',
    labelNames: ['signal', 'transport'],
    buckets: [0.01, 0.1, 1],
    registers,
  });
  const files = new Gauge({ name: 'canardstack_lake_files', help: 'h', labelNames: ['table'], registers });
  requests.inc({ signal: 'logs', transport: 'http', code: '200' }, 100);
  ack.observe({ signal: 'logs', transport: 'http' }, 5);
  const before = parsePrometheusText(await registry.metrics());
  requests.inc({ signal: 'logs', transport: 'http', code: '200' }, 30);
  requests.inc({ signal: 'logs', transport: 'grpc', code: 'OK' }, 10);
  refusals.inc({ signal: 'logs', reason: 'raw_spool_full' }, 4);
  for (let i = 0; i < 100; i++) ack.observe({ signal: 'logs', transport: 'http' }, 0.05);
  files.set({ table: 'logs' }, 3);
  files.set({ table: 'spans' }, 4);
  const after = parsePrometheusText(await registry.metrics());
  return { before, after };
}

describe('parsePrometheusText', () => {
  it('reads what prom-client writes, escapes included', async () => {
    const registry = new Registry();
    new Gauge({ name: 'g', help: 'a\nb', labelNames: ['l'], registers: [registry] }).set(
      { l: 'x"y\\z\n,}' },
      -1.5,
    );
    assert.deepEqual(parsePrometheusText(await registry.metrics()).get('g'), [
      { labels: { l: 'x"y\\z\n,}' }, value: -1.5 },
    ]);
    assert.equal(
      parsePrometheusText('x{le="+Inf"} +Inf 1700000000\nnonsense').get('x')?.[0]?.value,
      Infinity,
    );
  });
});

describe('topView', () => {
  it('gives rates, percentiles of the interval and sums', async () => {
    const { before, after } = await scrapes();
    const view = topView(before, after, 2);
    const logs = view.signals[0];
    assert.equal(logs?.requestsPerSecond, 20);
    assert.equal(logs?.refusalsPerSecond, 2);
    // The observation of 5 s lies before the interval and must not count.
    assert.ok(logs?.ack && logs.ack.p50 > 0.01 && logs.ack.p99 <= 0.1, JSON.stringify(logs));
    assert.equal(view.lake.files, 7);
    assert.equal(view.freshnessProjectedSeconds, null);
    assert.deepEqual(view.refusals, [{ reason: 'raw_spool_full', perSecond: 2 }]);
  });

  it('counts a restarted server from zero', async () => {
    const { before, after } = await scrapes();
    assert.equal(topView(after, before, 2).signals[0]?.requestsPerSecond, 50);
  });
});

describe('bucketQuantile', () => {
  it('interpolates and knows what lies beyond the last bound', () => {
    const buckets: [number, number][] = [
      [1, 0],
      [2, 10],
      [Infinity, 20],
    ];
    assert.equal(bucketQuantile(0.25, buckets), 1.5);
    assert.equal(bucketQuantile(0.9, buckets), Infinity);
    assert.ok(Number.isNaN(bucketQuantile(0.5, [[1, 0]])));
  });
});

describe('the screen', () => {
  it('never is wider than the terminal and has colours only when asked', async () => {
    const { before, after } = await scrapes();
    const view = topView(before, after, 2);
    const history = { bytesPerSecond: [1, 2, 3], freshness: [1], cores: [0.5] };
    for (const width of [20, 80, 200]) {
      const lines = renderTop(view, history, 'http://127.0.0.1:4318', { width, color: false }, '12:00:00');
      for (const line of lines) assert.ok(displayWidth(line) <= width, line);
      assert.ok(!lines.join('').includes('\u001b'));
    }
    const lines = renderTop(view, history, 'u', { width: 120, color: true }, '12:00:00').join('\n');
    assert.ok(lines.includes('\u001b[31;1mraw_spool_full 2/s'));
    assert.match(renderTopLine(view, '12:00:00'), /^12:00:00 \| logs 20 req\/s .* refused 2\/s$/);
  });

  it('draws bars, sparklines and figures', () => {
    assert.equal(bar(0.5, 4), '██░░');
    assert.equal(bar(2, 3), '███');
    assert.equal(bar(0.3125, 4), '█▎░░');
    assert.equal(sparkline([0, 5, 10], 5), '  ▁▅█');
    assert.equal(sparkline([0, 0], 2), '▁▁');
    assert.deepEqual([0, 12.34, 4321, 12_345, 2e6].map(formatCount), ['0', '12.3', '4321', '12.3k', '2.0M']);
    assert.deepEqual([null, 0.0004, 0.05, 2, Infinity].map(formatSeconds), [
      '–',
      '400 µs',
      '50 ms',
      '2.0 s',
      '>max',
    ]);
  });
});
