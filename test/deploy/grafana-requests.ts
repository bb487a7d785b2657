/** What Grafana 12 and its drilldown apps ask of the three data sources, beside the queries of dashboards. */
export interface GrafanaRequest {
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** Sent as a form, as a data source of Prometheus does by default. */
  readonly form?: true;
  /** Where in the answer something must be, by names with dots; '' for any answer. */
  readonly has: string;
}

/** `from` and `to` are unix seconds; the data is of the service `shop`, with `shop_orders_total`. */
export function grafanaRequests(from: number, to: number, traceId: string): readonly GrafanaRequest[] {
  const seconds = { start: String(from), end: String(to) };
  const ms = { start: `${from}000`, end: `${to}000` };
  const ns = { start: `${from}000000000`, end: `${to}000000000` };
  const dates = {
    start: new Date(from * 1000).toISOString(),
    end: new Date(to * 1000).toISOString(),
  };
  const metric = { 'match[]': 'shop_orders_total' };
  const logs = { query: '{service_name=`shop`}' };
  const get = (path: string, has: string, parameters: Record<string, string> = {}): GrafanaRequest => ({
    path,
    parameters,
    has,
  });
  const post = (path: string, has: string, parameters: Record<string, string>): GrafanaRequest => ({
    ...get(path, has, parameters),
    form: true,
  });
  const volume = { ...logs, limit: '5000', targetLabels: 'service_name' };
  return [
    // The test of a data source, its version, its kind.
    post('/api/v1/query', 'data.result.0', { query: '1+1', time: '4' }),
    get('/api/v1/status/buildinfo', 'data.version'),
    get('/api/v1/query_exemplars', 'status', { query: 'test', ...ms }),
    post('/api/v1/query_exemplars', 'status', { query: 'shop_orders_total', ...seconds }),
    post('/api/v1/query_range', 'data.result.0', { query: 'shop_orders_total', step: '15', ...seconds }),
    // Its builder, code editor, browser of metrics, variables; Metrics Drilldown.
    get('/api/v1/metadata', 'data.shop_orders_total.0.type', { limit: '40000' }),
    get('/api/v1/metadata', 'data.shop_orders_total.0', {
      limit_per_metric: '1',
      metric: 'shop_orders_total',
    }),
    post('/api/v1/labels', 'data.0', { ...seconds, limit: '40000' }),
    get('/api/v1/labels', 'data.0', { ...seconds, ...metric }),
    get('/api/v1/label/__name__/values', 'data.0', {
      ...seconds,
      limit: '40000',
      'match[]': '{__name__=~".*shop.*"}',
    }),
    get('/api/v1/label/service_name/values', 'data.0', { ...seconds, ...metric }),
    post('/api/v1/series', 'data.0.__name__', { ...seconds, ...metric, limit: '40000' }),
    post('/api/v1/format_query', 'data', { query: 'sum(up)by(job)' }),
    get('/api/v1/parse_query', 'data.type', { query: 'up' }),
    get('/api/v1/rules', 'data.groups'),
    get('/api/v1/rules', 'data.groups', { type: 'alert', exclude_alerts: 'true' }),
    get('/api/v1/alerts', 'data.alerts'),
    get('/api/v1/status/flags', 'data'),
    get('/api/v1/status/config', 'data.yaml'),
    get('/api/v1/features', 'data'),
    // Loki.
    get('/loki/api/v1/query', 'data.result.0', {
      query: 'vector(1)+vector(1)',
      time: '4000000000',
      direction: 'backward',
      limit: '1',
    }),
    get('/loki/api/v1/status/buildinfo', 'version'),
    get('/loki/api/v1/labels', 'data.0', ns),
    get('/loki/api/v1/labels', 'data.0', { ...ns, ...logs }),
    get('/loki/api/v1/label/service_name/values', 'data.0', { ...ns, query: '{service_name!=``}' }),
    get('/loki/api/v1/series', 'data.0', { ...ns, 'match[]': '{service_name="shop"}' }),
    get('/loki/api/v1/query_range', 'data.result.0.values.0', {
      ...logs,
      ...ns,
      limit: '1000',
      step: '2000ms',
    }),
    get('/loki/api/v1/query_range', 'data.result.0', {
      query: 'sum by (level, detected_level) (count_over_time({service_name=`shop`} | drop __error__ [1m]))',
      step: '60000ms',
      ...ns,
    }),
    get('/loki/api/v1/index/stats', 'entries', { ...logs, ...ns }),
    get('/loki/api/v1/rules', ''),
    get('/prometheus/api/v1/rules', 'data.groups'),
    get('/prometheus/api/v1/alerts', 'data.alerts'),
    get('/loki/api/v1/format_query', 'data', logs),
    // Logs Drilldown.
    get('/loki/api/v1/drilldown-limits', 'limits'),
    get('/loki/api/v1/index/volume', 'data.result.0', { ...volume, ...dates }),
    get('/loki/api/v1/index/volume', 'data.result.0', { ...volume, ...ns, aggregateBy: 'series' }),
    get('/loki/api/v1/index/volume_range', 'data.result.0', { ...volume, ...ns, step: '60s' }),
    get('/loki/api/v1/detected_labels', 'detectedLabels.0.label', { ...logs, ...dates }),
    get('/loki/api/v1/detected_labels', 'detectedLabels.0.cardinality', { query: '', ...dates }),
    get('/loki/api/v1/detected_fields', 'fields.0.label', { ...logs, ...dates }),
    get('/loki/api/v1/detected_field/detected_level/values', 'values.0', { ...logs, ...ns, limit: '1000' }),
    get('/loki/api/v1/patterns', 'data', { ...logs, ...dates, step: '30s' }),
    // Tempo.
    get('/api/echo', ''),
    get('/api/status/buildinfo', 'version'),
    get('/api/v2/search/tags', 'scopes.0.tags.0', { ...seconds, limit: '5000' }),
    get('/api/v2/search/tags', 'scopes.0.tags.0', { scope: 'resource' }),
    get('/api/v2/search/tag/resource.service.name/values', 'tagValues.0.value', {
      q: '{}',
      ...seconds,
      limit: '5000',
    }),
    get('/api/v2/search/tag/name/values', 'tagValues.0.type', {
      q: '{resource.service.name="shop"}',
      ...seconds,
    }),
    get('/api/search/tags', 'tagNames.0'),
    get('/api/search/tag/service.name/values', 'tagValues.0'),
    get('/api/search', 'traces.0.traceID', { q: '{}', limit: '20', spss: '3', ...seconds }),
    get('/api/search', 'traces.0.spanSets.0.spans.0', {
      q: '{nestedSetParent<0 && kind=server} | select(status, resource.service.name, name)',
      limit: '200',
      ...seconds,
    }),
    get(`/api/traces/${traceId}`, 'batches.0', seconds),
    get(`/api/v2/traces/${traceId}`, 'trace.resourceSpans.0', seconds),
    // Traces Drilldown.
    get('/api/metrics/query_range', 'series.0', {
      q: '{nestedSetParent<0 && true} | rate() with(sample=true)',
      step: '30s',
      exemplars: '100',
      ...seconds,
    }),
    get('/api/metrics/query_range', 'series.0', {
      q: '{true} | compare({status=error}, 10)',
      step: '30s',
      ...seconds,
    }),
    get('/api/metrics/query_range', 'series.0', {
      q: '{true} | histogram_over_time(duration)',
      step: '30s',
      ...seconds,
    }),
    get('/api/metrics/query', 'series.0', { q: '{} | rate() by (resource.service.name)', ...seconds }),
  ];
}

/** What lies at `path`, names with dots. */
export function member(answer: unknown, path: string): unknown {
  let at = answer;
  for (const name of path.split('.')) at = (at as Record<string, unknown> | null | undefined)?.[name];
  return at;
}
