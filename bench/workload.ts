import { randomBytes } from 'node:crypto';
import type { Signal } from '../src/schema/index.js';
import { logsRequest, metricsRequest, spansRequest, type Attributes } from '../test/support/otlp.js';

export interface Workload {
  readonly signal: Signal;
  readonly path: string;
  /** Beside the length; by default the content type of OTLP's protobuf. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The request of this number, its records at the present time; to be sent before 128 further ones. */
  readonly body: (n: number) => Uint8Array;
  readonly recordsPerRequest: number;
  readonly bytesPerRecord: number;
}

const services = ['checkout', 'cart', 'payment', 'frontend', 'shipping', 'search', 'ads', 'email'];
const routes = ['/api/cart', '/api/checkout', '/api/products/{id}', '/api/search', '/api/login'];
const methods = ['GET', 'POST', 'PUT', 'DELETE'];

function pick<T>(list: readonly T[], random: number): T {
  return list[Math.floor(random * list.length)] as T;
}

export function resource(i: number): Attributes {
  const service = services[i % services.length] as string;
  return {
    'service.name': service,
    'service.namespace': 'shop',
    'service.instance.id': `${service}-${i % 3}`,
    'deployment.environment.name': 'production',
    'k8s.namespace.name': 'shop',
    'k8s.pod.name': `${service}-7d9f8b6c5-${(i % 3).toString(36)}x2k9`,
    'host.name': `node-${i % 5}`,
  };
}

export function recordAttributes(): Attributes {
  return {
    'http.request.method': pick(methods, Math.random()),
    'http.route': pick(routes, Math.random()),
    'http.response.status_code': Math.random() < 0.05 ? 500 : 200,
    'user.id': `u-${Math.floor(Math.random() * 100_000)}`,
    'request.bytes': Math.floor(Math.random() * 50_000),
    cached: Math.random() < 0.3,
  };
}

/** A request and where its times lie, which are fixed64 fields. */
interface Timed {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly places: readonly number[];
  base: bigint;
}

const longestRequestNs = 1_000_000_000n;

/** `base`: the first of its times, which are all within a second. */
function timed(bytes: Uint8Array, base: bigint): Timed {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places: number[] = [];
  const high = Number(base >> 32n);
  for (let at = 0; at + 8 <= bytes.length; at++) {
    if (Math.abs(view.getUint32(at + 4, true) - high) > 1) continue;
    const value = view.getBigUint64(at, true);
    if (value >= base && value < base + longestRequestNs) places.push(at);
  }
  return { bytes, view, places, base };
}

/** The same with times of now: files of commits then follow each other in time, as those of senders do. */
function moved(request: Timed): Uint8Array {
  const now = nowNs();
  const { view } = request;
  for (const at of request.places) {
    view.setBigUint64(at, view.getBigUint64(at, true) - request.base + now, true);
  }
  request.base = now;
  return request.bytes;
}

function workload(
  signal: Signal,
  recordsPerRequest: number,
  base: bigint,
  build: (i: number) => Uint8Array,
): Workload {
  const bodies = Array.from({ length: 128 }, (_, i) => timed(build(i), base));
  const bytes = bodies.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return {
    signal,
    path: `/v1/${signal}`,
    body: (n) => moved(bodies[n % bodies.length] as Timed),
    recordsPerRequest,
    bytesPerRecord: bytes / bodies.length / recordsPerRequest,
  };
}

const nowNs = () => BigInt(Date.now()) * 1_000_000n;

/** 128 distinct requests of each signal; the loader sends them round robin. */
export function workloadOf(signal: Signal, records = 1000): Workload {
  const base = nowNs();
  if (signal === 'logs') {
    return workload(signal, records, base, (i) =>
      logsRequest(
        resource(i),
        Array.from({ length: records }, (_, r) => ({
          timeNs: base + BigInt(r) * 1000n,
          severity: r % 20 === 0 ? 17 : 9,
          severityText: r % 20 === 0 ? 'ERROR' : 'INFO',
          body:
            `request ${randomBytes(6).toString('hex')} of session ${randomBytes(10).toString('hex')} ` +
            `finished in ${Math.floor(Math.random() * 900)} ms with code ${Math.floor(Math.random() * 9)}`,
          attributes: recordAttributes(),
          traceId: randomBytes(16),
          spanId: randomBytes(8),
        })),
      ),
    );
  }
  if (signal === 'traces') {
    return workload(signal, records, base, (i) => {
      let traceId = randomBytes(16);
      let parent = randomBytes(8);
      return spansRequest(
        resource(i),
        Array.from({ length: records }, (_, r) => {
          const root = r % 10 === 0;
          if (root) traceId = randomBytes(16);
          const spanId = randomBytes(8);
          const span = {
            traceId,
            spanId,
            ...(root ? {} : { parentSpanId: parent }),
            name: `${pick(methods, Math.random())} ${pick(routes, Math.random())}`,
            startNs: base + BigInt(r) * 1000n,
            endNs: base + BigInt(r) * 1000n + BigInt(Math.floor(Math.random() * 5e8)),
            attributes: recordAttributes(),
            status: Math.random() < 0.05 ? 2 : 0,
          };
          if (root) parent = spanId;
          return span;
        }),
      );
    });
  }
  return workload(signal, records, base, (i) =>
    metricsRequest(
      resource(i),
      Array.from({ length: 10 }, (_, m) => ({
        name: m % 2 === 0 ? `http.server.requests.${m}` : `process.memory.usage.${m}`,
        unit: m % 2 === 0 ? '{request}' : 'By',
        kind: m % 2 === 0 ? ('counter' as const) : ('gauge' as const),
        points: Array.from({ length: records / 10 }, (_, p) => ({
          timeNs: base,
          value: Math.random() * 1e6,
          attributes: { 'http.route': pick(routes, Math.random()), shard: p, zone: `z${p % 3}` },
        })),
      })),
      base - 3_600_000_000_000n,
    ),
  );
}
