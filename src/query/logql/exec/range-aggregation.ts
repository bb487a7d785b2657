import { absent } from '../../series/absent.js';
import { groupSeries, type Grouping, type Reduce } from '../../series/aggregate.js';
import { checkSize, checkValues } from '../../series/context.js';
import { Points } from '../../series/points.js';
import { anyPresent, emptySeries, type StepSeries } from '../../series/series.js';
import type { AttributeKeys } from '../model/attributes.js';
import { always } from '../model/names.js';
import { aliases, pipelineLabels } from '../model/labels.js';
import { afterUntil, metadataWindow } from '../plan/range.js';
import { queryNames } from '../plan/labels-read.js';
import { wordsOf } from '../plan/words.js';
import { pipelineSql, selectorSql } from '../plan/pipeline.js';
import { rangeAggregation } from '../range/index.js';
import { definitionOf, stageNames, type Stage } from '../stages/index.js';
import type { RangeExpr, VectorExpr } from '../syntax/ast.js';
import { aggregateInSql } from './aggregate-in-sql.js';
import { aggregateRecords } from './aggregate-records.js';
import { aggregateStreams } from './aggregate-streams.js';
import { aggregateTimes } from './aggregate-times.js';
import { overSingles } from './singles.js';
import type { MetricContext } from './context.js';
import { PartialSeries } from './partial-series.js';
import type { Ranked, RangeQuery } from './range-query.js';
import { bucketsOf, slide } from './windows.js';

/** How many samples a series weighs while it is put together, whatever it holds: its labels and its tables. */
const seriesWeight = 64;

/** The only labels that a pipeline with a plain `keep` leaves: a series is then a group of these. */
function keptLabels({ log, unwrap }: RangeExpr, without: readonly string[]): Grouping | undefined {
  const at = log.stages.findLastIndex(({ kind }) => kind === 'keep');
  const keep = log.stages[at];
  if (keep?.kind !== 'keep' || keep.items.some(({ matcher }) => matcher)) return undefined;
  const removed = new Set(unwrap ? [...without, unwrap.name] : without);
  for (const stage of log.stages.slice(at + 1)) {
    if (stage.kind === 'drop' && stage.items.every(({ matcher }) => !matcher)) {
      stage.items.forEach(({ name }) => removed.add(name));
    } else if (definitionOf(stage).work !== 'filters') return undefined;
  }
  const labels = keep.items
    .map(({ name }) => name)
    .filter((name) => !removed.has(name) && !pipelineLabels.has(name));
  // An alias would be kept under the name that it stands for.
  return labels.some((name) => aliases.has(name)) ? undefined : { without: false, labels };
}

/** Parsers whose fields nothing reads are left out, so that the rest can be SQL. */
function usefulStages(expr: RangeExpr, grouping: Grouping | undefined, early: boolean): readonly Stage[] {
  if (!grouping || grouping.without) return expr.log.stages;
  const fixed = (names: readonly string[] | undefined) => names?.every((name) => always.has(name)) ?? false;
  const unwrapped = expr.unwrap && !always.has(expr.unwrap.name);
  if (unwrapped || !fixed(grouping.labels) || expr.unwrap?.filters.length) return expr.log.stages;
  const stages = expr.log.stages;
  // Unless nothing is looked for, Loki has each line parsed, and tells the faults of them: what a record has is not found in its line.
  const some = (names: readonly string[] | undefined) => names === undefined || names.length > 0;
  const useless = (stage: Stage, i: number) => {
    const { work, line } = definitionOf(stage);
    const later = stages.slice(i + 1).map(stageNames);
    const faults = stage.kind === 'json' || (stage.kind === 'logfmt' && stage.strict);
    if (faults && (!early || some(grouping.labels) || later.some(some))) return false;
    return work === 'parses' && line !== 'changed' && later.every(fixed);
  };
  return stages.filter((stage, i) => !useless(stage, i));
}

/** Lines that nothing reads are not formatted, as in Loki: it may fail. */
function withoutUnreadLines(expr: RangeExpr): RangeExpr {
  const { stages } = expr.log;
  const unread = (stage: Stage, i: number) =>
    stage.kind === 'line_format' &&
    !stages.slice(i + 1).some((later) => later.kind === 'line' || definitionOf(later).work === 'parses');
  if (rangeAggregation(expr.op).sumOf === 'bytes' || !stages.some(unread)) return expr;
  return { ...expr, log: { ...expr.log, stages: stages.filter((stage, i) => !unread(stage, i)) } };
}

/**
 * Evaluates a range aggregation at every step. `pushed` is the grouping of an aggregation around it that gives
 * the same when it is applied to the samples already; `wanted` tells which series are of use.
 */
export async function evaluateRange(
  ctx: MetricContext,
  expr: RangeExpr,
  pushed: Grouping | undefined,
  wanted?: Ranked,
): Promise<StepSeries[]> {
  const query = { ...(await rangeQuery(ctx, expr, pushed)), wanted };
  const series = await overWindows(ctx, query, await partialSeries(ctx, query));
  return expr.op === 'absent_over_time' ? absent(ctx, expr.log.matchers, series) : series;
}

/**
 * Evaluates an aggregation around a range aggregation whose series are single records, without making these series. Undefined
 * when they are not, or that can't be told.
 */
export async function evaluateSingles(
  ctx: MetricContext,
  expr: VectorExpr,
): Promise<StepSeries[] | undefined> {
  const inner = overSingles(expr);
  if (!inner) return undefined;
  const query = { ...(await rangeQuery(ctx, inner, undefined)), wanted: undefined, singles: true };
  if (isEmpty(query)) return undefined;
  const found = await aggregateInSql(query, ctx);
  return found && overWindows(ctx, query, found);
}

/**
 * Evaluates an aggregation around a range aggregation of which no samples can be taken together before. Its series may be as
 * many as there are records, and have a value in few steps.
 */
export async function evaluateAcross(
  ctx: MetricContext,
  expr: RangeExpr,
  grouping: Grouping | undefined,
  reduce: Reduce,
): Promise<StepSeries[]> {
  const query = { ...(await rangeQuery(ctx, expr, undefined)), wanted: undefined };
  const { buckets, aggregator } = query;
  const { count } = ctx.grid;
  const groups = groupSeries((await partialSeries(ctx, query)).entries(), grouping);
  checkSize(ctx, groups.length);
  const out: StepSeries[] = [];
  let values = 0;
  for (const { labels, members } of groups) {
    const points = new Points();
    for (const { partials } of members) {
      slide(partials, buckets, aggregator, count, (step, value) => points.add(step, value));
      checkValues(ctx, values + points.size);
      const pause = ctx.yielder.tick();
      if (pause) await pause;
    }
    values += points.size;
    if (points.size > 0) out.push(await points.reduced(ctx, labels, reduce));
  }
  return out;
}

function isEmpty({ keys, expr }: Pick<RangeQuery, 'keys' | 'expr'>): boolean {
  return keys.from === '' || expr.range === 0;
}

async function partialSeries(ctx: MetricContext, query: RangeQuery): Promise<PartialSeries> {
  return isEmpty(query)
    ? new PartialSeries(query, ctx.maxValues)
    : ((await aggregateStreams(query, ctx)) ??
        (await aggregateTimes(query, ctx)) ??
        (await aggregateInSql(query, ctx)) ??
        (await aggregateRecords(query, ctx)));
}

async function rangeQuery(
  ctx: MetricContext,
  written: RangeExpr,
  pushed: Grouping | undefined,
): Promise<Omit<RangeQuery, 'wanted'>> {
  const { steps, limits } = ctx;
  const expr = withoutUnreadLines(written);
  const asked =
    expr.grouping ?? pushed ?? (expr.op === 'absent_over_time' ? { without: false, labels: [] } : undefined);
  const grouping = asked && !asked.without ? asked : (keptLabels(expr, asked?.labels ?? []) ?? asked);
  const by = grouping?.without === false ? grouping.labels : undefined;
  // What Loki tells its parsers of: the grouping of a sum, or of the range aggregation itself.
  const told = expr.grouping ?? (rangeAggregation(expr.op).within === 'sum' ? pushed : undefined);
  const early = told?.without === false;
  const offset = BigInt(expr.offset);
  const origin = steps.start - offset - BigInt(expr.range);
  const end = steps.start - offset + BigInt(steps.step) * BigInt(steps.count - 1);
  const time = afterUntil(origin, end);
  const window = metadataWindow(origin + 1n, end + 1n);
  const names = queryNames(expr.log, expr.unwrap, by ?? []);
  await ctx.keys.learn(ctx.session, names, window);
  const keys = await ctx.keys.over(ctx.session, names, window, {
    words: wordsOf(expr.log, ctx.keys),
  });
  const stages = usefulStages(expr, grouping, early);
  const gap = steps.count > 1 && steps.step > expr.range;
  const over = (known: AttributeKeys) => {
    const pipeline = pipelineSql(stages, known);
    const where = [
      ...time,
      ...(gap ? [`(time_unix_nano - ${origin} - 1) % ${steps.step} < ${expr.range}`] : []),
      ...selectorSql(expr.log.matchers, known),
      ...pipeline.conditions,
    ];
    return { keys: known, pipeline, where };
  };
  return {
    expr,
    stages,
    ...over(keys),
    over,
    grouping,
    early,
    aggregator: rangeAggregation(expr.op).aggregator(expr.unwrap !== undefined, expr.parameter ?? 0),
    window,
    // Windows of no length hold nothing, whatever they are made of.
    buckets: bucketsOf(expr.range || steps.step, steps.step, steps.count),
    origin,
    // Series of a few labels may be many, as long as the query reduces them.
    maxSeries: by ? Math.max(limits.maxSeries, Math.floor(ctx.maxValues / seriesWeight)) : limits.maxSeries,
  };
}

/** The value of each window of each series. */
async function overWindows(
  ctx: MetricContext,
  { buckets, aggregator }: RangeQuery,
  found: PartialSeries,
): Promise<StepSeries[]> {
  checkSize(ctx, found.size);
  const out: StepSeries[] = [];
  for (const { labels, partials } of found.entries()) {
    const series = emptySeries(labels, ctx.grid.count);
    slide(partials, buckets, aggregator, ctx.grid.count, (step, value) => {
      series.values[step] = value;
      series.present[step] = 1;
    });
    if (anyPresent(series)) out.push(series);
    const pause = ctx.yielder.tick();
    if (pause) await pause;
  }
  return out;
}
