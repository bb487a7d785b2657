import { Labels } from '../../series/labels.js';
import { and } from '../../sql/fragment.js';
import { metadataSource } from '../../sql/metadata.js';
import { isBesideItsAlias } from '../model/labels.js';
import { isOfStreams, labelSql, ownSql } from '../model/names.js';
import { selectorSql } from '../plan/pipeline.js';
import { rangeAggregation } from '../range/index.js';
import type { MetricContext } from './context.js';
import { PartialSeries, valuesKey } from './partial-series.js';
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
  const from = await metadataSource(ctx.session, 'log_streams', window, true);
  const columns = names.map((name, i) => {
    const value = isBesideItsAlias(name, names) ? ownSql(name, ctx.keys) : labelSql(name, ctx.keys);
    return `coalesce(${value}, '') AS g${i}`;
  });
  const sql =
    `SELECT ${[...columns, `sum(${what})::DOUBLE`, 'sum(records)::DOUBLE'].join(', ')} FROM ${from} ` +
    `WHERE ${and(selectorSql(matchers, ctx.keys))} GROUP BY ALL HAVING sum(records) > 0 ORDER BY ALL`;
  const found = new PartialSeries(query, ctx.maxValues);
  ctx.stats.statements++;
  for await (const chunk of ctx.session.stream(sql)) {
    for (let r = 0; r < chunk.rowCount; r++) {
      const records = chunk.columns[names.length + 1]?.[r] as number;
      ctx.stats.records += records;
      ctx.stats.kept += records;
      const values = names.map((_, i) => chunk.columns[i]?.[r] as string);
      const series = found.series(valuesKey(values), () =>
        Labels.of(names.map((name, i) => [name, values[i] ?? ''])),
      );
      found.merge(series, 0, aggregator.fromSql([chunk.columns[names.length]?.[r]]));
    }
  }
  return found;
}
