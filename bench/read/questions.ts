/** Who is asked besides canardstack, which on S3 gets the very same question. */
export const peerNames = ['on S3', 'plain DuckDB', 'VictoriaLogs', 'Prometheus'] as const;
export type Peer = (typeof peerNames)[number];

export interface Question {
  readonly name: string;
  /** Path and parameters of canardstack's own API. */
  readonly path: string;
  /** The same question to a peer: a path, or SQL for DuckDB. */
  readonly peers: Partial<Record<Exclude<Peer, 'on S3'>, string>>;
}

export interface Span {
  /** Unix seconds. */
  readonly start: number;
  readonly end: number;
}

/** What the questions look for; it is in the middle of the history. */
export interface Needles {
  /** A trace id that one log line has, and a word of that line. */
  readonly traceOfLog: string;
  readonly order: string;
  /** Its user, whom few lines have; a history that was kept may not tell one. */
  readonly user?: string;
  readonly trace: string;
}

function url(path: string, parameters: Readonly<Record<string, string | number>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) query.append(key, `${value}`);
  return `${path}?${query.toString()}`;
}

/** Questions to Loki's API; VictoriaLogs and SQL get the same in their words. */
export function logQuestions(
  { start, end }: Span,
  { traceOfLog, order, user = 'u4242' }: Needles,
): Question[] {
  const middle = Math.floor((start + end) / 2);
  const range = '/loki/api/v1/query_range';
  const lines = (query: string, from = start, to = end) =>
    url(range, { query, start: from, end: to, limit: 100 });
  const counts = (query: string, step: number) => url(range, { query, start, end, step });
  const found = (query: string, from = start, to = end) =>
    url('/select/logsql/query', { query, start: from, end: to, limit: 100 });
  const stats = (query: string, step: string) =>
    url('/select/logsql/stats_query_range', { query, start, end, step });
  const within = (from = start, to = end) =>
    `timestamp >= make_timestamp(${from}000000) AND timestamp < make_timestamp(${to}000000)`;
  const newest = (where: string, from = start, to = end) =>
    `SELECT * FROM lake.logs WHERE ${where} AND ${within(from, to)} ORDER BY time_unix_nano DESC LIMIT 100`;
  const counted = (by: string, where = 'true') =>
    `SELECT ${by}, time_bucket(INTERVAL 5 MINUTE, timestamp), count(*) FROM lake.logs WHERE ${where} AND ${within()} GROUP BY ALL`;
  const all = '{service_name=~".+"}';
  return [
    {
      name: 'lines by trace id',
      path: lines(`${all} | trace_id="${traceOfLog}"`),
      peers: {
        'plain DuckDB': newest(`trace_id = '${traceOfLog}'`),
        VictoriaLogs: found(`trace_id:="${traceOfLog}"`),
      },
    },
    {
      name: 'lines by user.id',
      path: lines(`${all} | user_id="${user}"`),
      peers: {
        'plain DuckDB': newest(`contains(log_attributes, '"user.id":"${user}"')`),
        VictoriaLogs: found(`user.id:="${user}"`),
      },
    },
    {
      name: 'a word that is once',
      path: lines(`${all} |= "${order}"`),
      peers: { 'plain DuckDB': newest(`contains(body, '${order}')`), VictoriaLogs: found(`"${order}"`) },
    },
    {
      name: 'a word that is nowhere',
      path: lines(`${all} |= "zzyzx42"`),
      peers: { 'plain DuckDB': newest(`contains(body, 'zzyzx42')`), VictoriaLogs: found('"zzyzx42"') },
    },
    {
      name: 'last 100 lines of a service',
      path: lines('{service_name="checkout"}'),
      peers: {
        'plain DuckDB': newest(`service_name = 'checkout'`),
        VictoriaLogs: found('{service.name="checkout"} | sort by (_time) desc | limit 100'),
      },
    },
    {
      name: 'last 100 errors, an hour',
      path: lines(`{level="error"}`, middle, Math.min(end, middle + 3600)),
      peers: {
        'plain DuckDB': newest(`detected_level = 'error'`, middle, Math.min(end, middle + 3600)),
        VictoriaLogs: found(
          'severity_text:=ERROR | sort by (_time) desc | limit 100',
          middle,
          Math.min(end, middle + 3600),
        ),
      },
    },
    {
      name: 'count by level, 5 m',
      path: counts(`sum by (level) (count_over_time(${all}[5m]))`, 300),
      peers: {
        'plain DuckDB': counted('detected_level'),
        VictoriaLogs: stats('* | stats by (severity_text) count() n', '5m'),
      },
    },
    {
      name: 'count by service, 5 m',
      path: counts(`sum by (service_name) (count_over_time(${all}[5m]))`, 300),
      peers: {
        'plain DuckDB': counted('service_name'),
        VictoriaLogs: stats('* | stats by (service.name) count() n', '5m'),
      },
    },
    {
      name: 'errors by http.route, 5 m',
      path: counts(`sum by (http_route) (count_over_time({level="error"}[5m]))`, 300),
      peers: {
        'plain DuckDB': counted(
          `json_extract_string(log_attributes, '$."http.route"')`,
          `detected_level = 'error'`,
        ),
        VictoriaLogs: stats('severity_text:=ERROR | stats by (http.route) count() n', '5m'),
      },
    },
    {
      name: 'a pattern, 6 h',
      path: lines('{service_name="payment"} |~ "amount.:8[0-9]{2}"', end - 6 * 3600),
      peers: {
        'plain DuckDB': newest(
          `service_name = 'payment' AND regexp_matches(body, 'amount.:8[0-9]{2}')`,
          end - 6 * 3600,
        ),
        VictoriaLogs: found('{service.name="payment"} ~"amount.:8[0-9]{2}"', end - 6 * 3600),
      },
    },
    {
      name: 'count of words by service, 6 h',
      path: url(range, {
        query: `sum by (service_name) (count_over_time(${all} |= "reset by peer" [1m]))`,
        start: end - 6 * 3600,
        end,
        step: 60,
      }),
      peers: {
        VictoriaLogs: url('/select/logsql/stats_query_range', {
          query: '"reset by peer" | stats by (service.name) count() n',
          start: end - 6 * 3600,
          end,
          step: '1m',
        }),
      },
    },
    {
      name: 'average of a JSON field, 6 h',
      path: url(range, {
        query:
          'avg by (currency) (avg_over_time({service_name="payment"} |= "payment authorised" | json | unwrap amount [5m]))',
        start: end - 6 * 3600,
        end,
        step: 300,
      }),
      peers: {
        VictoriaLogs: url('/select/logsql/stats_query_range', {
          query:
            '{service.name="payment"} "payment authorised" | unpack_json fields (amount, currency) | stats by (currency) avg(amount) a',
          start: end - 6 * 3600,
          end,
          step: '5m',
        }),
      },
    },
    {
      name: 'p99 of an attribute, 1 h',
      path: counts(
        'quantile_over_time(0.99, {service_name="checkout"} | unwrap duration_ms [1h]) by (http_route)',
        3600,
      ),
      peers: {
        VictoriaLogs: stats(
          '{service.name="checkout"} | stats by (http.route) quantile(0.99, duration_ms) p',
          '1h',
        ),
      },
    },
    {
      name: 'ten users with most lines',
      path: url('/loki/api/v1/query', {
        query: `topk(10, sum by (user_id) (count_over_time(${all}[${Math.round((end - start) / 3600)}h])))`,
        time: end,
      }),
      peers: {
        VictoriaLogs: found('* | stats by (user.id) count() n | sort by (n) desc | limit 10'),
      },
    },
    {
      name: 'values of service_name',
      path: url('/loki/api/v1/label/service_name/values', { start, end }),
      peers: {
        'plain DuckDB': `SELECT DISTINCT service_name FROM lake.logs WHERE ${within()}`,
        VictoriaLogs: url('/select/logsql/stream_field_values', {
          query: '*',
          field: 'service.name',
          start,
          end,
        }),
      },
    },
    {
      name: 'label names',
      path: url('/loki/api/v1/labels', { start, end }),
      peers: { VictoriaLogs: url('/select/logsql/stream_field_names', { query: '*', start, end }) },
    },
    {
      name: 'streams',
      path: url('/loki/api/v1/series', { 'match[]': all, start, end }),
      peers: { VictoriaLogs: url('/select/logsql/streams', { query: '*', start, end }) },
    },
    {
      name: 'volume by service',
      path: url('/loki/api/v1/index/volume', { query: all, start, end }),
      peers: {
        'plain DuckDB': `SELECT service_name, sum(strlen(body)) FROM lake.logs WHERE ${within()} GROUP BY 1`,
        VictoriaLogs: url('/select/logsql/hits', {
          query: '*',
          field: 'service.name',
          start,
          end,
          step: '24h',
        }),
      },
    },
  ];
}

/** PromQL, the same to Prometheus. */
export function metricQuestions({ start, end }: Span): Question[] {
  const same = (name: string, path: string): Question => ({ name, path, peers: { Prometheus: path } });
  const instant = (query: string) => url('/api/v1/query', { query, time: end });
  const range = (query: string, step: number, from = start) =>
    url('/api/v1/query_range', { query, start: from, end, step });
  const [gauge, counter] = ['process_memory_usage_bytes', 'http_server_requests_total'];
  return [
    same('instant, one series', instant(`${gauge}{shard="s7"}`)),
    same('instant, sum of all', instant(`sum(${gauge})`)),
    same('rate of all series, 60 s', range(`rate(${counter}[5m])`, 60)),
    same('sum of rates by route, 60 s', range(`sum by (http_route) (rate(${counter}[5m]))`, 60)),
    same('sum of rates, last hour, 15 s', range(`sum(rate(${counter}[1m]))`, 15, end - 3600)),
    same('one series, all of it', range(`${gauge}{shard="s7"}`, 60)),
    same('topk, instant', instant(`topk(5, rate(${counter}[5m]))`)),
    same('values of a label', url('/api/v1/label/shard/values', { start, end })),
    same('label names', url('/api/v1/labels', { start, end })),
    same('series of a metric', url('/api/v1/series', { 'match[]': gauge, start, end })),
    same('metric names', url('/api/v1/label/__name__/values', { start, end })),
  ];
}

/** Tempo's API, which no peer here serves, and PromQL on spans. */
export function traceQuestions({ start, end }: Span, { trace }: Needles): Question[] {
  const hour = { start: end - 3600, end };
  const search = (q: string) => url('/api/search', { q, ...hour, limit: 20 });
  const metrics = (q: string) => url('/api/metrics/query_range', { q, ...hour, step: '60s' });
  const instant = (query: string) => url('/api/v1/query', { query, time: end });
  const lastHour = `timestamp > make_timestamp(${hour.start}000000) AND timestamp <= make_timestamp(${end}000000)`;
  const none = '0'.repeat(30) + 'ab';
  return [
    {
      name: 'trace by id',
      path: `/api/traces/${trace}`,
      peers: { 'plain DuckDB': `SELECT * FROM lake.spans WHERE trace_id = '${trace}'` },
    },
    {
      name: 'unknown trace id',
      path: `/api/traces/${none}`,
      peers: { 'plain DuckDB': `SELECT * FROM lake.spans WHERE trace_id = '${none}'` },
    },
    {
      name: 'errors of a service, an hour',
      path: search('{ resource.service.name = "checkout" && status = error }'),
      peers: {},
    },
    { name: 'a rare attribute, an hour', path: search('{ span.user.id = "u4242" }'), peers: {} },
    {
      name: 'structural, an hour',
      path: search('{ resource.service.name = "checkout" } >> { status = error }'),
      peers: {},
    },
    { name: 'tags', path: url('/api/v2/search/tags', { start, end }), peers: {} },
    {
      name: 'values of a tag',
      path: url('/api/v2/search/tag/resource.service.name/values', { start, end }),
      peers: {
        'plain DuckDB': 'SELECT service_name, count(*) FROM lake.spans GROUP BY 1 ORDER BY 2 DESC',
      },
    },
    {
      name: 'values of an attribute',
      path: url('/api/v2/search/tag/span.http.route/values', { start, end }),
      peers: {},
    },
    {
      name: 'rate by service, an hour',
      path: metrics('{ } | rate() by (resource.service.name)'),
      peers: {},
    },
    // What Grafana's service graph and its table ask.
    {
      name: 'span metrics: rate by name, an hour',
      path: instant(
        'topk(5, sum(rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[1h])) by (span_name))',
      ),
      peers: {
        'plain DuckDB': `SELECT span_name, count(*) FROM lake.spans WHERE span_kind = 2 AND ${lastHour} GROUP BY 1`,
      },
    },
    {
      name: 'span metrics: p90 of durations, all of it',
      path: url('/api/v1/query_range', {
        query: 'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket[5m])) by (le))',
        start,
        end,
        step: 300,
      }),
      peers: {},
    },
    {
      name: 'service graph: requests, an hour',
      path: instant('sum by (client, server) (rate(traces_service_graph_request_total[1h]))'),
      peers: {},
    },
  ];
}
