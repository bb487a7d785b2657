import type { Grouping, RangeExpr, Stage } from '../syntax/ast.js';
import { aliases } from '../pipeline/labels.js';
import { always } from '../model/names.js';
import { and } from '../../sql/fragment.js';
import { afterUntil } from '../plan/range.js';
import { pipelineSql, queryNames, selectorSql, stageNames } from '../plan/scope.js';
import { Breather, type ExecContext } from './context.js';
import { foldOf } from './folds.js';
import { foldRecords } from './recordFold.js';
import { checkSize, newSeries, sortLabels, type Result, type Series, type Steps } from './series.js';
import type { RangeQuery } from './seriesFolds.js';
import { foldInSql } from './sqlFold.js';
import { bucketsOf, slide } from './windows.js';

/** The only labels that a pipeline with a plain `keep` leaves: a series is then a group of these. */
function keptLabels({ log, unwrap }: RangeExpr, without: readonly string[]): Grouping | undefined {
  const at = log.stages.findLastIndex(({ kind }) => kind === 'keep');
  const keep = log.stages[at];
  if (keep?.kind !== 'keep' || keep.items.some(({ matcher }) => matcher)) return undefined;
  const removed = new Set(unwrap ? [...without, unwrap.name] : without);
  for (const stage of log.stages.slice(at + 1)) {
    if (stage.kind === 'drop' && stage.items.every(({ matcher }) => !matcher)) {
      stage.items.forEach(({ name }) => removed.add(name));
    } else if (stage.kind !== 'line' && stage.kind !== 'label') return undefined;
  }
  const labels = keep.items
    .map(({ name }) => name)
    .filter((name) => !removed.has(name) && !name.startsWith('__'));
  // An alias would be kept under the name that it stands for.
  return labels.some((name) => aliases.has(name)) ? undefined : { without: false, labels };
}

/** Parsers whose fields nothing reads are left out, so that the rest can be SQL. */
function usefulStages(expr: RangeExpr, grouping: Grouping | undefined): readonly Stage[] {
  if (!grouping || grouping.without) return expr.log.stages;
  const fixed = (names: readonly string[] | undefined) => names?.every((name) => always.has(name)) ?? false;
  const unwrapped = expr.unwrap && !always.has(expr.unwrap.name);
  if (unwrapped || !fixed(grouping.labels) || expr.unwrap?.filters.length) return expr.log.stages;
  const stages = expr.log.stages;
  const useless = (stage: Stage, i: number) =>
    ['json', 'logfmt', 'regexp', 'pattern'].includes(stage.kind) &&
    stages.slice(i + 1).every((later) => later.kind === 'line' || fixed(stageNames(later)));
  return stages.filter((stage, i) => !useless(stage, i));
}

/**
 * Evaluates a range aggregation at every step. `pushed` is the grouping of an aggregation around it that gives
 * the same when it is applied to the samples already.
 */
export async function evaluateRange(
  expr: RangeExpr,
  steps: Steps,
  pushed: Grouping | undefined,
  ctx: ExecContext,
): Promise<Result> {
  const asked =
    expr.grouping ?? pushed ?? (expr.op === 'absent_over_time' ? { without: false, labels: [] } : undefined);
  const grouping = asked && !asked.without ? asked : (keptLabels(expr, asked?.labels ?? []) ?? asked);
  const buckets = bucketsOf(expr.range, steps.step, steps.count);
  const offset = BigInt(expr.offset);
  const origin = steps.start - offset - BigInt(expr.range);
  const end = steps.start - offset + BigInt(steps.step) * BigInt(steps.count - 1);
  const time = afterUntil(origin, end);
  await ctx.hints.learn(
    ctx.session,
    queryNames(expr.log, expr.unwrap, grouping?.without === false ? grouping.labels : []),
    and(time),
  );
  const stages = usefulStages(expr, grouping);
  const pipeline = pipelineSql(stages, ctx.hints);
  const gap = steps.count > 1 && steps.step > expr.range;
  const query: RangeQuery = {
    expr,
    stages,
    pipeline,
    where: [
      ...time,
      ...(gap ? [`(time_unix_nano - ${origin} - 1) % ${steps.step} < ${expr.range}`] : []),
      ...selectorSql(expr.log.matchers, ctx.hints),
      ...pipeline.conditions,
    ],
    grouping,
    fold: foldOf(expr.op, expr.unwrap !== undefined, expr.parameter),
    buckets,
    origin,
  };
  const folds = (await foldInSql(query, ctx)) ?? (await foldRecords(query, ctx));
  checkSize(folds.size, steps.count, ctx.limits);
  const breather = new Breather(ctx.signal);
  const series: Series[] = [];
  for (const { labels, partials } of folds.entries()) {
    const out = newSeries(labels, steps.count);
    slide(partials, buckets, query.fold, out);
    if (out.present.includes(1)) series.push(out);
    const pause = breather.tick();
    if (pause) await pause;
  }
  return { kind: 'vector', series: expr.op === 'absent_over_time' ? [absent(expr, series, steps)] : series };
}

/** 1 at each step without any sample; its labels are what the selector's equalities say. */
function absent(expr: RangeExpr, series: readonly Series[], steps: Steps): Series {
  const { matchers } = expr.log;
  const named = matchers.filter(
    ({ name, op }) => op === '=' && matchers.filter((other) => other.name === name).length === 1,
  );
  const out = newSeries(sortLabels(named.map(({ name, value }) => [name, value] as const)), steps.count);
  for (let k = 0; k < steps.count; k++) {
    if (series.some((other) => other.present[k])) continue;
    out.values[k] = 1;
    out.present[k] = 1;
  }
  return out;
}
