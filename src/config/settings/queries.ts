import { bytes, count, flag, keyList, milliseconds, seconds } from '../kinds.js';
import { mebibyte, setting } from './definition.js';

export const queries = {
  queryConcurrency: setting('QUERY_CONCURRENCY', count({ max: 1024 }), 4, 'Queries that run at once.'),
  queryThreads: setting('QUERY_THREADS', count({ max: 1024 }), undefined, 'Threads that evaluate queries.', {
    computed: '1, or 2 from 4 cores on',
  }),
  queryQueueLength: setting(
    'QUERY_QUEUE_LENGTH',
    count(),
    64,
    'Queries that may wait for a place; beyond it 429.',
  ),
  queryTimeoutMs: setting(
    'QUERY_TIMEOUT_MS',
    milliseconds(),
    30_000,
    'Time limit of a query, waiting included.',
  ),
  queryMemoryLimitBytes: setting(
    'QUERY_MEMORY_LIMIT',
    bytes(),
    undefined,
    'Memory that all queries together may take from DuckDB; beyond it the one that has run longest is stopped.',
    { computed: 'three quarters of DUCKDB_MEMORY_LIMIT' },
  ),
  queryMaxRangeSecs: setting(
    'QUERY_MAX_RANGE_SECS',
    seconds(),
    31 * 86_400,
    'Longest time range of a query.',
  ),
  queryMaxRows: setting('QUERY_MAX_ROWS', count(), 100_000, 'Most rows a query returns.'),
  queryMaxSamples: setting('QUERY_MAX_SAMPLES', count(), 20_000_000, 'Most samples a PromQL query loads.'),
  queryMaxSeries: setting('QUERY_MAX_SERIES', count(), 50_000, 'Most series a query handles.'),
  queryMaxTails: setting('QUERY_MAX_TAILS', count({ max: 1000 }), 10, 'Clients that tail logs at once.'),
  metadataCacheEntries: setting(
    'METADATA_CACHE_ENTRIES',
    count({ min: 0 }),
    1_000_000,
    'Label sets and attribute keys, by data file and hour, kept in memory for label lookups: some 100 bytes each. 0 keeps none, and every lookup reads the files.',
  ),
  sampleCacheBytes: setting(
    'SAMPLE_CACHE_MEMORY',
    bytes({ min: 0 }),
    256 * mebibyte,
    'Memory for samples of metrics that PromQL queries read before, 12 bytes each. 0 keeps none, and every query reads the files. Needs CANARDSTACK_METADATA_CACHE_ENTRIES.',
  ),
  queryScopeLabels: setting(
    'QUERY_SCOPE_LABELS',
    flag(),
    true,
    'PromQL: labels otel_scope_name, otel_scope_version, otel_scope_schema_url and otel_scope_<attribute>. Without them, points of several scopes with equal labels are one series.',
  ),
  promqlExperimental: setting(
    'QUERY_PROMQL_EXPERIMENTAL',
    flag(),
    true,
    'PromQL: what is experimental in Prometheus (its `--enable-feature` for functions, `fill`, `anchored` and `smoothed`). Without it such queries are refused, as Prometheus does by default.',
  ),
  spanMetrics: setting(
    'SPAN_METRICS',
    flag(),
    true,
    'PromQL: traces_spanmetrics_* and traces_service_graph_*, counted of the spans when they are asked for.',
  ),
  spanMetricsDimensions: setting(
    'SPAN_METRICS_DIMENSIONS',
    keyList(),
    undefined,
    'Attributes of resources and spans that are labels of traces_spanmetrics_*, with commas between: http.route,service.version',
  ),
};
