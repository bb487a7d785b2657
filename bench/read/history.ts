import { logsRequest, metricsRequest, spansRequest, type Attributes } from '../../test/support/otlp.js';
import { randomNumbers } from '../../test/support/random.js';
import { Places } from './places.js';

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
/** Requests that are encoded once; what is sent are copies with times, ids and values of their own. */
const templates = 60;

/** The same numbers each time. */
const random = randomNumbers(7);
const below = (n: number) => Math.floor(random() * n);
const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;

/** What stands in a template where a copy has its own. */
const filled = (length: number, byte: number) => Buffer.alloc(length, byte);
const marks = {
  time: filled(8, 0x5a),
  end: filled(8, 0x5b),
  value: filled(8, 0x5c),
  traceId: filled(16, 0xa7),
  spanId: filled(8, 0xa8),
  order: filled(16, 0x40),
};
const nanoseconds = (mark: Buffer) => mark.readBigUInt64LE();

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

function line(): string {
  const order = marks.order.toString();
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

/** A tenth of a request for each of ten resources, as collectors send them. */
function logsTemplate() {
  const ids = { traceId: marks.traceId, spanId: marks.spanId };
  const records = () =>
    Array.from({ length: perRequest / 10 }, () => {
      const [severity, severityText] = pick(levels);
      const attributes = recordAttributes();
      return { timeNs: nanoseconds(marks.time), severity, severityText, body: line(), attributes, ...ids };
    });
  const parts = Array.from({ length: 10 }, () => logsRequest(resource(pick(services), below(6)), records()));
  const body = Buffer.concat(parts);
  return {
    body,
    times: new Places(body, marks.time),
    traceIds: new Places(body, marks.traceId),
    spanIds: new Places(body, marks.spanId),
    orders: new Places(body, marks.order),
  };
}

/** Whole requests, so a few lines more than asked for. */
function* logs({ logs, hours, end }: Amount): Generator<Export> {
  const made = Array.from({ length: Math.min(templates, Math.ceil(logs / perRequest)) }, logsTemplate);
  const gap = BigInt(Math.floor((hours * 3600e9) / logs));
  let at = BigInt(end) * 1_000_000n - gap * BigInt(logs);
  for (let sent = 0; sent < logs; sent += perRequest) {
    const template = pick(made);
    const body = Buffer.from(template.body);
    // Of each record, its time and when it was observed.
    template.times.each((place, i) => body.writeBigUInt64LE((at += i % 2 === 0 ? gap : 0n), place));
    for (const ids of [template.traceIds, template.spanIds]) ids.random(body, random);
    template.orders.randomHex(body, random);
    yield { signal: 'logs', body, records: perRequest };
  }
}

/** Parents of a trace's ten spans. */
const tree = [-1, 0, 0, 1, 1, 2, 3, 3, 6, 7];

function tracesTemplate() {
  const parts = Array.from({ length: perRequest / tree.length }, () => {
    const failed = random() < 0.05;
    const ids = tree.map(() => Buffer.from(Array.from({ length: 8 }, () => below(256))));
    return tree.map((parent, k) => {
      const service = services[(k * 5 + below(2)) % services.length] as string;
      const database = k % 3 === 2;
      const span = {
        traceId: marks.traceId,
        spanId: ids[k] as Buffer,
        ...(parent < 0 ? {} : { parentSpanId: ids[parent] as Buffer }),
        name: database ? `SELECT shop.${service}` : `${pick(['GET', 'POST'])} ${pick(routes)}`,
        kind: database ? 3 : 2,
        startNs: nanoseconds(marks.time),
        endNs: nanoseconds(marks.end),
        attributes: {
          ...recordAttributes(),
          'http.response.status_code': failed ? 500 : 200,
          ...(database ? { 'db.system.name': 'postgresql' } : {}),
        },
        status: failed && k < 3 ? 2 : 0,
      };
      return spansRequest(resource(service, below(6)), [span]);
    });
  });
  const body = Buffer.concat(parts.flat());
  return {
    body,
    starts: new Places(body, marks.time),
    ends: new Places(body, marks.end),
    traceIds: new Places(body, marks.traceId),
  };
}

/** Whole requests of a hundred traces. */
function* traces({ spans, hours, end }: Amount): Generator<Export> {
  const made = Array.from({ length: Math.min(templates, Math.ceil(spans / perRequest)) }, tracesTemplate);
  const gap = BigInt(Math.floor((hours * 3600e9 * tree.length) / spans));
  let at = BigInt(end) * 1_000_000n - (gap * BigInt(spans)) / BigInt(tree.length);
  for (let sent = 0; sent < spans; sent += perRequest) {
    const template = pick(made);
    const body = Buffer.from(template.body);
    const lasted = Array.from({ length: perRequest / tree.length }, () => 1 + below(800));
    const begun = (i: number) =>
      at + gap * BigInt(Math.floor(i / tree.length)) + BigInt((i % tree.length) * 100_000);
    const took = (i: number) =>
      BigInt(Math.ceil(((lasted[Math.floor(i / tree.length)] ?? 1) * 1e6) / (1 + (i % tree.length))));
    template.starts.each((place, i) => body.writeBigUInt64LE(begun(i), place));
    template.ends.each((place, i) => body.writeBigUInt64LE(begun(i) + took(i), place));
    template.traceIds.random(body, random, tree.length);
    at += gap * BigInt(lasted.length);
    yield { signal: 'traces', body, records: perRequest };
  }
}

const counter = { name: 'http.server.requests', kind: 'counter' } as const;
const gauge = { name: 'process.memory.usage', unit: 'By', kind: 'gauge' } as const;

/** Of each series both metrics, `count` points of each. */
function metricsTemplate(series: number, count: number, begun: bigint) {
  const points = (shard: number, attributes: Attributes) =>
    Array.from({ length: count }, () => ({
      timeNs: nanoseconds(marks.time),
      value: marks.value.readDoubleLE(),
      attributes: { shard: `s${shard}`, ...attributes },
    }));
  const parts = Array.from({ length: series }, (_, s) => {
    const route = { 'http.route': routes[s % routes.length] as string };
    const from = resource(services[s % services.length] as string, Math.floor(s / services.length) % 8);
    return metricsRequest(
      from,
      [
        { ...counter, points: points(s, route) },
        { ...gauge, points: points(s, {}) },
      ],
      begun,
    );
  });
  const body = Buffer.concat(parts);
  return { body, times: new Places(body, marks.time), values: new Places(body, marks.value) };
}

function* metrics({ series, hours, end }: Amount): Generator<Export> {
  const steps = Math.floor((hours * 3600) / stepSeconds);
  const begun = BigInt(end - steps * stepSeconds * 1000) * 1_000_000n;
  const memory = Float64Array.from({ length: series }, () => random() * 100);
  let template = metricsTemplate(series, stepsPerRequest, begun);
  for (let from = 0; from < steps; from += stepsPerRequest) {
    const count = Math.min(stepsPerRequest, steps - from);
    if (count < stepsPerRequest) template = metricsTemplate(series, count, begun);
    const body = Buffer.from(template.body);
    template.times.each((place, i) =>
      body.writeBigUInt64LE(begun + BigInt((from + (i % count)) * stepSeconds) * 1_000_000_000n, place),
    );
    template.values.each((place, i) => {
      const [s, step] = [Math.floor(i / (2 * count)), from + (i % count)];
      const isCounter = i % (2 * count) < count;
      if (!isCounter) memory[s] = (memory[s] ?? 0) + Math.sin(step + s);
      body.writeDoubleLE(isCounter ? step * (1 + (s % 7)) + (s % 13) : (memory[s] ?? 0), place);
    });
    yield { signal: 'metrics', body, records: 2 * series * count };
  }
}

/** All requests, in order of time within a signal. */
export function* history(amount: Amount): Generator<Export> {
  if (amount.logs > 0) yield* logs(amount);
  if (amount.spans > 0) yield* traces(amount);
  if (amount.series > 0) yield* metrics(amount);
}
