import { ordered } from './comparable.js';
import type { Language, Random } from './language.js';
import { window } from './language.js';

const services = ['shop', 'cart', 'ünï "db"', null];
const names = ['GET /', 'POST /pay', 'select "x"', ''];
const codes = ['200', '404', '500', null];

function attributes(random: Random): string | null {
  if (random.next() < 0.1) return null;
  const all: Record<string, unknown> = { 'user.id': `u${random.below(8)}`, size: random.below(1000) / 4 };
  if (random.next() < 0.5) all['http.response.status_code'] = random.pick([200, 404, 500]);
  if (random.next() < 0.3) all['size'] = random.pick(['12', 'x', '', null, true, 7]);
  if (random.next() < 0.2) all['tags'] = random.pick([['a', 'b'], [1, 2], []]);
  if (random.next() < 0.2) all['nested'] = { a: random.below(3) };
  if (random.next() < 0.2) all['zone'] = random.pick(['span-zone', 'z1']);
  return JSON.stringify(all);
}

function condition(random: Random, depth = 0): string {
  if (depth < 2 && random.next() < 0.3) {
    return `${condition(random, depth + 1)} ${random.pick(['&&', '||'])} ${condition(random, depth + 1)}`;
  }
  return random.pick([
    'status = error',
    'status != ok',
    'kind = server',
    'duration > 50ms',
    'duration <= 20ms',
    'name = "GET /"',
    'name =~ "P.*"',
    'resource.service.name = "shop"',
    'resource.service.name != "cart"',
    'resource.service.name = nil',
    'span.user.id = "u3"',
    'span.user.id != "u3"',
    'span.user.id =~ "u[0-2]"',
    'span.user.id != nil',
    'span.size > 100',
    'span.size = 7',
    'span.size = "x"',
    'span.http.response.status_code >= 404',
    'span.http.response.status_code = 500',
    '.zone = "z1"',
    '.zone != "z1"',
    'span.nested != nil',
    'span.tags = "a"',
    'event:name = "exception"',
    'event.attempt = 1',
    'link.kind = "batch"',
    'rootServiceName = "shop"',
    'rootName != ""',
    'traceDuration > 100ms',
    'nestedSetParent < 0',
    'parent.span.user.id = "u1"',
    'statusMessage = "failed"',
    'instrumentation:name = "lib"',
    'span:childCount > 1',
    '!(span.size > 100)',
  ]);
}

function spanset(random: Random): string {
  return random.next() < 0.1 ? '{}' : `{ ${condition(random)} }`;
}

function pipeline(random: Random): string {
  const first = random.pick<() => string>([
    () => spanset(random),
    () => spanset(random),
    () => spanset(random),
    () =>
      `${spanset(random)} ${random.pick(['&&', '||', '>', '>>', '<', '<<', '~', '!>>', '&>', '&>>', '&~'])} ${spanset(random)}`,
  ])();
  const stages = Array.from({ length: random.next() < 0.3 ? 1 : 0 }, () =>
    random.pick([
      `| count() > 1`,
      `| avg(duration) > 30ms`,
      `| by(resource.service.name)`,
      `| select(span.user.id, duration, .zone)`,
      `| max(span.size) >= 100`,
      `| { status = error }`,
    ]),
  );
  return [first, ...stages].join(' ');
}

function metric(random: Random): string {
  const by = () =>
    random.pick([
      '',
      '',
      ' by (resource.service.name)',
      ' by (span.user.id)',
      ' by (status, kind)',
      ' by (.zone)',
      ' by (name)',
    ]);
  const first = random.pick<() => string>([
    () => `${random.pick(['rate', 'count_over_time'])}()${by()}`,
    () =>
      `${random.pick(['min', 'max', 'sum', 'avg'])}_over_time(${random.pick(['duration', 'span.size'])})${by()}`,
    () => `quantile_over_time(duration, 0.5, 0.9)${by()}`,
    () => `histogram_over_time(duration)${by()}`,
  ])();
  const second = random.next() < 0.15 ? ` | topk(${1 + random.below(3)})` : '';
  return `${random.next() < 0.8 ? spanset(random) : pipeline(random)} | ${first}${second}`;
}

const hex = (random: Random, digits: number) =>
  Array.from({ length: digits }, () => random.below(16).toString(16)).join('');

/** TraceQL and the Tempo API. */
export const traceql: Language = {
  name: 'traceql',

  async fill(lake, random, { from, to }) {
    const rows: Record<string, unknown>[] = [];
    for (let ms = from * 1000; ms < to * 1000; ms += 1 + random.below(60_000)) {
      const traceId = hex(random, 32);
      const spans: string[] = [];
      for (let i = random.below(6) + 1; i > 0; i--) {
        const id = hex(random, 16);
        const begin = BigInt(ms + random.below(500)) * 1_000_000n + BigInt(random.below(1_000_000));
        const duration = BigInt(random.below(400)) * 500_000n;
        const service = random.pick(services);
        const text = new Date(Number(begin / 1_000_000n)).toISOString().replace('T', ' ').replace('Z', '');
        rows.push({
          timestamp: `${text}${String((begin / 1000n) % 1000n).padStart(3, '0')}`,
          start_time_unix_nano: begin,
          end_time_unix_nano: begin + duration,
          duration_nano: duration,
          trace_id: traceId,
          span_id: id,
          parent_span_id:
            spans.length === 0 ? random.pick([null, null, hex(random, 16)]) : random.pick(spans),
          span_name: random.pick(names),
          span_kind: random.below(6),
          status_code: random.pick([0, 1, 2, null]),
          status_message: random.pick([null, '', 'failed']),
          span_attributes: attributes(random),
          service_name: service,
          k8s_pod_name: random.pick([null, `pod-${1 + random.below(3)}`]),
          http_response_status_code: random.pick(codes),
          resource_attributes: JSON.stringify({ 'service.name': service, zone: `z${random.below(3)}` }),
          scope_name: random.pick([null, 'lib']),
          events_json: random.pick([
            null,
            JSON.stringify([
              { timeUnixNano: String(begin), name: 'exception', attributes: { attempt: random.below(3) } },
              { timeUnixNano: String(begin), name: 'retry', attributes: { attempt: 1 } },
            ]),
          ]),
          links_json: random.pick([
            null,
            null,
            JSON.stringify([
              { traceId: hex(random, 32), spanId: hex(random, 16), attributes: { kind: 'batch' } },
            ]),
          ]),
        });
        spans.push(id);
      }
      if (random.next() < 0.05) known.push(traceId);
    }
    await lake.insert('spans', rows);
  },

  question(random, whole) {
    const { start, end } = window(random, whole);
    const [from, to] = [Math.floor(Number(start)), Math.ceil(Number(end))];
    const span = `start=${from}&end=${to}`;
    const q = encodeURIComponent;
    if (random.next() < 0.2) {
      return random.pick([
        () => `/api/traces/${random.pick([...known, '1234'])}?${random.pick(['', span])}`,
        () => `/api/v2/traces/${random.pick([...known, '1234'])}`,
        () => `/api/search/tags?${span}`,
        () => `/api/v2/search/tags?${span}&scope=${random.pick(['', 'span', 'resource', 'event', 'link'])}`,
        () => `/api/v2/search/tags?${span}&q=${q(spanset(random))}`,
        () =>
          `/api/v2/search/tag/${random.pick(['span.user.id', 'resource.service.name', '.zone', 'name', 'status', 'span.size', 'event.attempt'])}/values?${span}`,
        () => `/api/v2/search/tag/span.user.id/values?${span}&q=${q(spanset(random))}`,
        () => `/api/search?${span}&tags=${q(random.pick(['service.name=shop', 'user.id=u1 zone=z1']))}`,
      ])();
    }
    if (random.next() < 0.55) {
      return `/api/search?${span}&limit=${random.pick([1, 5, 20, 500])}&spss=${random.pick([1, 3, 100])}&q=${q(pipeline(random))}`;
    }
    return random.next() < 0.3
      ? `/api/metrics/query?${span}&q=${q(metric(random))}`
      : `/api/metrics/query_range?${span}&step=${random.pick(['30s', '1m', '7m'])}&q=${q(metric(random))}`;
  },

  comparable(_path, body) {
    if (!body.startsWith('{')) return body;
    return ordered(
      JSON.parse(body, (name, value: unknown) =>
        // Any spans will do as exemplars, and how much was looked at is what differs.
        name === 'exemplars' || name === 'metrics' ? undefined : value,
      ),
    );
  },
};

/** Traces that there are, or were. */
const known: string[] = [];
