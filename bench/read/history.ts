import { randomBytes } from 'node:crypto';
import { logsRequest, metricsRequest, spansRequest, type Attributes } from '../../test/support/otlp.js';
import { randomNumbers } from '../../test/support/random.js';

/** How much of each signal, spread evenly over the hours before `end`. */
export interface Amount {
  readonly logs: number;
  /** Ten to a trace. */
  readonly spans: number;
  /** Of each of two metrics, one point each 15 seconds. */
  readonly series: number;
  readonly hours: number;
  /** Unix milliseconds. */
  readonly end: number;
}

export interface Export {
  readonly signal: 'logs' | 'traces' | 'metrics';
  readonly body: Uint8Array;
  readonly records: number;
}

const services = ['checkout', 'cart', 'payment', 'frontend', 'shipping', 'ads', 'auth', 'email', 'quote'];
const routes = [
  '/api/cart',
  '/api/checkout/{id}',
  '/api/products',
  '/api/products/{id}',
  '/healthz',
  '/api/pay',
];
const levels = [
  [9, 'INFO'],
  [9, 'INFO'],
  [9, 'INFO'],
  [5, 'DEBUG'],
  [5, 'DEBUG'],
  [13, 'WARN'],
  [17, 'ERROR'],
] as const;
const perRequest = 1000;
const stepSeconds = 15;
const stepsPerRequest = 40;

/** The same numbers each time. */
const random = randomNumbers(7);
const below = (n: number) => Math.floor(random() * n);
const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

function resource(service: string, instance: number): Attributes {
  return {
    'service.name': service,
    'service.namespace': 'shop',
    'service.instance.id': `${service}-${instance}`,
    'deployment.environment.name': 'production',
    'k8s.namespace.name': 'shop',
    'k8s.pod.name': `${service}-7d9f8-${instance}`,
    'host.name': `ip-10-0-0-${instance % 40}`,
  };
}

function line(order: string): string {
  switch (below(5)) {
    case 0:
      return `${pick(['GET', 'POST', 'PUT'])} ${pick(routes)} completed for user ${below(1e5)} order=${order} in ${below(500)}ms status=${pick([200, 200, 404, 500])}`;
    case 1:
      return `level=info msg="cache ${pick(['hit', 'miss'])}" key=user:${below(1e5)} id=${order} took=${(random() * 9).toFixed(3)}ms`;
    case 2:
      return JSON.stringify({
        msg: 'payment authorised',
        order,
        amount: Number((random() * 900).toFixed(2)),
        currency: pick(['EUR', 'USD', 'CHF']),
      });
    case 3:
      return `connection to ${pick(services)}:8080 reset by peer after ${below(30)} retries, request ${order}`;
    default:
      return `consumer group shop-${pick(services)} rebalanced, ${below(64)} partitions, member ${order}`;
  }
}

function recordAttributes(): Attributes {
  return {
    'http.request.method': pick(['GET', 'POST']),
    'http.route': pick(routes),
    'http.response.status_code': pick([200, 200, 200, 404, 500]),
    'user.id': `u${below(1e5)}`,
    'thread.name': `worker-${below(16)}`,
    duration_ms: random() * 500,
  };
}

function* logs({ logs, hours, end }: Amount): Generator<Export> {
  const gap = BigInt(Math.floor((hours * 3600e9) / logs));
  let time = BigInt(end) * 1_000_000n - gap * BigInt(logs);
  for (let sent = 0; sent < logs; sent += perRequest) {
    const records = Array.from({ length: Math.min(perRequest, logs - sent) }, () => {
      const [severity, severityText] = pick(levels);
      const [traceId, order] = [randomBytes(16), randomBytes(8).toString('hex')];
      const attributes = recordAttributes();
      time += gap;
      const record = { timeNs: time, severity, severityText, body: line(order), attributes, traceId };
      return { ...record, spanId: randomBytes(8) };
    });
    // A tenth of a request for each of ten resources, as collectors send them.
    const parts = Array.from({ length: 10 }, (_, part) =>
      logsRequest(
        resource(pick(services), below(6)),
        records.filter((_, i) => i % 10 === part),
      ),
    );
    yield { signal: 'logs', body: Buffer.concat(parts), records: records.length };
  }
}

/** Parents of a trace's ten spans. */
const tree = [-1, 0, 0, 1, 1, 2, 3, 3, 6, 7];

function* traces({ spans, hours, end }: Amount): Generator<Export> {
  const gap = BigInt(Math.floor((hours * 3600e9) / spans)) * 10n;
  let time = BigInt(end) * 1_000_000n - (gap * BigInt(spans)) / 10n;
  for (let sent = 0; sent < spans; sent += perRequest) {
    const parts: Uint8Array[] = [];
    for (let i = 0; i < perRequest && sent + i < spans; i += 10) {
      const traceId = randomBytes(16);
      const ids = tree.map(() => randomBytes(8));
      const failed = random() < 0.05;
      const lasted = 1 + below(800);
      for (const [k, parent] of tree.entries()) {
        const service = services[(k * 5 + below(2)) % services.length] as string;
        const database = k % 3 === 2;
        const startNs = time + BigInt(k * 100_000);
        const span = {
          traceId,
          spanId: ids[k] as Buffer,
          ...(parent < 0 ? {} : { parentSpanId: ids[parent] as Buffer }),
          name: database ? `SELECT shop.${service}` : `${pick(['GET', 'POST'])} ${pick(routes)}`,
          kind: database ? 3 : 2,
          startNs,
          endNs: startNs + BigInt(Math.ceil((lasted * 1e6) / (1 + k))),
          attributes: {
            ...recordAttributes(),
            'http.response.status_code': failed ? 500 : 200,
            ...(database ? { 'db.system.name': 'postgresql' } : {}),
          },
          status: failed && k < 3 ? 2 : 0,
        };
        parts.push(spansRequest(resource(service, below(6)), [span]));
      }
      time += gap;
    }
    yield { signal: 'traces', body: Buffer.concat(parts), records: parts.length };
  }
}

function* metrics({ series, hours, end }: Amount): Generator<Export> {
  const steps = Math.floor((hours * 3600) / stepSeconds);
  const begun = BigInt(end - steps * stepSeconds * 1000) * 1_000_000n;
  const values = Float64Array.from({ length: series }, () => random() * 100);
  for (let from = 0; from < steps; from += stepsPerRequest) {
    const count = Math.min(stepsPerRequest, steps - from);
    const points = (s: number, attributes: Attributes, value: (step: number) => number) =>
      Array.from({ length: count }, (_, i) => ({
        timeNs: begun + BigInt((from + i) * stepSeconds) * 1_000_000_000n,
        value: value(from + i),
        attributes: { shard: `s${s}`, ...attributes },
      }));
    const parts: Uint8Array[] = [];
    for (let s = 0; s < series; s++) {
      const route = { 'http.route': routes[s % routes.length] as string };
      const memory = (step: number) => (values[s] = (values[s] ?? 0) + Math.sin(step + s));
      const counter = { name: 'http.server.requests', kind: 'counter' } as const;
      const gauge = { name: 'process.memory.usage', unit: 'By', kind: 'gauge' } as const;
      parts.push(
        metricsRequest(
          resource(services[s % services.length] as string, Math.floor(s / services.length) % 8),
          [
            { ...counter, points: points(s, route, (step) => step * (1 + (s % 7)) + (s % 13)) },
            { ...gauge, points: points(s, {}, memory) },
          ],
          begun,
        ),
      );
    }
    yield { signal: 'metrics', body: Buffer.concat(parts), records: 2 * series * count };
  }
}

/** All requests, in order of time within a signal. */
export function* history(amount: Amount): Generator<Export> {
  if (amount.logs > 0) yield* logs(amount);
  if (amount.spans > 0) yield* traces(amount);
  if (amount.series > 0) yield* metrics(amount);
}
