/** Queries that want too much, in all languages. Each must be answered in time, with words, and harm nobody. */
export interface Bomb {
  readonly name: string;
  readonly path: string;
  readonly form: Readonly<Record<string, string>> | { readonly sql: string };
}

const many = (count: number, text: string | ((i: number) => string), between: string) =>
  Array.from({ length: count }, (_, i) => (typeof text === 'string' ? text : text(i))).join(between);

const now = Math.floor(Date.now() / 1000);
// Ends later, so that what is sent before and beside the bombs lies in it.
const hour = { start: String(now - 1800), end: String(now + 1800) };

const sql = (name: string, text: string): Bomb => ({
  name: `sql ${name}`,
  path: '/api/admin/sql',
  form: { sql: text },
});
const promql = (name: string, query: string): Bomb => ({
  name: `promql ${name}`,
  path: '/api/v1/query',
  form: { query },
});
const promqlRange = (name: string, query: string, step = '1'): Bomb => ({
  name: `promql range ${name}`,
  path: '/api/v1/query_range',
  form: { query, ...hour, step },
});
const logql = (name: string, query: string, more: Readonly<Record<string, string>> = {}): Bomb => ({
  name: `logql ${name}`,
  path: '/loki/api/v1/query_range',
  form: { query, ...hour, step: '5', ...more },
});
const traceql = (name: string, q: string, path = '/api/search'): Bomb => ({
  name: `traceql ${name}`,
  path: `${path}?${new URLSearchParams({ q, ...hour, step: '1' }).toString()}`,
  form: {},
});

const all = '{service_name=~".+"}';
const joined = Array.from({ length: 17 }, (_, i) =>
  i === 0
    ? 'c0 AS (SELECT body x FROM lake.logs)'
    : `c${i} AS (SELECT a.x FROM c${i - 1} a JOIN c${i - 1} b USING (x))`,
);

export const bombs: readonly Bomb[] = [
  sql('edit distance', `SELECT damerau_levenshtein(repeat('a', 60000), repeat('b', 60000))`),
  sql('edit distance of a megabyte', `SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))`),
  sql('union of 20,000', many(20_000, 'SELECT 1', ' UNION ALL ')),
  sql('with that doubles', `WITH ${joined.join(', ')} SELECT count(*) FROM c16`),
  sql('brackets', `SELECT ${'('.repeat(900)}1${')'.repeat(900)}`),
  sql('columns', `SELECT ${many(50_000, '1', ',')}`),
  sql(
    'with chain',
    `WITH ${many(24, (i) => `c${i} AS (SELECT * FROM ${i ? `c${i - 1} a CROSS JOIN c${i - 1} b` : 'lake.logs'})`, ', ')} FROM c23`,
  ),
  sql(
    'cross join',
    'SELECT count(*) FROM lake.logs a, lake.logs b, lake.logs c, lake.logs d WHERE a.body < b.body',
  ),
  sql(
    'sort of a cross join',
    'SELECT a.body, b.body FROM lake.logs a, lake.logs b, range(1000) ORDER BY b.body || a.body LIMIT 5',
  ),
  sql(
    'huge group',
    'SELECT k, max(v) FROM (SELECT md5(i::VARCHAR) k, i v FROM range(500000000) t(i)) GROUP BY k ORDER BY 2 LIMIT 1',
  ),
  sql('huge list', 'SELECT len(list(md5(i::VARCHAR))) FROM range(400000000) t(i)'),
  sql('huge text', `SELECT length(string_agg(md5(i::VARCHAR), '')) FROM range(400000000) t(i)`),
  sql(
    'endless recursion',
    'WITH RECURSIVE r AS (SELECT 1 i UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r',
  ),
  sql(
    'recursion that grows',
    `WITH RECURSIVE r AS (SELECT 'x' s UNION ALL SELECT s || s FROM r) SELECT max(length(s)) FROM r`,
  ),
  sql(
    'window',
    'SELECT sum(i) OVER (ORDER BY md5(i::VARCHAR) ROWS BETWEEN 1000000 PRECEDING AND CURRENT ROW) FROM range(30000000) t(i)',
  ),
  sql('cube', `SELECT count(*) FROM lake.logs GROUP BY CUBE (${many(20, 'body', ',')})`),
  sql('growth', 'SELECT repeat(repeat(repeat(body, 10000), 10000), 10000) FROM lake.logs'),
  sql('format', `SELECT printf('%999999999d', 1)`),
  sql('list of lists', 'SELECT list_transform(range(100000), x -> list_sum(range(x)))'),
  sql('array type', 'SELECT NULL::INTEGER[100000][100000]'),
  sql('casts', `SELECT 1${many(2000, '::INT::VARCHAR', '')}`),
  sql('and', `SELECT 1 WHERE ${many(5000, 'true', ' AND ')}`),
  sql('plus', `SELECT ${many(20_000, '1', '+')}`),
  sql('case', `SELECT ${'CASE WHEN true THEN '.repeat(2000)}1${' END'.repeat(2000)}`),
  sql('not', `SELECT ${'NOT '.repeat(10_000)}true`),
  sql('in', `SELECT 1 WHERE 1 IN (${many(30_000, '1', ',')})`),
  sql(
    'regular expression',
    `SELECT regexp_matches(body, '${'(a?){50}'.repeat(20)}') FROM lake.logs, range(100000)`,
  ),
  sql('like', `SELECT count(*) FROM lake.logs, range(1000000) WHERE body LIKE '%a%b%c%d%e%f%'`),
  sql('like that tries all', `SELECT '${'a'.repeat(100)}' LIKE '${'%_'.repeat(12)}%b'`),
  sql('stars', `${'SELECT *, *, *, * FROM ('.repeat(6)}FROM lake.logs${')'.repeat(6)}`),
  sql('queries in queries', `${'SELECT ('.repeat(60)}SELECT 1${')'.repeat(60)}`),
  sql('joins', `SELECT count(*) FROM ${many(60, (i) => `lake.logs l${i}`, ', ')}`),
  sql('files', 'FROM "/etc"."passwd"'),

  promql('parentheses', `${'('.repeat(20_000)}1${')'.repeat(20_000)}`),
  promql('plus', many(20_000, '1', '+')),
  promql('up + up', many(560, 'up', ' + ')),
  promql('minus', `${'-'.repeat(20_000)}1`),
  promql('powers', many(5000, '2', ' ^ ')),
  promql('functions', `${'abs('.repeat(5000)}up${')'.repeat(5000)}`),
  promql(
    'label_replace',
    `${'label_replace('.repeat(300)}load_0${`, "x", "$1$1$1$1", "x", "(.*)")`.repeat(300)}`,
  ),
  promql('label that grows', `${'label_join('.repeat(60)}load_0${`, "x", "", "x", "x", "job")`.repeat(60)}`),
  promql('subqueries', `${'max_over_time('.repeat(20)}load_0${'[1h:1s])'.repeat(20)}`),
  promql('long subquery', 'sum(sum_over_time(rate(load_0[5m])[30d:1s]))'),
  promql('cross', `{__name__=~".+"} * on () group_left {__name__=~".+"}`),
  promql('regular expression', `{__name__=~"${'(a|b|c)*'.repeat(200)}"}`),
  promql('repetition', `{__name__=~"((a{100}){100}){100}"}`),
  promql('matchers', `load_0{${many(3000, (i) => `l${i}!="x"`, ',')}}`),
  promql('alternatives', `{__name__=~"${many(5000, (i) => `m${i}`, '|')}"}`),
  promql('count_values', 'count_values("v", {__name__=~".+"})'),
  promqlRange('all series', '{__name__=~".+"}'),
  promqlRange('all rates', 'rate({__name__=~".+"}[1h])'),
  promqlRange(
    'quantiles',
    many(50, (i) => `quantile(0.${i}, {__name__=~".+"})`, ' + '),
  ),
  promqlRange(
    'or',
    many(300, (i) => `vector(${i})`, ' or '),
  ),
  promqlRange('constant', 'vector(1)', '0.4'),

  logql('brackets', `${'('.repeat(10_000)}${all}${')'.repeat(10_000)}`),
  logql('json', `${all}${' | json'.repeat(600)}`),
  logql('or', `${all} | ${many(600, 'a="b"', ' or ')}`),
  logql('lines', `${all}${' |= "a"'.repeat(600)}`),
  logql(
    'line_format that grows',
    `${all}${' | line_format "{{__line__}}{{__line__}}{{__line__}}{{__line__}}"'.repeat(40)}`,
  ),
  logql('template loop', `${all} | line_format "{{ range $i := until 1000000000 }}x{{ end }}"`),
  logql('template repeat', `${all} | line_format "{{ repeat 1000000000 \\"x\\" }}"`),
  logql('template brackets', `${all} | line_format "{{ ${'('.repeat(5000)}1${')'.repeat(5000)} }}"`),
  logql(
    'replace',
    `${all} | line_format "{{ Replace __line__ \\"\\" __line__ -1 | Replace \\"\\" __line__ -1 }}"`,
  ),
  logql('regular expression', `${all} |~ "${'(a?){50}'.repeat(20)}"`),
  logql('pattern', `${all} | pattern "${many(1000, (i) => `<p${i}>`, ' ')}"`),
  logql(
    'every line a series',
    `count_over_time(${all} | label_format x="{{__line__}}{{__timestamp__}}" [1h])`,
    { step: '1' },
  ),
  logql('long window', `sum by (body) (count_over_time(${all}[30d]))`),
  logql('arithmetic', `${many(1000, `sum(rate(${all}[1m]))`, ' + ')}`),
  logql('many steps', `rate(${all}[1h])`, { step: '0.001' }),
  logql('limit', all, { limit: '100000000' }),

  traceql('brackets', `${'('.repeat(10_000)}{}${')'.repeat(10_000)}`),
  traceql('brackets in braces', `{ ${'('.repeat(10_000)}true${')'.repeat(10_000)} }`),
  traceql('or', `{ ${many(3000, '.a = 1', ' || ')} }`),
  traceql('not', `{ ${'!'.repeat(20_000)}true }`),
  traceql('structure', many(200, '{}', ' >> ')),
  traceql('pipeline', `{}${' | by(name)'.repeat(500)}`),
  traceql('select', `{} | select(${many(2000, (i) => `.a${i}`, ', ')})`),
  traceql('regular expression', `{ name =~ "${'(a?){50}'.repeat(20)}" }`),
  traceql('every span a series', '{} | rate() by (span:id)', '/api/metrics/query_range'),
  traceql('many groups', '{} | rate() by (span:id, trace:id, name, .a, .b)', '/api/metrics/query_range'),
  traceql(
    'quantiles',
    `{} | quantile_over_time(duration, ${many(500, (i) => `0.${i + 1}`, ', ')})`,
    '/api/metrics/query_range',
  ),
  traceql('compare', '{} | compare({ name = "load" }, 1000000)', '/api/metrics/query_range'),
];
