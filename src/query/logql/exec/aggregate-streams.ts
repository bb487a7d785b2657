import { checkSeries } from '../../series/context.js';
import { and } from '../../sql/fragment.js';
import { inOrder, listed, unlessTooMany } from '../../sql/listing.js';
import { isBesideItsAlias } from '../model/labels.js';
import { isOfStreams, labelSql, ownSql } from '../model/names.js';
import { selectorSql } from '../plan/pipeline.js';
import { rangeAggregation } from '../range/index.js';
import type { MetricContext } from './context.js';
import { PartialSeries } from './partial-series.js';
import type { RangeQuery } from './range-query.js';

/**
 * Counts whole streams over one window, by labels of theirs, for which no line has to be read. Undefined for every
 * other query.
 */
export async function aggregateStreams(
  query: RangeQuery,
  ctx: MetricContext,
): Promise<PartialSeries | undefined> {
  const { expr, grouping, stages, aggregator, window } = query;
  const what = rangeAggregation(expr.op).sumOf;
  if (what === undefined || expr.unwrap || stages.length > 0 || ctx.steps.count > 1) return undefined;
  const names = grouping?.without === false ? grouping.labels : undefined;
  const { matchers } = expr.log;
  if (!names || !isOfStreams(names, matchers, ctx.keys)) return undefined;
  const columns = names.map((name) => {
    const value = isBesideItsAlias(name, names) ? ownSql(name, ctx.keys) : labelSql(name, ctx.keys);
    return `coalesce(${value}, '')`;
  });
  const where = and(selectorSql(matchers, ctx.keys));
  const found = new PartialSeries(query, ctx.maxValues);
  ctx.stats.statements++;
  const { maxSeries } = query;
  const streams = { kind: 'log_streams', window, columns, where, weighed: true } as const;
  const rows = await unlessTooMany(listed(ctx.session, { ...streams, maxRows: maxSeries }));
  if (rows === null) checkSeries(maxSeries + 1, maxSeries);
  for (const row of inOrder(rows ?? [])) {
    const values = (row.values as readonly string[]).map((value) => (value === '' ? undefined : value));
    ctx.stats.records += row.records;
    ctx.stats.kept += row.records;
    ctx.stats.bytes += row.bytes;
    const series = found.grouped(names, values);
    found.merge(series, 0, aggregator.fromSql([row[what]]));
  }
  return found;
}
