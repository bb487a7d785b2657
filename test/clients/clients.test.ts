import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { nodeClients, pythonClients } from '../../drill/clients/small.js';
import { metricSum } from '../support/metrics.js';
import { rawExchange } from '../support/wire.js';
import { eventually, freePort, longestWaitMs, sql, startServer, type TestServer } from '../support/server.js';

const run = promisify(execFile);

/** What scripts/setup.mjs made, or why the test can't run. */
function tool(name: string, fallback: string): { path: string; skip: string | false } {
  const path = process.env[name] || resolve(fallback);
  return { path, skip: existsSync(path) ? false : process.env[`${name}_MISSING`] || `${path} is not there` };
}

const goExporter = tool('GO_EXPORTER', '.cache/bin/go_exporter');
const collector = tool('COLLECTOR', '.cache/bin/collector');
const telemetrygen = tool('TELEMETRYGEN', '.cache/bin/telemetrygen');
const javaClients = tool('JAVA_CLIENTS', '.cache/java_clients');
const venv = tool('PYTHON_VENV', '.cache/venv');

describe('clients of others', () => {
  const page = 'https://shop.example';
  let server: TestServer;
  before(async () => {
    server = await startServer({ env: { CANARDSTACK_CORS_ALLOWED_ORIGINS: page } });
  });
  after(async () => {
    assert.equal(await server.stop(), 0);
  });

  const count = async (table: string, service: string) => {
    const [row] = await sql(
      server,
      `SELECT count(*) AS n FROM lake.${table} WHERE service_name = '${service}'`,
    );
    return Number(row?.['n']);
  };
  const stored = (table: string, service: string, n: number) =>
    eventually(async () => ((await count(table, service)) >= n ? true : undefined));

  it('an exporter for Go of 2023, to which 202 is a failure', { skip: goExporter.skip }, async () => {
    await run(goExporter.path, [server.url.replace('http://', ''), 'go-old', '20'], {
      timeout: longestWaitMs,
    });
    await stored('spans', 'go-old', 20);
    assert.equal(await count('spans', 'go-old'), 20, 'nothing was sent again');
  });

  it(
    'a Collector with every compression over gRPC and HTTP',
    { skip: collector.skip || telemetrygen.skip },
    async () => {
      const kinds = [
        ...['none', 'gzip', 'zstd', 'snappy'].map((name) => `otlp/${name}`),
        ...['none', 'gzip', 'deflate', 'zlib', 'zstd', 'snappy', 'x-snappy-framed'].map(
          (name) => `otlphttp/${name}`,
        ),
      ];
      const exporters = kinds.map((kind) => {
        const [type, compression] = kind.split('/');
        const endpoint = type === 'otlp' ? server.grpc : server.url;
        return `  ${kind}: { endpoint: "${endpoint}", compression: ${compression}, tls: { insecure: true }, sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }`;
      });
      const port = await freePort();
      const config = `
receivers:
  otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${port}" } } }
exporters:
${exporters.join('\n')}
service:
  telemetry: {}
  pipelines:
    traces: { receivers: [otlp], exporters: [${kinds.join(', ')}] }
`;
      const file = join(await mkdtemp(join(tmpdir(), 'canardstack-collector-')), 'config.yaml');
      await writeFile(file, config);
      const process_ = spawn(collector.path, [`--config=${file}`], { stdio: ['ignore', 'pipe', 'pipe'] });
      const output = outputOf(process_);
      try {
        await listening(port, process_, output);
        const args = ['traces', '--otlp-insecure', `--otlp-endpoint=127.0.0.1:${port}`, '--rate=0'];
        // Without a queue the Collector answers what its exporters were answered.
        await run(telemetrygen.path, [...args, '--service=collected', '--traces=50', '--child-spans=1'], {
          timeout: longestWaitMs,
        });
        await stored('spans', 'collected', 100 * kinds.length);
        assert.equal(await count('spans', 'collected'), 100 * kinds.length, output.text());
      } finally {
        if (process_.exitCode === null && process_.signalCode === null) {
          process_.kill('SIGKILL');
          await once(process_, 'exit');
        }
      }
    },
  );

  it('the agent for Java with two HTTP clients', { skip: javaClients.skip }, async () => {
    const agent = join(javaClients.path, 'opentelemetry-javaagent.jar');
    await run('java', [`-javaagent:${agent}`, '-cp', javaClients.path, 'TwoClients', '7', '5'], {
      timeout: longestWaitMs,
      env: {
        PATH: process.env['PATH'],
        OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
        OTEL_SERVICE_NAME: 'java-clients',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_TRACES_EXPORTER: 'none',
        OTEL_METRIC_EXPORT_INTERVAL: '60000',
      },
    });
    const seen = await eventually(async () => {
      const query = 'sum(http_client_request_duration_seconds_count{job="java-clients"})';
      const response = await fetch(`${server.url}/api/v1/query?query=${encodeURIComponent(query)}`);
      const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
      return data.result[0]?.value[1];
    });
    assert.equal(seen, '12', '7 by java.net.http and 5 by HttpURLConnection');
  });

  it(
    "Python's SDK shows nothing of a rejected span, so the operator is told",
    { skip: venv.skip },
    async () => {
      const script = resolve('test/clients/python/rejected_span.py');
      const { stdout, stderr } = await run(
        join(venv.path, 'bin/python'),
        [script, server.url, 'py-rejected'],
        {
          timeout: longestWaitMs,
        },
      );
      assert.equal(stdout.trim(), 'SUCCESS', stderr);
      await stored('spans', 'py-rejected', 1);
      const warning = await eventually(async () =>
        (await server.logs())
          .split('\n')
          .filter((line) => line.includes('py-rejected'))
          .map((line) => JSON.parse(line) as Record<string, unknown>)
          .at(0),
      );
      const { level, signal, reason, service, records, example } = warning;
      assert.deepEqual(
        { level, signal, reason, service, records },
        { level: 40, signal: 'traces', reason: 'too_old', service: 'py-rejected', records: 1 },
      );
      assert.match(String(example), /CANARDSTACK_ACCEPT_LATE_SECS/);
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      assert.match(
        metrics,
        /canardstack_otlp_records_total\{signal="traces",outcome="rejected",reason="too_old"\} 1\n/,
      );
      assert.equal(await metricSum(server, 'canardstack_otlp_warnings_total'), 0);
    },
  );

  for (const client of nodeClients) it(client.name, () => client.run({ url: server.url, key: '' }));
  for (const client of pythonClients(venv.path)) {
    it(client.name, { skip: venv.skip }, () => client.run({ url: server.url, key: '' }));
  }

  it('a browser: its preflight, and the request after it', async () => {
    const headers = [
      'Host: collector.example:4318',
      'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      'Accept: */*',
      'Accept-Language: en-US,en;q=0.5',
      'Accept-Encoding: gzip, deflate, br, zstd',
      `Referer: ${page}/`,
      `Origin: ${page}`,
      'Sec-Fetch-Dest: empty',
      'Sec-Fetch-Mode: cors',
      'Sec-Fetch-Site: cross-site',
    ];
    const port = Number(new URL(server.url).port);
    const preflight = [
      'OPTIONS /v1/traces HTTP/1.1',
      ...headers,
      'Access-Control-Request-Method: POST',
      'Access-Control-Request-Headers: content-type',
      'Connection: close',
    ];
    const allowed = await rawExchange(port, `${preflight.join('\r\n')}\r\n\r\n`);
    assert.match(allowed, /^HTTP\/1\.1 204 /);
    assert.match(allowed, new RegExp(`^access-control-allow-origin: ${page}\r$`, 'im'));
    assert.match(allowed, /^access-control-allow-methods: POST\r$/im);
    assert.match(allowed, /^access-control-allow-headers: .*\bcontent-type\b/im);
    const body = '{"resourceSpans":[]}';
    const post = [
      'POST /v1/traces HTTP/1.1',
      ...headers,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    const answer = await rawExchange(port, `${post.join('\r\n')}\r\n\r\n${body}`);
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.match(answer, new RegExp(`^access-control-allow-origin: ${page}\r$`, 'im'));
  });
});

function outputOf(child: ChildProcess): { text(): string } {
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  }
  return { text: () => chunks.join('').slice(-4000) };
}

async function listening(port: number, child: ChildProcess, output: { text(): string }): Promise<void> {
  await eventually(async () => {
    if (child.exitCode !== null) return true;
    return new Promise<true | undefined>((done) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        done(true);
      });
      socket.once('error', () => done(undefined));
    });
  });
  assert.equal(child.exitCode, null, `the Collector ended: ${output.text()}`);
}
