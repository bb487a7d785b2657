import type { QueryLimits } from '../../server/guard.js';

/** Most entries of a log query. */
export const maxEntries = 5000;
/** Most series of a volume, unless the request says otherwise. */
export const volumeSeries = 100;

/** What Loki's ruler says where there are no rules; this server alerts nobody. By path, in Loki's shapes. */
export const rulerAnswers: ReadonlyMap<string, object> = new Map([
  ['/prometheus/api/v1/rules', { status: 'success', data: { groups: [] }, errorType: '', error: '' }],
  ['/prometheus/api/v1/alerts', { status: 'success', data: { alerts: [] }, errorType: '', error: '' }],
]);

/** No rule groups, as YAML. */
export const noRuleGroups = '{}\n';

/** What is said of a namespace and of a group in it (pkg/ruler/base), by the rest of the path. */
export const missingRules: ReadonlyMap<string, string> = new Map([
  ['/:namespace', 'no rule groups found'],
  ['/:namespace/:group', 'group does not exist'],
]);

/** As Loki names its limits. */
function namedLimits(limits: QueryLimits) {
  const duration = (ms: number) => `${Math.round(ms / 1000)}s`;
  return {
    discover_log_levels: true,
    max_entries_limit_per_query: Math.min(maxEntries, limits.maxRows),
    max_query_length: duration(limits.maxRangeMs),
    max_query_range: duration(limits.maxRangeMs),
    max_query_series: limits.maxSeries,
    query_timeout: duration(limits.timeoutMs),
    retention_period: duration(limits.retentionMs),
    volume_enabled: true,
    volume_max_series: volumeSeries,
  };
}

/** GET /loki/api/v1/drilldown-limits: what Grafana's Logs Drilldown may ask for (pkg/querier/queryrange in Loki). */
export function drilldownLimits(limits: QueryLimits, version: string): object {
  return { limits: namedLimits(limits), pattern_ingester_enabled: true, version };
}

/** GET /config: what of Loki's configuration there is here, as YAML. */
export function configText(limits: QueryLimits): string {
  const lines = Object.entries(namedLimits(limits)).map(([name, value]) => `  ${name}: ${value}`);
  return `target: all\nauth_enabled: false\nlimits_config:\n${lines.join('\n')}\n`;
}

/** GET /services: the parts of Loki that this server stands for, a line each. */
export const servicesText = ['server', 'distributor', 'ingester', 'querier', 'query-frontend', 'store']
  .map((name) => `${name} => Running\n`)
  .join('');
