/** Speed of decoding on one thread, by signal: `node dist/bench/decode.js [signal | pool] [seconds]`. */
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { BatchDecoder } from '../src/decode/batch/decoder.js';
import { DecodePool, GroupingDecoder } from '../src/decode/index.js';
import { batchBytes, type ContentEncoding, type Payload, type Signal } from '../src/schema/index.js';
import { createTelemetry } from '../src/telemetry/index.js';
import { logsRequest, metricsRequest, spansRequest } from '../test/support/otlp.js';

const now = BigInt(Date.now()) * 1_000_000n;
const resource = {
  'service.name': 'checkout',
  'service.namespace': 'shop',
  'service.instance.id': 'checkout-7d9f-1',
  'deployment.environment.name': 'production',
  'k8s.namespace.name': 'shop',
  'k8s.pod.name': 'checkout-7d9f-1',
  'host.name': 'node-12',
};
const routes = ['/api/cart', '/api/checkout', '/api/products/:id', '/healthz'];
const pick = <T>(values: readonly T[], i: number) => values[i % values.length] as T;

function logs(count: number): Uint8Array {
  return logsRequest(
    resource,
    Array.from({ length: count }, (_, i) => ({
      timeNs: now + BigInt(i) * 1000n,
      body: `request ${i} finished with status ${200 + (i % 4)} in ${(i * 7) % 900} ms for customer ${(i * 7919) % 100_000}`,
      severity: 9,
      severityText: 'INFO',
      attributes: {
        'http.request.method': pick(['GET', 'POST'], i),
        'http.route': pick(routes, i),
        'http.response.status_code': 200 + (i % 4),
        'user.id': `user-${(i * 31) % 5000}`,
        'duration.ms': ((i * 7) % 900) / 4,
        cached: i % 3 === 0,
      },
      traceId: randomBytes(16),
      spanId: randomBytes(8),
    })),
  );
}

function spans(count: number): Uint8Array {
  return spansRequest(
    resource,
    Array.from({ length: count }, (_, i) => ({
      traceId: randomBytes(16),
      spanId: randomBytes(8),
      parentSpanId: randomBytes(8),
      name: `GET ${pick(routes, i)}`,
      startNs: now + BigInt(i) * 1000n,
      endNs: now + BigInt(i) * 1000n + 1_234_567n,
      attributes: {
        'http.request.method': pick(['GET', 'POST'], i),
        'http.route': pick(routes, i),
        'http.response.status_code': 200 + (i % 4),
        'server.address': 'checkout.shop.svc.cluster.local',
        'user_agent.original': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
        'network.peer.port': 40_000 + i,
      },
    })),
  );
}

function metrics(count: number): Uint8Array {
  return metricsRequest(
    resource,
    Array.from({ length: count / 10 }, (_, i) => ({
      name: `app.metric.${i}`,
      unit: 's',
      kind: i % 2 ? 'gauge' : 'counter',
      points: Array.from({ length: 10 }, (_, p) => ({
        timeNs: now + BigInt(i) * 1000n,
        value: i * p + 0.5,
        attributes: { route: pick(routes, p), method: 'GET', status: 200 + p },
      })),
    })),
    now - 60_000_000_000n,
  );
}

const requests: Record<Signal, (count: number) => Uint8Array> = { logs, traces: spans, metrics };

function payload(body: Uint8Array, encoding: ContentEncoding): Payload {
  return {
    format: 'protobuf',
    encoding,
    receivedAtNs: now,
    minTimeNs: now - 86_400_000_000_000n,
    maxTimeNs: now + 600_000_000_000n,
    body: Uint8Array.from(encoding === 'gzip' ? gzipSync(body) : body),
  };
}

function measure(signal: Signal, encoding: ContentEncoding, seconds: number): void {
  const records = 1000;
  const bodies = Array.from({ length: 8 }, () => requests[signal](records));
  const group = bodies.map((body) => payload(body, encoding));
  const groupBytes = bodies.reduce((sum, body) => sum + body.length, 0);
  const decoder = new BatchDecoder(signal, { maxDecodedBodyBytes: 64 * 1024 * 1024 });
  let out = 0;
  const run = (until: number) => {
    let groups = 0;
    while (performance.now() < until) {
      const { batch, results } = decoder.decode(group, Infinity);
      for (const result of results) if (!result.ok || result.rejected > 0) throw new Error('not decoded');
      out = batchBytes(batch);
      groups++;
    }
    return groups;
  };
  run(performance.now() + 1000);
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const groups = run(begun + seconds * 1000);
  const elapsed = (performance.now() - begun) / 1000;
  const used = process.cpuUsage(cpu);
  const bytes = groups * groupBytes;
  const cpuSeconds = (used.user + used.system) / 1e6;
  console.log(
    `${signal} ${encoding}: ${(bytes / elapsed / 1e6).toFixed(0)} MB/s, ` +
      `${(cpuSeconds / (bytes / 1e9)).toFixed(2)} CPU-s/GB, ` +
      `${((elapsed / (groups * bodies.length * records)) * 1e9).toFixed(0)} ns a record of ` +
      `${(groupBytes / bodies.length / records).toFixed(0)} B, batch ${(out / groupBytes).toFixed(2)} times the input`,
  );
}

/** Through worker threads as ingest does it, message passing included. */
async function measurePool(records: number, seconds: number): Promise<void> {
  const pool = await DecodePool.start({
    threads: 1,
    queueBytes: 1024 ** 3,
    telemetry: createTelemetry('silent'),
  });
  const decoder = new GroupingDecoder(pool, async (_, group) => group.results.map((result) => result.ok));
  const body = logs(records);
  let bytes = 0;
  const client = async (until: number) => {
    while (performance.now() < until) {
      await decoder.submit('logs', payload(body, 'identity'));
      bytes += body.length;
    }
  };
  const run = (ms: number) => Promise.all(Array.from({ length: 16 }, () => client(performance.now() + ms)));
  await run(1000);
  bytes = 0;
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await run(seconds * 1000);
  const elapsed = (performance.now() - begun) / 1000;
  const used = process.cpuUsage(cpu);
  const cpuSeconds = (used.user + used.system) / 1e6;
  console.log(
    `logs through the pool, ${records} records a request: ${(bytes / elapsed / 1e6).toFixed(0)} MB/s, ` +
      `${(cpuSeconds / (bytes / 1e9)).toFixed(2)} CPU-s/GB, ` +
      `${((cpuSeconds / (bytes / body.length)) * 1e6).toFixed(0)} us of CPU a request`,
  );
  await pool.close();
}

const [only, seconds = '3'] = process.argv.slice(2);
for (const signal of ['logs', 'traces', 'metrics'] as const) {
  if (only && only !== signal) continue;
  for (const encoding of ['identity', 'gzip'] as const) measure(signal, encoding, Number(seconds));
}
if (!only || only === 'pool')
  for (const records of [1, 10, 1000]) await measurePool(records, Number(seconds));
