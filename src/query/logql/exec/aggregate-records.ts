import { and } from '../../sql/fragment.js';
import { ownSql } from '../model/names.js';
import { namedLabels, RecordDecoder, recordColumns } from '../model/record.js';
import { rangeAggregation } from '../range/index.js';
import { compilePipeline, definitionOf, type Stage } from '../stages/index.js';
import { bodyCondition } from '../stages/line-filter.js';
import { compileUnwrap } from '../stages/unwrap.js';
import { errorLabel, isBesideItsAlias, type RowLabels } from '../model/labels.js';
import type { Row } from '../pipeline/stage.js';
import { neededLabels, readLabels } from '../plan/labels-read.js';
import type { MetricContext } from './context.js';
import { PartialSeries } from './partial-series.js';
import { pipelineFailed, type RangeQuery } from './range-query.js';
import { bucketSql } from './windows.js';

/** Line filters that SQL has applied to the very rows need not run again. */
function remaining(stages: readonly Stage[]): Stage[] {
  const changed = stages.findIndex((stage) => definitionOf(stage).line === 'changed');
  const until = changed < 0 ? stages.length : changed;
  return stages.filter((stage, i) => i >= until || stage.kind !== 'line' || !bodyCondition(stage).exact);
}

/**
 * Aggregates record by record, for pipelines that SQL can't run. SQL still leaves out all the records it can. `whole`: with all
 * labels of the records.
 */
export async function aggregateRecords(
  query: RangeQuery,
  ctx: MetricContext,
  whole = false,
): Promise<PartialSeries> {
  const { expr, grouping, buckets, origin } = query;
  const { unwrap } = expr;
  const { sumOf, ordered = false } = rangeAggregation(expr.op);
  const ofBytes = sumOf === 'bytes';
  const stages = remaining(query.stages);
  const by = grouping && !grouping.without ? grouping.labels : undefined;
  const read = by && readLabels({ ...expr.log, stages }, unwrap, by);
  const run = compilePipeline(stages, {
    needed: whole && !query.early ? undefined : read,
    early: query.early,
    grouped: query.early && by !== undefined && by.length > 0,
  });
  // A query that asks for the errors of parsers counts the records that have one.
  const asked = read?.includes(errorLabel) ?? false;
  const names = by && !whole ? neededLabels({ ...expr.log, stages }, unwrap, by) : undefined;
  const needsLine = ofBytes || stages.some((stage) => definitionOf(stage).line !== 'unused');
  const needsTime = stages.some((stage) => definitionOf(stage).readsTime);
  const columns = [
    bucketSql(origin, buckets, ctx.steps.count),
    `(time_unix_nano - ${origin})::DOUBLE`,
    needsTime ? 'time_unix_nano' : '0::BIGINT',
    needsLine ? 'body' : 'NULL::VARCHAR',
    ...(names ? names.map((name) => ownSql(name, query.keys)) : recordColumns),
  ];
  const sql =
    `SELECT ${columns.join(', ')} FROM ${query.pipeline.source()} WHERE ${and(query.where)}` +
    // Samples of one instant count in the order of their arrival.
    (ordered ? ' ORDER BY time_unix_nano, rowid' : '');

  const decoder = new RecordDecoder();
  const found = new PartialSeries(query, ctx.maxValues);
  const valueOf = unwrap && compileUnwrap(unwrap);
  const removed = new Set([...(grouping?.without ? grouping.labels : []), ...(unwrap ? [unwrap.name] : [])]);
  const apart = new Set(by?.filter((name) => isBesideItsAlias(name, by)));
  const seriesOf = (labels: RowLabels) => {
    if (by)
      return found.grouped(
        by,
        by.map((name) => (apart.has(name) ? labels.own(name) : labels.get(name))),
      );
    const own = labels.toLabels(removed);
    return found.series(own.key, () => own);
  };

  ctx.stats.statements++;
  for await (const chunk of ctx.session.stream(sql)) {
    const [bucket = [], time = [], timeNs = [], line = []] = chunk.columns;
    ctx.stats.records += chunk.rowCount;
    for (let r = 0; r < chunk.rowCount; r++) {
      const pause = ctx.yielder.tick();
      if (pause) await pause;
      const labels = names ? namedLabels(chunk, r, 4, names) : decoder.labels(chunk, r, 4);
      const row: Row = {
        line: (line[r] as string | null) ?? '',
        labels,
        timeNs: timeNs[r] as bigint,
      };
      if (needsLine) ctx.stats.bytes += Buffer.byteLength(row.line);
      if (!run(row)) continue;
      ctx.stats.kept++;
      const value = valueOf ? valueOf(row) : ofBytes ? Buffer.byteLength(row.line) : 1;
      if (value === undefined) continue;
      if (labels.error && !(asked && labels.error.endsWith('ParserErr'))) {
        // The error tells all labels of the record, which are read for it.
        if (names) return aggregateRecords(query, ctx, true);
        throw pipelineFailed(labels.error, seriesText(labels));
      }
      found.add(seriesOf(labels), bucket[r] as number, value, time[r] as number);
    }
  }
  return found;
}

function seriesText(labels: RowLabels): string {
  const shown = [...labels.entries()].map(
    ([name, value]) => `${name}=${JSON.stringify(value.slice(0, 200))}`,
  );
  return `{${shown.sort().slice(0, 100).join(', ')}}`;
}
