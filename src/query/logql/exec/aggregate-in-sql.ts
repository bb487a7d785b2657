import type { ResultChunk } from '../../../lake/session.js';
import { and, or } from '../../sql/fragment.js';
import { isBesideItsAlias } from '../model/labels.js';
import { RecordDecoder, recordColumns } from '../model/record.js';
import { compilePipeline, definitionOf, type Stage } from '../stages/index.js';
import { rangeAggregation } from '../range/index.js';
import { sampleSql } from '../stages/unwrap.js';
import type { MetricContext } from './context.js';
import { eachOnce, notSingle, seriesOfRecord } from './singles.js';
import { PartialSeries } from './partial-series.js';
import type { RangeQuery } from './range-query.js';
import { bucketSql, type Partials } from './windows.js';

/** How SQL groups records, and which series a group, in the first columns of row `r`, belongs to. */
interface Groups {
  readonly columns: readonly string[];
  readonly find: (found: PartialSeries, chunk: ResultChunk, r: number) => Partials<unknown>;
}

/** Labels are removed, which is all that is left to do on a group's labels where nothing parses or formats. */
function removesLabels(stage: Stage): boolean {
  return definitionOf(stage).work === 'removes labels';
}

function groupsOf(query: RangeQuery): Groups | undefined {
  const { grouping, pipeline, stages, expr } = query;
  if (grouping && !grouping.without) {
    const names = grouping.labels;
    const columns = names.map((name) =>
      pipeline.meaning(name, isBesideItsAlias(name, names) ? 'itself' : 'any'),
    );
    if (!columns.every((sql) => sql !== undefined)) return undefined;
    // Only what parsers find is a label even when it is empty.
    const parses = pipeline.unresolved !== undefined;
    return {
      columns,
      find: (found, chunk, r) => {
        const values = names.map((_, i) => {
          const value = chunk.columns[i]?.[r] as string | null;
          return value === null || (value === '' && !parses) ? undefined : value;
        });
        return found.grouped(names, values);
      },
    };
  }
  const labelOnly = stages.every((stage) => removesLabels(stage) || definitionOf(stage).work === 'filters');
  if (!labelOnly) return undefined;
  // Records with the same columns have the same labels; series are put together from these groups.
  const decoder = new RecordDecoder();
  const select = compilePipeline(stages.filter(removesLabels));
  const dropped = new Set([...(grouping?.labels ?? []), ...(expr.unwrap ? [expr.unwrap.name] : [])]);
  return {
    columns: recordColumns,
    find: (found, chunk, r) => {
      const row = { line: '', labels: decoder.labels(chunk, r, 0), timeNs: 0n };
      select(row);
      const labels = row.labels.toLabels(dropped);
      return found.series(labels.key, () => labels);
    },
  };
}

/**
 * Leaves out groups that a `topk` around leaves out as well. Only of counts in one window: they have no NaN, and a group is a
 * series. A group with an error stays, which has to be told.
 */
function qualify(
  { wanted, grouping, expr, aggregator }: RangeQuery,
  ctx: MetricContext,
  unsettled: string,
): string {
  const counts = rangeAggregation(expr.op).sumOf !== undefined && !expr.unwrap;
  const value = aggregator.sql[0];
  if (!wanted || !counts || !value || ctx.steps.count > 1 || grouping?.without !== false) return '';
  const order = wanted.op === 'topk' ? 'DESC' : 'ASC';
  return ` QUALIFY ${unsettled} OR rank() OVER (ORDER BY ${value} ${order}) <= ${wanted.count}`;
}

/**
 * Aggregates in SQL when the whole pipeline can be SQL: one row for each group and bucket comes back. Undefined when
 * it can't be, or when a record turns up that needs the pipeline itself.
 */
export async function aggregateInSql(
  query: RangeQuery,
  ctx: MetricContext,
): Promise<PartialSeries | undefined> {
  const { expr, stages, pipeline, aggregator, buckets, origin, singles = false } = query;
  if (!pipeline.exact || pipeline.failsUnseen) return undefined;
  const sample = sampleSql(expr.unwrap, pipeline);
  if (!sample) return undefined;
  const groups = groupsOf(query);
  if (!groups) return undefined;

  const { unresolved } = pipeline;
  const unsettled = [...sample.errors];
  const where = [...query.where];
  if (sample.where.length > 0) {
    where.push(unresolved === undefined ? and(sample.where) : or([and(sample.where), unresolved]));
  }
  if (unresolved !== undefined) unsettled.push(unresolved);
  if (singles) unsettled.push(...notSingle(sample.value));
  // What is the same for all rows is not aggregated.
  const anyUnsettled = unsettled.length === 0 && !singles ? 'FALSE' : 'bool_or(unsettled)';
  const chosen = qualify(query, ctx, anyUnsettled);
  const names = groups.columns.map((_, i) => `g${i}`);
  const readsLine =
    rangeAggregation(expr.op).sumOf === 'bytes' ||
    stages.some((stage) => definitionOf(stage).line !== 'unused');
  const inner = [
    // Where groups are compared, those of NULL and of nothing have to be one, but for what parsers find.
    ...groups.columns.map(
      (sql, i) => `${chosen === '' || unresolved !== undefined ? sql : `coalesce(${sql}, '')`} AS g${i}`,
    ),
    `${bucketSql(origin, buckets, ctx.steps.count)} AS bucket`,
    `(time_unix_nano - ${origin})::DOUBLE AS t`,
    `${sample.value} AS v`,
    'body AS line',
    `${readsLine ? "strlen(coalesce(body, ''))" : '0'}::UINTEGER AS bytes`,
    'rowid',
    ...(singles ? [`${seriesOfRecord} AS series`] : []),
    `coalesce(${or(unsettled)}, FALSE) AS unsettled`,
  ];
  const bytes = readsLine ? 'sum(bytes)::DOUBLE' : '0::DOUBLE';
  // The figures of all groups stand in each row when not all of them come back.
  const over = (sql: string) => (chosen === '' ? sql : `(sum(${sql}) OVER ())::DOUBLE`);
  const figures = [anyUnsettled, over('count(*)::DOUBLE'), over(bytes)];
  const rows = `SELECT ${inner.join(', ')} FROM ${pipeline.source()} WHERE ${and(where)}`;
  const sql =
    `SELECT ${[...names, 'bucket', ...figures, ...aggregator.sql].join(', ')} ` +
    `FROM ${singles ? eachOnce(names, rows) : `(${rows})`} ` +
    `GROUP BY ${[...names, 'bucket'].join(', ')}${chosen}`;
  const found = new PartialSeries(query, ctx.maxValues);
  const at = names.length;
  ctx.stats.statements++;
  const statsBefore = { ...ctx.stats };
  let counted = false;
  for await (const chunk of ctx.session.stream(sql, [], undefined, query.grouping?.without === false)) {
    for (let r = 0; r < chunk.rowCount; r++) {
      const pause = ctx.yielder.tick();
      if (pause) await pause;
      const column = (i: number) => chunk.columns[at + i]?.[r];
      // An error is the pipeline's to report; it stops at the first.
      if (column(1) === true) {
        Object.assign(ctx.stats, statsBefore);
        return undefined;
      }
      const partial = aggregator.fromSql(aggregator.sql.map((_, i) => column(1 + figures.length + i)));
      if (chosen === '' || !counted) {
        ctx.stats.records += column(2) as number;
        ctx.stats.kept += column(2) as number;
        ctx.stats.bytes += column(3) as number;
      }
      counted = true;
      found.merge(groups.find(found, chunk, r), column(0) as number, partial);
    }
  }
  return found;
}
