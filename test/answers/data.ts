/** The records that the recorded answers are about: one hour, four services, the same at every run. */

/** Start of the hour, seconds since the epoch (2026-11-20T10:00:00Z). */
export const start = Date.UTC(2026, 10, 20, 10) / 1000;
export const minutes = 60;

type Attributes = Readonly<Record<string, string | number | boolean | readonly string[]>>;
interface Export {
  readonly path: '/v1/logs' | '/v1/traces' | '/v1/metrics';
  readonly body: object;
}

function anyValue(value: Attributes[string]): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number')
    return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  return { arrayValue: { values: value.map(anyValue) } };
}

function attributes(values: Attributes): object[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: anyValue(value) }));
}

const nanos = (seconds: number, more = 0) =>
  String(BigInt(Math.round(seconds * 1000)) * 1_000_000n + BigInt(more));
const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
/** Spreads consecutive numbers over 32 bits (Knuth's multiplicative hash), so that no source of chance is needed. */
const spread = (value: number) => Math.imul(value + 1, 2_654_435_761) >>> 0;
function pick<T>(list: readonly T[], value: number): T {
  return list[spread(value) % list.length] as T;
}

const resources: Readonly<Record<string, Attributes>> = {
  checkout: {
    'service.name': 'checkout',
    'service.namespace': 'shop',
    'service.instance.id': 'checkout-1',
    'deployment.environment.name': 'prod',
    'k8s.pod.name': 'checkout-7d9f',
    'host.name': 'node-a',
  },
  gateway: {
    'service.name': 'gateway',
    'service.namespace': 'shop',
    'service.instance.id': 'gateway-1',
    'deployment.environment.name': 'prod',
    'host.name': 'node-b',
  },
  auth: { 'service.name': 'auth', 'service.instance.id': 'auth-1', 'deployment.environment.name': 'staging' },
  nginx: { 'service.name': 'nginx', 'service.instance.id': 'nginx-1' },
};

const levels = [
  { number: 5, text: 'DEBUG' },
  { number: 9, text: 'INFO' },
  { number: 9, text: 'INFO' },
  { number: 13, text: 'WARN' },
  { number: 17, text: 'ERROR' },
] as const;
const routes = ['/cart', '/pay', '/items/{id}', '/login'] as const;

function line(service: string, i: number, level: string): string {
  const ms = (spread(i) % 9000) / 10;
  const status = pick([200, 200, 200, 404, 500], i);
  const user = `u${i % 17}`;
  if (service === 'checkout')
    return JSON.stringify({
      msg: pick(['order placed', 'payment failed', 'cart updated'], i),
      level: level.toLowerCase(),
      user,
      duration_ms: ms,
      order: { id: i, items: [`sku-${i % 5}`, `sku-${i % 3}`] },
      ok: status < 400,
    });
  if (service === 'gateway')
    return `level=${level.toLowerCase()} msg="request done" method=${pick(['GET', 'POST'], i)} status=${status} took=${ms}ms size=${spread(i) % 5000}B user=${user}`;
  if (service === 'nginx')
    return `10.0.${i % 3}.${i % 7} - - "${pick(['GET', 'POST'], i)} ${pick(routes, i)} HTTP/1.1" ${status} ${spread(i) % 900}`;
  return pick(
    ['user logged in', 'Password wrong for user', 'token expired: refresh needed', 'session\tclosed  "ok"'],
    i,
  ).concat(` ${user}`);
}

function logs(from: number, to: number): Export {
  const resourceLogs = Object.entries(resources).map(([service, resource], s) => {
    const logRecords: object[] = [];
    for (let second = from * 60; second < to * 60; second += 45) {
      const i = second * 4 + s;
      const level = pick(levels, i);
      const trace = i % 3 === 0 ? { traceId: hex(spread(i % 24), 32), spanId: hex(spread(i), 16) } : {};
      logRecords.push({
        timeUnixNano: nanos(start + second + s * 0.25, i % 7),
        severityNumber: level.number,
        severityText: level.text,
        body: { stringValue: line(service, i, level.text) },
        attributes: attributes({
          'http.route': pick(routes, i),
          'http.response.status_code': pick([200, 200, 404, 500], i),
          'user.id': `u${i % 17}`,
          latency: (spread(i) % 1000) / 8,
        }),
        ...trace,
      });
    }
    return { resource: { attributes: attributes(resource) }, scopeLogs: [{ logRecords }] };
  });
  return { path: '/v1/logs', body: { resourceLogs } };
}

function traces(from: number, to: number): Export {
  const byService = new Map<string, object[]>(Object.keys(resources).map((service) => [service, []]));
  for (let n = from; n < to; n++) {
    const traceId = hex(spread(n % 24) + n * 2 ** 33, 32);
    const begun = start + n * 60 + 5;
    const error = n % 5 === 0;
    const route = pick(routes, n);
    const root = hex(n * 16 + 1, 16);
    const span = (service: string, k: number, parent: string, span: object) =>
      byService.get(service)?.push({
        traceId,
        spanId: hex(n * 16 + k, 16),
        ...(parent === '' ? {} : { parentSpanId: parent }),
        ...span,
      });
    span('gateway', 1, '', {
      name: `GET ${route}`,
      kind: 2,
      startTimeUnixNano: nanos(begun),
      endTimeUnixNano: nanos(begun + 0.4 + (n % 7) * 0.1),
      attributes: attributes({
        'http.route': route,
        'http.response.status_code': error ? 500 : 200,
        'http.request.method': 'GET',
      }),
      status: error ? { code: 2, message: 'upstream failed' } : {},
    });
    span('checkout', 2, root, {
      name: 'place order',
      kind: 3,
      startTimeUnixNano: nanos(begun + 0.05),
      endTimeUnixNano: nanos(begun + 0.3 + (n % 7) * 0.1),
      attributes: attributes({
        'order.items': n % 9,
        'order.total': n * 1.25,
        vip: n % 4 === 0,
        tags: ['a', `t${n % 3}`],
      }),
      events: [
        {
          timeUnixNano: nanos(begun + 0.1),
          name: 'retry',
          attributes: attributes({ attempt: n % 3, reason: 'timeout' }),
        },
      ],
      status: { code: error ? 2 : 1 },
    });
    if (n % 2 === 0)
      span('auth', 3, hex(n * 16 + 2, 16), {
        name: 'SELECT users',
        kind: 3,
        startTimeUnixNano: nanos(begun + 0.06),
        endTimeUnixNano: nanos(begun + 0.12 + (n % 5) * 0.02),
        attributes: attributes({ 'db.system.name': 'postgresql', 'db.rows': n }),
        links: [
          { traceId: hex(spread(n), 32), spanId: hex(7, 16), attributes: attributes({ why: 'batch' }) },
        ],
      });
  }
  const resourceSpans = [...byService].map(([service, spans]) => ({
    resource: { attributes: attributes(resources[service] ?? {}) },
    scopeSpans: [{ scope: { name: 'shop.tracer', version: '1.2' }, spans }],
  }));
  return { path: '/v1/traces', body: { resourceSpans } };
}

function metrics(from: number, to: number): Export {
  const resourceMetrics = Object.entries(resources).map(([, resource], s) => {
    const at = (minute: number) => ({
      startTimeUnixNano: nanos(start - 60),
      timeUnixNano: nanos(start + minute * 60 + s),
    });
    const points = (value: (route: number, minute: number) => object) => {
      const found: object[] = [];
      for (let minute = from; minute < to; minute += 1)
        for (let r = 0; r < 3; r++)
          found.push({
            ...at(minute),
            attributes: attributes({ 'http.route': routes[r] ?? '' }),
            ...value(r, minute),
          });
      return found;
    };
    const restart = (minute: number) => (minute >= 33 ? minute - 33 : minute);
    const metrics = [
      {
        name: 'http.requests',
        unit: '1',
        description: 'Requests served',
        sum: {
          isMonotonic: true,
          aggregationTemporality: 2,
          dataPoints: points((r, m) => ({ asInt: String((r + 1) * (s + 1) * 7 * restart(m)) })),
        },
      },
      {
        name: 'queue.length',
        description: 'Things that wait',
        gauge: {
          dataPoints: points((r, m) => ({ asDouble: (spread(m * 3 + r + s) % 400) / 4 - 20 })),
        },
      },
      {
        name: 'jobs.done',
        sum: {
          isMonotonic: true,
          aggregationTemporality: 1,
          dataPoints: points((r, m) => ({
            startTimeUnixNano: nanos(start + (m - 1) * 60 + s),
            asInt: String((m + r) % 4),
          })),
        },
      },
      {
        name: 'request.duration',
        unit: 's',
        histogram: {
          aggregationTemporality: 2,
          dataPoints: points((r, m) => {
            const k = restart(m) * (r + 1);
            return {
              count: String(10 * k),
              sum: 3.5 * k,
              explicitBounds: [0.1, 0.5, 1],
              bucketCounts: [4 * k, 3 * k, 2 * k, k].map(String),
              exemplars:
                m % 10 === 0
                  ? [
                      {
                        timeUnixNano: nanos(start + m * 60),
                        asDouble: 0.4,
                        traceId: hex(spread(m), 32),
                        spanId: hex(9, 16),
                      },
                    ]
                  : [],
            };
          }),
        },
      },
    ];
    return { resource: { attributes: attributes(resource) }, scopeMetrics: [{ metrics }] };
  });
  return { path: '/v1/metrics', body: { resourceMetrics } };
}

/** All that happened in these minutes of the hour. */
export function exports(from: number, to: number): readonly Export[] {
  return [logs(from, to), traces(from, to), metrics(from, to)];
}

/** The id of the trace that begins in this minute. */
export function traceId(minute: number): string {
  return hex(spread(minute % 24) + minute * 2 ** 33, 32);
}
