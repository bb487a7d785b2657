import type { QueryContext } from '../../server/guard.js';
import { allOf, exactly } from '../../sql/fragment.js';
import { literal } from '../../sql/literal.js';
import { metadataSource } from '../../sql/metadata.js';
import { metadataWindow } from '../load/predicates.js';
import { spanMetricMetadata, spanMetricNamesIn } from '../load/span-metrics/index.js';
import { metricTables, type MetricTable } from '../load/sources.js';
import type { Window } from '../plan/times.js';

export interface MetricMetadata {
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

function typeColumn(table: MetricTable): string {
  if (table === 'metric_sum') return `CASE WHEN is_monotonic THEN 'counter' ELSE 'gauge' END`;
  if (table === 'metric_gauge') return `'gauge'`;
  return table === 'metric_summary' ? `'summary'` : `'histogram'`;
}

/** Type, description and unit of each metric (without the suffixes of histograms and summaries) in the window. */
export async function metricMetadata(
  ctx: QueryContext,
  window: Window,
  metric: string | undefined,
  limits: { readonly metrics: number; readonly perMetric: number },
): Promise<Record<string, MetricMetadata[]>> {
  const found = new Map<string, MetricMetadata[]>();
  for (const table of metricTables) {
    const name = metric === undefined ? [] : [exactly(`prometheus_name = ${literal(metric)}`)];
    const where = allOf([exactly('prometheus_name IS NOT NULL'), ...name]);
    const from = await metadataSource(ctx.session, table, metadataWindow(window));
    const sql =
      `SELECT DISTINCT prometheus_name, ${typeColumn(table)}, coalesce(metric_description, ''), coalesce(metric_unit, '') ` +
      `FROM ${from} WHERE ${where.sql} ORDER BY ALL`;
    for await (const chunk of ctx.session.stream(sql)) {
      for (let row = 0; row < chunk.rowCount; row++) {
        const [metricName = '', type = '', help = '', unit = ''] = chunk.columns.map(
          (column) => column[row] as string,
        );
        const known = found.get(metricName) ?? [];
        if (known.length < limits.perMetric) known.push({ type, help, unit });
        if (found.size < limits.metrics) found.set(metricName, known);
      }
    }
  }
  await addFamilies(ctx, window, metric, limits, found);
  for (const [name, type, help, unit] of await spanMetricsIn(ctx, window)) {
    if (found.has(name) || found.size >= limits.metrics || (metric !== undefined && metric !== name))
      continue;
    found.set(name, [{ type, help, unit }]);
  }
  return Object.fromEntries(found);
}

/**
 * What Prometheus says of whole families by remote write 1.0 (see `decode/formats/prometheus-series.ts`). It takes the place of what the
 * names of their series alone say.
 */
async function addFamilies(
  ctx: QueryContext,
  window: Window,
  metric: string | undefined,
  limits: { readonly metrics: number; readonly perMetric: number },
  found: Map<string, MetricMetadata[]>,
): Promise<void> {
  const from = await metadataSource(ctx.session, 'metric_gauge', metadataWindow(window));
  const name = metric === undefined ? '' : `AND metric_name = ${literal(metric)}`;
  const sql =
    `SELECT DISTINCT metric_name, json_extract_string(resource_attributes, '$."prometheus.type"'), ` +
    `coalesce(metric_description, ''), coalesce(metric_unit, '') FROM ${from} ` +
    `WHERE prometheus_name IS NULL AND contains(resource_attributes, '"prometheus.type"') ${name} ORDER BY ALL`;
  const families = new Map<string, MetricMetadata[]>();
  for await (const chunk of ctx.session.stream(sql)) {
    for (let row = 0; row < chunk.rowCount; row++) {
      const [family = '', type, help = '', unit = ''] = chunk.columns.map(
        (column) => column[row] as string | null,
      );
      const known = families.get(family ?? '') ?? [];
      if (known.length < limits.perMetric)
        known.push({ type: type ?? 'unknown', help: help ?? '', unit: unit ?? '' });
      families.set(family ?? '', known);
    }
  }
  for (const [family, said] of families) {
    if (!found.has(family) && found.size >= limits.metrics) continue;
    const guessed = (one: string) =>
      found.get(one)?.every(({ help, unit }) => help === '' && unit === '') === true;
    if (!found.has(family) || guessed(family)) found.set(family, said);
    if (!said.some(({ type }) => /histogram|summary/.test(type))) continue;
    for (const part of ['_bucket', '_sum', '_count']) if (guessed(family + part)) found.delete(family + part);
  }
}

async function spanMetricsIn(ctx: QueryContext, window: Window): Promise<typeof spanMetricMetadata> {
  return (await spanMetricNamesIn(ctx, window)).length > 0 ? spanMetricMetadata : [];
}
