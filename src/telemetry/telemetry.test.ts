import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { after, beforeEach, describe, it } from 'node:test';
import { Counter, createTelemetry, Gauge, Histogram, traced } from './index.js';
import { leadsToItself, startOwnExport, type ExportOptions } from './export.js';
import { processMetrics } from './process.js';
import { queryMetrics } from '../query/server/metrics.js';

interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

const received: Received[] = [];
let status = 200;
const receiver = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    received.push({ path: request.url ?? '', headers: request.headers, body });
    response.writeHead(status).end('{}');
  });
});
receiver.listen(0, '127.0.0.1');
await once(receiver, 'listening');
const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;

after(() => {
  receiver.closeAllConnections();
  receiver.close();
});
beforeEach(() => {
  received.length = 0;
  status = 200;
});

const hour = 3_600_000;

function exporter(options: Partial<ExportOptions> = {}) {
  const telemetry = createTelemetry('silent');
  const own = startOwnExport({
    telemetry,
    endpoint,
    headers: { 'x-tenant': 'ops' },
    metricsIntervalMs: hour,
    spansIntervalMs: hour,
    ownAddresses: ['127.0.0.1:1'],
    version: '1.2.3',
    instanceId: 'node-1',
    ...options,
  });
  return { telemetry, own };
}

async function value(telemetry: ReturnType<typeof createTelemetry>, name: string): Promise<number> {
  const metric = await telemetry.registry.getSingleMetric(name)?.get();
  return metric?.values.reduce((sum, sample) => sum + sample.value, 0) ?? 0;
}

function metricsOf(body: Record<string, unknown>): Record<string, unknown>[] {
  const [resource] = body['resourceMetrics'] as { scopeMetrics: { metrics: Record<string, unknown>[] }[] }[];
  return resource?.scopeMetrics[0]?.metrics ?? [];
}

describe('export of own telemetry', () => {
  it('sends counters, gauges and histograms as OTLP', async () => {
    const { telemetry, own } = exporter();
    const registers = [telemetry.registry];
    new Counter({ name: 'things_total', help: 'Things.', labelNames: ['kind'], registers }).inc(
      { kind: 'a' },
      3,
    );
    new Gauge({ name: 'level', help: 'Level.', registers }).set(1.5);
    const histogram = new Histogram({ name: 'took_seconds', help: 'Took.', buckets: [1, 5], registers });
    for (const seconds of [0.5, 0.7, 3, 9]) histogram.observe(seconds);
    await own.stop();
    const request = received.find(({ path }) => path === '/v1/metrics');
    assert.ok(request);
    assert.equal(request.headers['x-tenant'], 'ops');
    assert.equal(request.headers['x-canardstack-export'], 'node-1');
    const metrics = metricsOf(request.body);
    const find = (name: string) => metrics.find((metric) => metric['name'] === name);
    const sum = find('things')?.['sum'] as { isMonotonic: boolean; dataPoints: Record<string, unknown>[] };
    assert.equal(sum.isMonotonic, true);
    assert.equal(sum.dataPoints[0]?.['asDouble'], 3);
    assert.deepEqual(sum.dataPoints[0]?.['attributes'], [{ key: 'kind', value: { stringValue: 'a' } }]);
    const gauge = find('level')?.['gauge'] as { dataPoints: Record<string, unknown>[] };
    assert.equal(gauge.dataPoints[0]?.['asDouble'], 1.5);
    const point = (find('took_seconds')?.['histogram'] as { dataPoints: Record<string, unknown>[] })
      .dataPoints[0];
    assert.deepEqual(point?.['bucketCounts'], ['2', '1', '1']);
    assert.deepEqual(point?.['explicitBounds'], [1, 5]);
    assert.equal(point?.['count'], '4');
    assert.equal(point?.['sum'], 13.2);
  });

  it('sends spans with their outcome', async () => {
    const { telemetry, own } = exporter();
    await traced(telemetry.tracer, { name: 'checkpoint' }, async () => 1);
    await assert.rejects(
      traced(telemetry.tracer, { name: 'seal' }, async () => {
        throw new TypeError('SELECT secret');
      }),
    );
    const observer = queryMetrics(telemetry);
    observer.started('prometheus');
    observer.finished('prometheus', 'timeout', 2);
    await own.flush();
    await own.stop();
    const request = received.find(({ path }) => path === '/v1/traces');
    assert.ok(request);
    const [resource] = request.body['resourceSpans'] as {
      scopeSpans: { spans: Record<string, unknown>[] }[];
    }[];
    const spans = resource?.scopeSpans[0]?.spans ?? [];
    assert.deepEqual(
      spans.map((span) => [span['name'], span['status']]),
      [
        ['checkpoint', {}],
        ['seal', { code: 2, message: 'TypeError' }],
        ['query prometheus', { code: 2, message: 'timeout' }],
      ],
    );
    const query = spans[2] ?? {};
    assert.equal(Number(query['endTimeUnixNano']) - Number(query['startTimeUnixNano']) >= 1.9e9, true);
    assert.doesNotMatch(JSON.stringify(request.body), /SELECT secret/);
    assert.equal(await value(telemetry, 'canardstack_queries_in_flight'), 0);
  });

  it('keeps spans while the receiver is away, up to its bound, and counts what it drops', async () => {
    const { telemetry, own } = exporter({ queueCapacity: 3 });
    status = 503;
    const record = () => telemetry.tracer?.record({ name: 's', startMs: 1, endMs: 2 });
    for (let i = 0; i < 5; i++) record();
    await own.flush();
    assert.equal(await value(telemetry, 'canardstack_export_dropped_spans_total'), 2);
    status = 200;
    await own.flush();
    assert.equal(await value(telemetry, 'canardstack_export_dropped_spans_total'), 2);
    status = 400;
    record();
    await own.flush();
    assert.equal(await value(telemetry, 'canardstack_export_dropped_spans_total'), 3);
    await own.stop();
  });

  it('leaves out spans of own ingest when it sends to itself', async () => {
    const { telemetry, own } = exporter({ ownAddresses: [new URL(endpoint).host] });
    telemetry.tracer?.record({ name: 'seal', startMs: 1, endMs: 2, ingest: true });
    await own.stop();
    assert.deepEqual(
      received.map(({ path }) => path),
      ['/v1/metrics'],
    );
  });

  it('notices its own address under other names', () => {
    const own = ['0.0.0.0:4318'];
    assert.equal(leadsToItself('http://localhost:4318', own), true);
    assert.equal(leadsToItself('http://[::1]:4318/', own), true);
    assert.equal(leadsToItself('http://127.0.0.1:4319', own), false);
    assert.equal(leadsToItself('http://collector.example:4318', own), false);
  });
});

describe('processMetrics', () => {
  it('gives the build and keeps answering when DuckDB does not', async () => {
    const telemetry = createTelemetry('silent');
    processMetrics(telemetry, { version: '1', duckdb: '2', ducklake: '3' }, () =>
      Promise.reject(new Error('away')),
    );
    const text = await telemetry.registry.metrics();
    assert.match(text, /canardstack_build_info\{version="1",duckdb="2",ducklake="3"\} 1/);
    assert.match(text, /process_cpu_seconds_total/);
    assert.match(text, /nodejs_eventloop_lag_seconds/);
  });
});

describe('the log', () => {
  it('masks secrets', async () => {
    const sink = new PassThrough();
    const { log } = createTelemetry('info', sink);
    log.info({
      apiKey: 'hunter2',
      request: { headers: { authorization: 'hunter2', 'x-api-key': 'hunter2' } },
    });
    const text = String(sink.read());
    assert.match(text, /Redacted/);
    assert.doesNotMatch(text, /hunter2/);
  });
});
