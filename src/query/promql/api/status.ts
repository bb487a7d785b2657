import { functions } from '../functions/index.js';

const functionNames = [...functions].filter(([, definition]) => definition.run).map(([name]) => name);

/**
 * What Prometheus' status endpoints say, by the path below /api/v1, in Prometheus' shapes. This server scrapes nothing,
 * alerts nobody and has no head block: lists are empty and counts 0. Its settings are in the admin API, so that no key
 * to queries reads them here.
 */
export const statusAnswers: ReadonlyMap<string, () => unknown> = new Map<string, () => unknown>([
  ['rules', () => ({ groups: [] })],
  ['alerts', () => ({ alerts: [] })],
  ['targets', () => ({ activeTargets: [], droppedTargets: [], droppedTargetCounts: {} })],
  ['targets/metadata', () => []],
  ['scrape_pools', () => ({ scrapePools: [] })],
  ['alertmanagers', () => ({ activeAlertmanagers: [], droppedAlertmanagers: [] })],
  ['status/config', () => ({ yaml: '' })],
  ['status/flags', () => ({})],
  ['status/runtimeinfo', runtimeInfo],
  [
    'status/tsdb',
    () => ({
      headStats: { numSeries: 0, numLabelPairs: 0, chunkCount: 0, minTime: 0, maxTime: 0 },
      seriesCountByMetricName: [],
      labelValueCountByLabelName: [],
      memoryInBytesByLabelName: [],
      seriesCountByLabelValuePair: [],
    }),
  ],
  ['status/walreplay', () => ({ min: 0, max: 0, current: 0 })],
  ['features', features],
]);

function runtimeInfo(): object {
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
    GOMAXPROCS: 0,
    GOMEMLIMIT: 0,
    GOGC: '',
    GODEBUG: '',
    storageRetention: '',
  };
}

function features(): object {
  const on = (...names: readonly string[]) => Object.fromEntries(names.map((name) => [name, true]));
  return {
    api: on('label_values_match', 'query_exemplars', 'time_range_labels', 'time_range_series'),
    promql: on(
      'at_modifier',
      'bool',
      'by',
      'group_left',
      'group_right',
      'ignoring',
      'offset',
      'on',
      'subqueries',
    ),
    promql_functions: on(...functionNames),
  };
}
