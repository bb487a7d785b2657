import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace, ValueType } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { OTLPLogExporter as LogsGrpc } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as LogsJson } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as LogsProto } from '@opentelemetry/exporter-logs-otlp-proto';
import { OTLPMetricExporter as MetricsGrpc } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPMetricExporter as MetricsJson } from '@opentelemetry/exporter-metrics-otlp-http';
import { OTLPMetricExporter as MetricsProto } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter as TracesGrpc } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as TracesJson } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as TracesProto } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { LoggerProvider, SimpleLogRecordProcessor, type LogRecordExporter } from '@opentelemetry/sdk-logs';
import {
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { eventually, sql, startServer, type TestServer } from './support/server.js';

interface Exporters {
  logs: LogRecordExporter;
  traces: SpanExporter;
  metrics: PushMetricExporter;
}

const transports: Record<string, (server: TestServer) => Exporters> = {
  'http/protobuf': ({ url }) => ({
    logs: new LogsProto({ url: `${url}/v1/logs` }),
    traces: new TracesProto({ url: `${url}/v1/traces` }),
    metrics: new MetricsProto({ url: `${url}/v1/metrics` }),
  }),
  'http/json': ({ url }) => ({
    logs: new LogsJson({ url: `${url}/v1/logs` }),
    traces: new TracesJson({ url: `${url}/v1/traces` }),
    metrics: new MetricsJson({ url: `${url}/v1/metrics` }),
  }),
  grpc: ({ grpc }) => ({
    logs: new LogsGrpc({ url: `http://${grpc}` }),
    traces: new TracesGrpc({ url: `http://${grpc}` }),
    metrics: new MetricsGrpc({ url: `http://${grpc}` }),
  }),
};

function resource(service: string) {
  return resourceFromAttributes({
    'service.name': service,
    'service.namespace': 'shop',
    'service.instance.id': 'i-1',
    'deployment.environment.name': 'test',
    'host.name': 'node-1',
    'process.pid': 42,
  });
}

const hr = (ns: bigint): [number, number] => [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(async () => {
  assert.equal(await server.stop(), 0);
});

async function rowsOf(table: string, service: string, atLeast: number, order = 'time_unix_nano') {
  return eventually(async () => {
    const rows = await sql(
      server,
      `SELECT * FROM lake.${table} WHERE service_name = '${service}' ORDER BY ${order}`,
    );
    return rows.length >= atLeast ? rows : undefined;
  });
}

for (const [transport, exporters] of Object.entries(transports)) {
  const service = `sdk-${transport.replace('/', '-')}`;
  const expectResource = (row: Record<string, unknown>) => {
    assert.equal(row['service_namespace'], 'shop');
    assert.equal(row['service_instance_id'], 'i-1');
    assert.equal(row['deployment_environment_name'], 'test');
    assert.equal(row['host_name'], 'node-1');
    assert.equal(row['k8s_pod_name'], null);
    assert.deepEqual(JSON.parse(row['resource_attributes'] as string), {
      'service.name': service,
      'service.namespace': 'shop',
      'service.instance.id': 'i-1',
      'deployment.environment.name': 'test',
      'host.name': 'node-1',
      'process.pid': 42,
    });
    assert.equal(row['scope_name'], 'scope');
    assert.equal(row['scope_version'], '1.2.3');
    assert.equal(row['source_format'], transport === 'http/json' ? 'otlp_json' : 'otlp_protobuf');
  };

  describe(`OpenTelemetry JS SDK over ${transport}`, () => {
    it('keeps every field of log records', async () => {
      const provider = new LoggerProvider({
        resource: resource(service),
        processors: [new SimpleLogRecordProcessor({ exporter: exporters(server).logs })],
      });
      const logger = provider.getLogger('scope', '1.2.3', { schemaUrl: 'https://schema/1' });
      const base = BigInt(Date.now()) * 1_000_000n;
      const context = trace.setSpanContext(ROOT_CONTEXT, {
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
        traceFlags: TraceFlags.SAMPLED,
      });
      const bodies: [unknown, string, string][] = [
        ['zażółć 🦆 plain', 'string', 'zażółć 🦆 plain'],
        [12, 'int', '12'],
        [1.5, 'double', '1.5'],
        [true, 'bool', 'true'],
        [Uint8Array.of(1, 2, 255), 'bytes', 'AQL/'],
        [['a', 1, false], 'array', '["a",1,false]'],
        [{ k: 'v', n: { m: [1] } }, 'kvlist', '{"k":"v","n":{"m":[1]}}'],
      ];
      for (const [i, [body]] of bodies.entries()) {
        logger.emit({
          timestamp: hr(base + BigInt(i) * 1000n + 1n),
          observedTimestamp: hr(base + BigInt(i) * 1000n + 7n),
          severityNumber: SeverityNumber.WARN2,
          severityText: 'WARN2',
          body: body as string,
          eventName: 'event.name',
          attributes: {
            'a.string': 'q"\\\n',
            int: 9007199254740991,
            float: 0.25,
            flag: false,
            list: ['x', 'y'],
          },
          context,
        });
      }
      await provider.forceFlush();
      await provider.shutdown();
      const rows = await rowsOf('logs', service, bodies.length);
      assert.equal(rows.length, bodies.length);
      for (const [i, row] of rows.entries()) {
        const [, type, text] = bodies[i] as [unknown, string, string];
        expectResource(row);
        assert.equal(row['scope_schema_url'], 'https://schema/1');
        assert.equal(String(row['time_unix_nano']), String(base + BigInt(i) * 1000n + 1n));
        assert.equal(String(row['observed_time_unix_nano']), String(base + BigInt(i) * 1000n + 7n));
        assert.equal(row['severity_number'], SeverityNumber.WARN2);
        assert.equal(row['severity_text'], 'WARN2');
        assert.equal(row['event_name'], 'event.name');
        assert.equal(row['trace_id'], '0af7651916cd43dd8448eb211c80319c');
        assert.equal(row['span_id'], 'b7ad6b7169203331');
        assert.equal(Number(row['flags']), 1);
        assert.equal(row['body_type'], type);
        assert.equal(row['body'], text);
        assert.deepEqual(JSON.parse(row['log_attributes'] as string), {
          'a.string': 'q"\\\n',
          int: 9007199254740991,
          float: 0.25,
          flag: false,
          list: ['x', 'y'],
        });
      }
    });

    it('keeps every field of spans', async () => {
      const provider = new BasicTracerProvider({
        resource: resource(service),
        spanProcessors: [new SimpleSpanProcessor(exporters(server).traces)],
      });
      const tracer = provider.getTracer('scope', '1.2.3');
      const base = BigInt(Date.now()) * 1_000_000n;
      const root = tracer.startSpan(
        'root',
        { kind: SpanKind.SERVER, startTime: hr(base + 1n) },
        ROOT_CONTEXT,
      );
      const child = tracer.startSpan(
        'child',
        {
          kind: SpanKind.CLIENT,
          startTime: hr(base + 1_000_001n),
          attributes: { 'http.request.method': 'GET', 'http.response.status_code': 503, ratio: 0.5 },
          links: [{ context: root.spanContext(), attributes: { why: 'test' } }],
        },
        trace.setSpan(ROOT_CONTEXT, root),
      );
      child.addEvent('exception', { 'exception.type': 'Boom' }, hr(base + 1_500_000n));
      child.setStatus({ code: SpanStatusCode.ERROR, message: 'went boom' });
      child.end(hr(base + 2_000_009n));
      root.end(hr(base + 3_000_000n));
      await provider.forceFlush();
      await provider.shutdown();
      const rows = await rowsOf('spans', service, 2, 'start_time_unix_nano');
      assert.equal(rows.length, 2);
      const [first, second] = rows as [Record<string, unknown>, Record<string, unknown>];
      expectResource(first);
      expectResource(second);
      assert.equal(first['span_name'], 'root');
      assert.equal(first['span_kind'], 2);
      assert.equal(first['parent_span_id'], null);
      assert.equal(first['trace_id'], root.spanContext().traceId);
      assert.equal(first['span_id'], root.spanContext().spanId);
      assert.equal(first['status_code'], 0);
      assert.equal(second['span_name'], 'child');
      assert.equal(second['span_kind'], 3);
      assert.equal(second['parent_span_id'], root.spanContext().spanId);
      assert.equal(String(second['start_time_unix_nano']), String(base + 1_000_001n));
      assert.equal(String(second['end_time_unix_nano']), String(base + 2_000_009n));
      assert.equal(String(second['duration_nano']), '1000008');
      assert.equal(String(second['duration']), '1');
      assert.equal(second['status_code'], 2);
      assert.equal(second['status_message'], 'went boom');
      assert.equal(second['http_request_method'], 'GET');
      assert.equal(second['http_response_status_code'], '503');
      assert.deepEqual(JSON.parse(second['span_attributes'] as string), {
        'http.request.method': 'GET',
        'http.response.status_code': 503,
        ratio: 0.5,
      });
      const [event] = JSON.parse(second['events_json'] as string) as Record<string, unknown>[];
      assert.equal(event?.['name'], 'exception');
      assert.equal(event?.['time_unix_nano'], String(base + 1_500_000n));
      assert.deepEqual(event?.['attributes'], { 'exception.type': 'Boom' });
      const [link] = JSON.parse(second['links_json'] as string) as Record<string, unknown>[];
      assert.equal(link?.['trace_id'], root.spanContext().traceId);
      assert.equal(link?.['span_id'], root.spanContext().spanId);
      assert.deepEqual(link?.['attributes'], { why: 'test' });
    });

    it('keeps metrics of the kinds the SDK makes', async () => {
      const reader = new PeriodicExportingMetricReader({
        exporter: exporters(server).metrics,
        exportIntervalMillis: 60_000,
      });
      const provider = new MeterProvider({
        resource: resource(service),
        readers: [reader],
        views: [
          {
            instrumentName: 'request.exp',
            aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: 20 } },
          },
          {
            instrumentName: 'request.duration',
            aggregation: {
              type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM,
              options: { boundaries: [1, 5, 10] },
            },
          },
        ],
      });
      const meter = provider.getMeter('scope', '1.2.3');
      meter
        .createCounter('requests', { description: 'Requests', unit: '{request}', valueType: ValueType.INT })
        .add(7, {
          route: '/a',
        });
      meter.createUpDownCounter('in.flight').add(-2.5, { route: '/a' });
      meter.createGauge('temperature', { unit: 'Cel' }).record(21.5, { room: 'x' });
      const histogram = meter.createHistogram('request.duration', { unit: 's' });
      for (const value of [0.5, 3, 3, 20]) histogram.record(value, { route: '/a' });
      const exponential = meter.createHistogram('request.exp', { unit: 'By' });
      for (const value of [1, 2, 4, 0]) exponential.record(value);
      await provider.forceFlush();
      await provider.shutdown();

      const sums = await rowsOf('metric_sum', service, 2, 'metric_name DESC');
      const counter = sums.find((row) => row['metric_name'] === 'requests');
      assert.ok(counter);
      expectResource(counter);
      assert.equal(counter['prometheus_name'], 'requests_total');
      assert.equal(counter['metric_description'], 'Requests');
      assert.equal(counter['metric_unit'], '{request}');
      assert.equal(counter['value'], 7);
      assert.equal(counter['is_monotonic'], true);
      assert.equal(counter['aggregation_temporality'], 2);
      assert.deepEqual(JSON.parse(counter['metric_attributes'] as string), { route: '/a' });
      assert.notEqual(counter['start_time_unix_nano'], null);
      const upDown = sums.find((row) => row['metric_name'] === 'in.flight');
      assert.equal(upDown?.['value'], -2.5);
      assert.equal(upDown?.['is_monotonic'], false);

      const [gauge] = await rowsOf('metric_gauge', service, 1);
      assert.equal(gauge?.['value'], 21.5);
      assert.equal(gauge?.['prometheus_name'], 'temperature_celsius');

      const [explicit] = await rowsOf('metric_histogram', service, 1);
      assert.equal(Number(explicit?.['count']), 4);
      assert.equal(explicit?.['sum'], 26.5);
      assert.equal(explicit?.['min'], 0.5);
      assert.equal(explicit?.['max'], 20);
      assert.deepEqual((explicit?.['bucket_counts'] as unknown[]).map(Number), [1, 2, 0, 1]);
      assert.deepEqual(explicit?.['explicit_bounds'], [1, 5, 10]);

      const [exp] = await rowsOf('metric_exponential_histogram', service, 1);
      assert.equal(Number(exp?.['count']), 4);
      assert.equal(exp?.['sum'], 7);
      assert.equal(Number(exp?.['zero_count']), 1);
      const positive = (exp?.['positive_bucket_counts'] as unknown[]).map(Number);
      assert.equal(
        positive.reduce((a, b) => a + b, 0),
        3,
      );
    });
  });
}
