import { availableParallelism } from 'node:os';
import { QueryError } from '../../../lake/query-error.js';
import type { QueryRequest } from '../../server/endpoint.js';
import type { QueryLimits } from '../../server/guard.js';
import { Params } from '../../server/params.js';
import { goQuote } from '../../text/go-quote.js';
import { functions } from '../functions/index.js';
import { noRules, noTargetMetadata, noTargets } from './rules.js';
import { experimentalFunctions } from '../plan/experimental.js';

type Status = (limits: QueryLimits, request: Pick<QueryRequest, 'url' | 'body'>) => unknown;

/**
 * What Prometheus' status endpoints say, by the path below /api/v1, in Prometheus' shapes. This server scrapes nothing,
 * alerts nobody and has no head block: lists are empty and counts 0. Its settings are in the admin API, so that no key
 * to queries reads them here. Throws QueryError.
 */
export const statusAnswers: ReadonlyMap<string, Status> = new Map<string, Status>([
  ['rules', (_limits, request) => noRules(new Params(request, 'seconds'))],
  ['alerts', () => ({ alerts: [] })],
  ['targets', (_limits, request) => noTargets(new Params(request, 'seconds'))],
  ['targets/metadata', (_limits, request) => noTargetMetadata(new Params(request, 'seconds'))],
  ['targets/relabel_steps', (_limits, request) => noRelabelSteps(request)],
  ['scrape_pools', () => ({ scrapePools: [] })],
  ['scrape_pools/config', (_limits, request) => noScrapePool(request)],
  ['alertmanagers', () => ({ activeAlertmanagers: [], droppedAlertmanagers: [] })],
  ['notifications', () => []],
  ['status/config', () => ({ yaml: '' })],
  ['status/flags', flags],
  ['status/runtimeinfo', runtimeInfo],
  ['status/tsdb/blocks', () => ({ blocks: [] })],
  ['status/self_metrics', () => []],
  ['status/walreplay', () => ({ min: 0, max: 0, current: 0 })],
  ['features', features],
]);

/** What Prometheus does when a flag says so, and this server does not: the words, methods and paths below /api/v1. */
export const disabledPaths: readonly {
  readonly words: string;
  readonly methods: readonly ('GET' | 'POST' | 'PUT')[];
  readonly paths: readonly string[];
}[] = [
  {
    words: 'admin APIs disabled',
    methods: ['POST', 'PUT'],
    paths: ['admin/tsdb/delete_series', 'admin/tsdb/clean_tombstones', 'admin/tsdb/snapshot'],
  },
  {
    words: 'search API disabled',
    methods: ['GET', 'POST'],
    paths: ['search/metric_names', 'search/label_names', 'search/label_values'],
  },
];

function noScrapePool(request: Pick<QueryRequest, 'url' | 'body'>): never {
  const pool = new Params(request, 'seconds').text('scrapePool');
  throw new QueryError(
    'bad_data',
    pool === undefined
      ? 'no scrapePool parameter provided'
      : `error retrieving scrape config: scrape pool ${goQuote(pool.slice(0, 100))} not found`,
  );
}

function noRelabelSteps(request: Pick<QueryRequest, 'url' | 'body'>): never {
  const params = new Params(request, 'seconds');
  if (params.text('scrapePool') !== undefined && params.text('labels') === undefined)
    throw new QueryError('bad_data', 'no labels parameter provided');
  return noScrapePool(request);
}

const duration = (ms: number) => (Number.isFinite(ms) ? `${Math.round(ms / 1000)}s` : '0s');

/** Those flags of Prometheus that a setting of this server stands for. */
function flags(limits: QueryLimits): object {
  return {
    'enable-feature': limits.promqlExperimental ? 'promql-experimental-functions' : '',
    'query.lookback-delta': '5m',
    'query.max-concurrency': String(limits.concurrency),
    'query.max-samples': String(limits.maxSamples),
    'query.timeout': duration(limits.timeoutMs),
    'storage.tsdb.retention.time': duration(limits.retentionMs),
    'web.enable-admin-api': 'false',
    'web.enable-lifecycle': 'false',
  };
}

function runtimeInfo(limits: QueryLimits): object {
  const started = new Date(Date.now() - process.uptime() * 1000).toISOString();
  return {
    startTime: started,
    CWD: '',
    hostname: '',
    serverTime: new Date().toISOString(),
    reloadConfigSuccess: true,
    lastConfigTime: started,
    corruptionCount: 0,
    goroutineCount: 0,
    GOMAXPROCS: availableParallelism(),
    GOMEMLIMIT: 0,
    GOGC: '',
    GODEBUG: '',
    storageRetention: duration(limits.retentionMs),
  };
}

const keywords = [
  ...[
    'at_modifier',
    'bool',
    'by',
    'duration_expr',
    'group_left',
    'group_right',
    'ignoring',
    'negative_offset',
  ],
  ...['offset', 'on', 'per_query_lookback_delta', 'subqueries', 'without', 'anchored', 'smoothed'],
];
const experimentalKeywords = ['fill', 'fill_left', 'fill_right'];
const api = [
  ...['label_values_match', 'query_exemplars', 'query_stats', 'query_warnings', 'remote_read'],
  ...['time_range_labels', 'time_range_series'],
];

function features({ promqlExperimental }: QueryLimits): object {
  const all = (names: Iterable<string>, on: (name: string) => boolean = () => true) =>
    [...names].map((name): [string, boolean] => [name, on(name)]);
  const experimental = () => promqlExperimental;
  return {
    api: Object.fromEntries([...all(api), ...all(['admin', 'lifecycle'], () => false)]),
    promql: Object.fromEntries([...all(keywords), ...all(experimentalKeywords, experimental)]),
    promql_functions: Object.fromEntries(
      all(functions.keys(), (name) => promqlExperimental || !experimentalFunctions.has(name)),
    ),
    tsdb: { native_histograms: true },
  };
}
