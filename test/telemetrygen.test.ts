import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { eventually, longestWaitMs, sql, startServer, type TestServer } from './support/server.js';

const run = promisify(execFile);
const binary = process.env['TELEMETRYGEN'] || resolve('.cache/bin/telemetrygen');
const skip = existsSync(binary) ? false : process.env['TELEMETRYGEN_MISSING'] || 'telemetrygen is not built';

describe('telemetrygen', { skip }, () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(async () => {
    assert.equal(await server.stop(), 0);
  });

  const generate = (transport: 'grpc' | 'http', service: string, ...args: string[]) =>
    run(
      binary,
      [
        ...args,
        ...(transport === 'http'
          ? ['--otlp-http', '--otlp-endpoint', server.url.replace('http://', '')]
          : ['--otlp-endpoint', server.grpc]),
        '--otlp-insecure',
        '--rate=0',
        `--service=${service}`,
        '--otlp-attributes=deployment.environment.name="staging"',
        '--telemetry-attributes=color="blue"',
      ],
      { timeout: longestWaitMs },
    );

  const rowsOf = (table: string, service: string, n: number) =>
    eventually(async () => {
      const rows = await sql(server, `SELECT * FROM lake.${table} WHERE service_name = '${service}'`);
      return rows.length >= n ? rows : undefined;
    });

  const json = (row: Record<string, unknown>, column: string) =>
    JSON.parse(row[column] as string) as Record<string, unknown>;

  for (const transport of ['grpc', 'http'] as const) {
    it(`sends logs over ${transport}`, async () => {
      const service = `gen-logs-${transport}`;
      const traceId = '0af7651916cd43dd8448eb211c80319c';
      await generate(
        transport,
        service,
        'logs',
        '--logs=250',
        '--body=hello from the generator',
        '--severity-text=Warn',
        '--severity-number=13',
        `--trace-id=${traceId}`,
        '--span-id=b7ad6b7169203331',
      );
      const rows = await rowsOf('logs', service, 250);
      assert.equal(rows.length, 250);
      for (const row of rows) {
        assert.equal(row['body'], 'hello from the generator');
        assert.equal(row['body_type'], 'string');
        assert.equal(row['severity_text'], 'Warn');
        assert.equal(row['severity_number'], 13);
        assert.equal(row['trace_id'], traceId);
        assert.equal(row['span_id'], 'b7ad6b7169203331');
        assert.equal(row['deployment_environment_name'], 'staging');
        assert.equal(json(row, 'log_attributes')['color'], 'blue');
        assert.equal(json(row, 'resource_attributes')['service.name'], service);
        assert.ok(BigInt(String(row['time_unix_nano'])) > 0n);
      }
    });

    it(`sends traces over ${transport}`, async () => {
      const service = `gen-traces-${transport}`;
      await generate(
        transport,
        service,
        'traces',
        '--traces=40',
        '--child-spans=2',
        '--span-links=1',
        '--span-duration=2ms',
        '--status-code=Error',
      );
      const rows = await rowsOf('spans', service, 120);
      assert.equal(rows.length, 120);
      const roots = rows.filter((row) => row['parent_span_id'] === null);
      assert.equal(roots.length, 40);
      const ids = new Map(roots.map((row) => [row['trace_id'], row['span_id']]));
      assert.equal(ids.size, 40);
      for (const row of rows) {
        assert.equal(row['status_code'], 2);
        assert.equal(json(row, 'span_attributes')['color'], 'blue');
        assert.equal(
          BigInt(String(row['end_time_unix_nano'])) - BigInt(String(row['start_time_unix_nano'])),
          BigInt(String(row['duration_nano'])),
        );
        if (row['parent_span_id'] !== null) {
          assert.equal(row['parent_span_id'], ids.get(row['trace_id']));
          assert.equal(String(row['duration_nano']), '2000000');
          // The generator links to spans of its own earlier traces; the very first have none to link to.
          const links =
            row['links_json'] === null ? [] : (JSON.parse(row['links_json'] as string) as unknown[]);
          assert.ok(links.length <= 1);
        }
      }
    });

    for (const [type, table] of [
      ['Gauge', 'metric_gauge'],
      ['Sum', 'metric_sum'],
      ['Histogram', 'metric_histogram'],
      ['ExponentialHistogram', 'metric_exponential_histogram'],
    ] as const) {
      it(`sends ${type} metrics over ${transport}`, async () => {
        const service = `gen-${type.toLowerCase()}-${transport}`;
        const traceId = 'ae87dadd90e9935a4bc9660628efd569';
        await generate(
          transport,
          service,
          'metrics',
          '--metrics=30',
          `--metric-type=${type}`,
          '--otlp-metric-name=gen.value',
          `--trace-id=${traceId}`,
          '--span-id=5828fa4960140870',
        );
        const rows = await rowsOf(table, service, 30);
        assert.equal(rows.length, 30);
        for (const row of rows) {
          assert.equal(row['metric_name'], 'gen.value');
          assert.equal(json(row, 'metric_attributes')['color'], 'blue');
          assert.equal(row['deployment_environment_name'], 'staging');
          const [exemplar] = JSON.parse(row['exemplars_json'] as string) as Record<string, unknown>[];
          assert.equal(exemplar?.['trace_id'], traceId);
          assert.equal(exemplar?.['span_id'], '5828fa4960140870');
          if (type === 'Gauge' || type === 'Sum') assert.equal(typeof row['value'], 'number');
          else assert.ok(Number(row['count']) > 0);
        }
      });
    }
  }
});
