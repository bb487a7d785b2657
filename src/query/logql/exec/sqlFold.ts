import type { Stage } from '../syntax/ast.js';
import { compilePipeline } from '../pipeline/compile.js';
import { errorLabel } from '../pipeline/labels.js';
import { RecordDecoder, recordColumns } from '../model/record.js';
import { and, or } from '../../sql/fragment.js';
import { Breather, type ExecContext } from './context.js';
import { SeriesFolds, type RangeQuery } from './seriesFolds.js';
import { labelsKey, pickLabels, sortLabels, type Labels } from './series.js';

/** How SQL groups records into series, and how the group's columns become labels. */
interface Groups {
  readonly columns: readonly string[];
  readonly labels: (
    values: (i: number) => unknown,
    chunk: Parameters<RecordDecoder['labels']>[0],
    r: number,
  ) => Labels;
}

/** Only filters and whole-label removals, which need no line: all that is left to do on a group's labels. */
function labelOnly(stages: readonly Stage[]): boolean {
  return stages.every((stage) => ['line', 'label', 'drop', 'keep'].includes(stage.kind));
}

function groupsOf(query: RangeQuery): Groups | undefined {
  const { grouping, pipeline, stages, expr } = query;
  if (grouping && !grouping.without) {
    const columns = grouping.labels.map((name) => pipeline.meaning(name));
    if (!columns.every((sql) => sql !== undefined)) return undefined;
    return {
      columns: columns.map((sql) => `coalesce(${sql}, '')`),
      labels: (value) => sortLabels(grouping.labels.map((name, i) => [name, value(i) as string] as const)),
    };
  }
  if (!labelOnly(stages)) return undefined;
  // Records with the same columns have the same labels; series are put together from these groups.
  const decoder = new RecordDecoder();
  const select = compilePipeline(stages.filter((stage) => stage.kind === 'drop' || stage.kind === 'keep'));
  const dropped = new Set([...(grouping?.labels ?? []), ...(expr.unwrap ? [expr.unwrap.name] : [])]);
  return {
    columns: recordColumns,
    labels: (_, chunk, r) => {
      const labels = decoder.labels(chunk, r, 0);
      select({ line: '', labels, timeNs: 0n });
      const all = sortLabels([...labels.entries()].map(([name, value]) => [name, value] as const));
      return dropped.size > 0 ? pickLabels(all, dropped, true) : all;
    },
  };
}

/**
 * Folds in SQL when the whole pipeline can be SQL: one row for each series and bucket comes back. Undefined when
 * it can't be, or when a record turns up that needs the pipeline itself.
 */
export async function foldInSql(query: RangeQuery, ctx: ExecContext): Promise<SeriesFolds | undefined> {
  const { expr, pipeline, fold, buckets, origin } = query;
  if (!pipeline.exact) return undefined;
  const { unwrap } = expr;
  const skipErrors = unwrap?.filters.every(
    (filter) =>
      filter.kind === 'match' &&
      filter.matcher.name === errorLabel &&
      filter.matcher.op === '=' &&
      filter.matcher.value === '',
  );
  const raw = unwrap && pipeline.meaning(unwrap.name);
  if (unwrap && (unwrap.conversion || !skipErrors || raw === undefined)) return undefined;
  const groups = groupsOf(query);
  if (!groups) return undefined;

  const skipping = unwrap !== undefined && unwrap.filters.length > 0;
  const value = raw === undefined ? 'NULL::DOUBLE' : `try_cast(${raw} AS DOUBLE)`;
  const { unresolved } = pipeline;
  const unsettled = skipping ? [] : [...pipeline.errors];
  const where = [...query.where];
  if (raw !== undefined) {
    const wanted = [`${raw} IS NOT NULL`, `${raw} <> ''`];
    if (skipping) wanted.push(`${value} IS NOT NULL`, `NOT coalesce(${or(pipeline.errors)}, FALSE)`);
    else unsettled.push(`${value} IS NULL`);
    where.push(unresolved === undefined ? and(wanted) : or([and(wanted), unresolved]));
  }
  if (unresolved !== undefined) unsettled.push(unresolved);
  const names = groups.columns.map((_, i) => `g${i}`);
  const inner = [
    ...groups.columns.map((sql, i) => `${sql} AS g${i}`),
    `((time_unix_nano - ${origin} - 1) // ${buckets.width})::DOUBLE AS bucket`,
    `(time_unix_nano - ${origin})::DOUBLE AS t`,
    `${value} AS v`,
    'body AS line',
    'rowid',
    `coalesce(${or(unsettled)}, FALSE) AS unsettled`,
  ];
  const sql =
    `SELECT ${[...names, 'bucket', 'bool_or(unsettled)', ...fold.sql].join(', ')} ` +
    `FROM (SELECT ${inner.join(', ')} FROM ${pipeline.source()} WHERE ${and(where)}) ` +
    `GROUP BY ${[...names, 'bucket'].join(', ')}`;
  const folds = new SeriesFolds(fold, ctx.limits);
  const breather = new Breather(ctx.signal);
  const at = names.length;
  ctx.stats.statements++;
  for await (const chunk of ctx.session.stream(sql)) {
    for (let r = 0; r < chunk.rowCount; r++) {
      const pause = breather.tick();
      if (pause) await pause;
      ctx.stats.records++;
      const column = (i: number) => chunk.columns[i]?.[r];
      // An error is the pipeline's to report; it stops at the first.
      if (column(at + 1) === true) return undefined;
      const labels = groups.labels(column, chunk, r);
      const partial = fold.fromSql(fold.sql.map((_, i) => column(at + 2 + i)));
      folds.merge(
        folds.series(labelsKey(labels), () => labels),
        column(at) as number,
        partial,
      );
    }
  }
  return folds;
}
