import { ordered } from './comparable.js';
import type { Language, Random } from './language.js';
import { window } from './language.js';

const services = ['checkout', 'cart', 'ünï "shop"', null];
const levels = ['info', 'warn', 'error', null];
const paths = ['/a', '/b/{id}', '/c"d', ''];

function line(random: Random): string | null {
  const user = `u${random.below(12)}`;
  const took = random.below(400) / 4;
  return random.pick<() => string | null>([
    () => `GET ${random.pick(paths)} by ${user} took ${took}ms`,
    () =>
      `level=${random.pick(['info', 'error'])} user=${user} took=${took} msg="Payment ${random.pick(['done', 'failed'])}"`,
    () => JSON.stringify({ user, took, ok: random.below(2) === 0, nested: { code: random.below(5) } }),
    () => `{"user":"${user}", broken`,
    () => `${random.pick(['timeout', 'TIMEOUT', 'time out'])} after ${took} 🦆`,
    () => random.pick([null, '', ' ', 'a\nb\\c%d_']),
    () => `order ${orderId(random)} (${orderId(random)}) shipped`,
    () => JSON.stringify({ id: orderId(random), text: `a\né ${orderId(random)}` }),
    () =>
      JSON.stringify({ id: orderId(random) }).replace(
        /([0-9a-f])"}/,
        (_, last: string) => `${escaped(last)}"}`,
      ),
    () => `level=info id=${random.pick(['', '"x '])}${orderId(random)} user="u${random.below(3)}"`,
  ])();
}

/** Of so many that files lack most of them. */
function orderId(random: Random): string {
  return (0x9e37_79b1 * (1 + random.below(2000))).toString(16).slice(-8);
}

function escaped(letter: string): string {
  return `\\u00${letter.charCodeAt(0).toString(16)}`;
}

function ofOrder(random: Random): string {
  const [id, part] = [orderId(random), orderId(random).slice(1, 6)];
  return random.pick([
    `|= "order ${id} ("`,
    `|= "${id}"`,
    `|= "${part}"`,
    `|~ "(?i)ORDER ${id.toUpperCase()} "`,
    `|~ "\\(${part}[0-9a-f]|zzyzx"`,
    `|= "(${id})" or "zzyzx"`,
    `|= "nowhere"`,
    `| order_id="${id}"`,
    `| order_id=~"${id}|${orderId(random)}"`,
    '| order_id="a\\nb"',
    `| trace_id="${id}"`,
    `| trace_id="${id}" or order_id="${id}"`,
  ]);
}

function attributes(random: Random): string | null {
  if (random.next() < 0.1) return null;
  const all: Record<string, unknown> = { 'user.id': `u${random.below(12)}`, took_ms: random.below(400) / 4 };
  if (random.next() < 0.5) all['http.route'] = random.pick(paths);
  if (random.next() < 0.5) all['order.id'] = random.pick([orderId(random), orderId(random), 'a\nb']);
  if (random.next() < 0.3) all['took_ms'] = random.pick(['12', 'x', '', null, true, '1e2']);
  if (random.next() < 0.2) all['size'] = random.pick(['10KB', '2MB', 100, '']);
  if (random.next() < 0.2) all['nested'] = { a: { b: random.below(3) }, list: [1, 2] };
  if (random.next() < 0.1) all['level'] = random.pick(['DEBUG', 'error']);
  if (random.next() < 0.1) all['user_id'] = `other${random.below(3)}`;
  if (random.next() < 0.1) all['service_name'] = 'beside';
  return JSON.stringify(all);
}

function selector(random: Random): string {
  const first = random.pick([
    `service_name="checkout"`,
    `service_name=~".+"`,
    `service_name=~"c.*"`,
    `service_name="unknown_service"`,
    `k8s_pod_name=~"pod-[12]"`,
    `level="error"`,
    `service_name="nothing"`,
  ]);
  const more = Array.from({ length: random.below(2) }, () =>
    random.pick([
      `k8s_pod_name!="pod-1"`,
      `level!="info"`,
      `level=~"warn|error"`,
      `service_name!~"cart"`,
      `host_name=""`,
    ]),
  );
  return `{${[first, ...more].join(', ')}}`;
}

const filters = [
  '|= "took"',
  '|~ "u[0-3]"',
  '!= "level"',
  '!~ "(?i)timeout"',
  '|= "TIMEOUT" or "failed"',
  '|= ""',
  '|= `a\nb\\c%d_`',
  '|~ "^$"',
  '|> "GET <_> by <_>"',
];

const conditions = [
  '| user_id="u3"',
  '| user_id=~"u1.*"',
  '| user_id!="u3"',
  '| user_id=""',
  '| took_ms > 50',
  '| took_ms <= 12.5',
  '| took_ms=""',
  '| http_route="/a" or took_ms < 20',
  '| http_route!=""',
  '| size > 5KB',
  '| detected_level="error"',
  '| level="warn"',
  '| nested_a_b="1"',
  '| trace_id!=""',
  '| trace_id="t1"',
];

const parsers = [
  '| json',
  '| logfmt',
  '| json user="user", code="nested.code"',
  '| regexp "user=(?P<who>u[0-9]+)"',
];
const shaping = [
  '| drop user_id',
  '| keep level, user_id',
  '| line_format "{{.user_id}} {{__line__}}"',
  '| label_format who=user_id',
];

/** Of values that parsers find in lines. */
const ofLines: readonly ((random: Random) => string)[] = [
  (random) => `| json | id="${orderId(random)}"`,
  (random) => `| json | id=~"${orderId(random)}|${orderId(random)}"`,
  (random) => `| json id="id" | id="${orderId(random)}" or user="u1"`,
  (random) => `| json | text="a\\né ${orderId(random)}"`,
  (random) => `| logfmt | id="${orderId(random)}"`,
  (random) => `| logfmt | id="x ${orderId(random)}" | user!=""`,
  (random) => `| regexp "\\((?P<part>[0-9a-f]{4})" | part="${orderId(random).slice(0, 4)}"`,
];

function pipeline(random: Random): string {
  const stages = Array.from({ length: random.below(3) }, () =>
    random.pick(random.pick([filters, filters, conditions])),
  );
  if (random.next() < 0.2) stages.push(ofOrder(random));
  if (random.next() < 0.3) stages.push(random.pick(parsers));
  if (random.next() < 0.3) stages.push(random.pick(conditions));
  if (random.next() < 0.1) stages.push(random.pick(ofLines)(random));
  if (random.next() < 0.15) stages.push(random.pick(shaping));
  return [selector(random), ...stages].join(' ');
}

function metric(random: Random, depth = 0): string {
  const range = random.pick(['1m', '5m', '20m', '2h']);
  const offset = random.pick(['', '', '', ' offset 7m']);
  const inner = () => (depth < 1 ? metric(random, depth + 1) : metric(random, 2));
  const by = () =>
    random.pick([
      '',
      ' by (level)',
      ' by (user_id)',
      ' by (service_name, http_route)',
      ' without (level)',
      ' by (k8s_pod_name)',
    ]);
  const plain = [
    () =>
      `${random.pick(['count_over_time', 'rate', 'bytes_over_time', 'bytes_rate'])}(${pipeline(random)} [${range}]${offset})`,
    () =>
      `${random.pick(['sum_over_time', 'avg_over_time', 'max_over_time', 'min_over_time', 'stddev_over_time', 'first_over_time', 'last_over_time'])}` +
      `(${pipeline(random)} | unwrap ${random.pick(['took_ms', 'took_ms', 'took'])} | __error__="" [${range}]${offset})`,
    () =>
      `quantile_over_time(0.9, ${pipeline(random)} | unwrap took_ms | __error__="" [${range}])${random.pick(['', ' by (level)'])}`,
    () => `absent_over_time(${selector(random)} [${range}])`,
  ];
  if (depth > 1) return random.pick(plain)();
  return random.pick<() => string>([
    ...plain,
    () => `${random.pick(['sum', 'avg', 'count', 'max', 'min'])}${by()} (${inner()})`,
    () => `sum${by()} (count_over_time(${pipeline(random)} [${range}]${offset}))`,
    () => `topk(${1 + random.below(3)}, sum by (user_id) (count_over_time(${pipeline(random)} [${range}])))`,
    () => `(${inner()}) ${random.pick(['> 1', '* 2', '/ 4', '>= bool 3'])}`,
  ])();
}

/** LogQL and the Loki API. */
export const logql: Language = {
  name: 'logql',

  async fill(lake, random, { from, to }) {
    const rows: Record<string, unknown>[] = [];
    for (let ms = from * 1000; ms < to * 1000; ms += 1 + random.below(18_000)) {
      const service = random.pick(services);
      const severity = random.pick(levels);
      const nanos = BigInt(ms) * 1_000_000n + BigInt(random.below(1_000_000));
      const micros = Number(nanos % 1_000_000n) / 1000;
      const text = new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
      rows.push({
        timestamp: `${text}${String(Math.floor(micros)).padStart(3, '0')}`,
        time_unix_nano: nanos,
        service_name: service,
        k8s_pod_name: random.pick([null, `pod-${1 + random.below(3)}`]),
        severity_text: severity,
        severity_number: severity === null ? null : levels.indexOf(severity) * 4 + 9,
        detected_level: random.pick([severity ?? 'unknown', severity ?? 'unknown', null]),
        trace_id: random.pick([null, null, `t${random.below(3)}`, orderId(random)]),
        body: line(random),
        log_attributes: attributes(random),
        resource_attributes: JSON.stringify({ 'service.name': service, zone: random.below(2) }),
        scope_name: random.pick([null, 'lib']),
      });
    }
    await lake.insert('logs', rows);
  },

  question(random, whole) {
    const { start, end } = window(random, whole);
    const q = encodeURIComponent;
    const span = `start=${start}&end=${end}`;
    const path = '/loki/api/v1/';
    if (random.next() < 0.15) {
      return random.pick([
        () => `${path}labels?${span}`,
        () => `${path}labels?${span}&query=${q(selector(random))}`,
        () =>
          `${path}label/${random.pick(['service_name', 'level', 'k8s_pod_name', 'user_id'])}/values?${span}`,
        () => `${path}label/service_name/values?${span}&query=${q(selector(random))}`,
        () => `${path}series?${span}&match[]=${q(selector(random))}`,
        () => `${path}index/volume?${span}&query=${q(selector(random))}`,
        () => `${path}index/volume_range?${span}&step=60&query=${q(selector(random))}`,
        () => `${path}index/stats?${span}&query=${q(selector(random))}`,
        () => `${path}detected_labels?${span}`,
      ])();
    }
    if (random.next() < 0.45) {
      const direction = random.pick(['forward', 'backward']);
      return `${path}query_range?${span}&direction=${direction}&limit=${random.pick([1, 20, 1000])}&query=${q(pipeline(random))}`;
    }
    const query = q(metric(random));
    return random.next() < 0.4
      ? `${path}query?time=${end}&query=${query}`
      : `${path}query_range?${span}&query=${query}&step=${random.pick([15, 60, 300, 1000])}`;
  },

  comparable(_path, body) {
    if (!body.startsWith('{')) return body;
    const { data, ...rest } = JSON.parse(body) as { data: unknown };
    if (typeof data !== 'object' || data === null || Array.isArray(data)) return ordered({ ...rest, data });
    const { stats, ...told } = data as { stats?: unknown };
    void stats;
    return ordered({ ...rest, data: told });
  },
};
