import type { QueryContext } from '../../server/guard.js';
import { metricName, type Labels } from '../../series/labels.js';
import { discover } from '../load/discover.js';
import { checkSeries } from '../../series/context.js';
import { labelMatchers } from '../load/load.js';
import { compileMatcher, matchesAll, type CompiledMatcher } from '../../series/matchers.js';
import {
  isMeant,
  knownTables,
  metricNamesOf,
  microsOf,
  presentIn,
  type KnownTables,
} from '../load/known-series.js';
import { partSeries } from '../load/streams.js';
import {
  metricTables,
  partsOf,
  selects,
  sourcesFor,
  suffixes,
  wantsTargetInfo,
  type Part,
} from '../load/sources.js';
import { eachPossibleSeries, eachSpanMetricSeries, spanMetricNamesIn } from '../load/span-metrics/index.js';
import { targetInfoSeries, targetRows, type Rows } from '../load/target.js';
import { Yielder } from '../../series/yielder.js';
import type { VectorSelector } from '../syntax/ast.js';
import type { Window } from '../plan/times.js';

/**
 * Calls `each` with the label sets that have samples in the window and fit one of the selectors (every one
 * when there is no selector); a set may come more than once. Gives false when there were more than the limit of series.
 */
export async function eachSeries(
  ctx: QueryContext,
  selectors: readonly VectorSelector[],
  window: Window,
  each: (labels: Labels) => void,
): Promise<boolean> {
  const yielder = new Yielder(ctx.signal);
  const { maxSeries } = ctx.limits;
  const known = await knownTables(ctx, yielder, metricTables, window, null);
  let complete = true;
  if (selectors.length === 0) await eachPossibleSeries(ctx, window, each);
  for (const selector of selectors.length > 0 ? selectors : [undefined]) {
    const taken = new Set<string>();
    const add = (labels: Labels) => {
      taken.add(labels.get(metricName));
      each(labels);
    };
    const compiled = (selector?.matchers ?? []).map((matcher) => compileMatcher(matcher));
    const matchers = labelMatchers(compiled);
    for (const source of sourcesFor(compiled)) {
      const table = await known(source.table);
      const present = table && presentIn(table, metricNamesOf(table, source), microsOf(window));
      for (const stream of present?.streams ?? []) {
        if (yielder.due) await yielder.pause();
        if (!isMeant(source, stream.stream)) continue;
        for (const part of source.parts) {
          if (!selects(source, part, stream.stream.name, compiled)) continue;
          for (const labels of stream.series(part)) if (matchesAll(labels, matchers)) add(labels);
        }
      }
      if (present && table?.rest === null) continue;
      const rest = present ? (table?.rest ?? undefined) : undefined;
      const { streams } = await discover(ctx, yielder, source, matchers, window, maxSeries, rest);
      if (streams.length > maxSeries) complete = false;
      for (const stream of streams) {
        if (yielder.due) await yielder.pause();
        for (const part of source.parts) {
          if (!selects(source, part, stream.name, compiled)) continue;
          for (const labels of partSeries(part, stream)) if (matchesAll(labels, matchers)) add(labels);
        }
      }
    }
    if (selector) await eachSpanMetricSeries({ ctx, yielder, matchers: compiled, window, taken }, each);
    if (!wantsTargetInfo(compiled)) continue;
    for (const labels of await targets(ctx, yielder, known, matchers, window)) each(labels);
  }
  return complete;
}

/** The label sets of `target_info` in the window. */
async function targets(
  ctx: QueryContext,
  yielder: Yielder,
  known: KnownTables,
  matchers: readonly CompiledMatcher[],
  window: Window,
): Promise<Labels[]> {
  const found: Labels[] = [];
  const unknown: Rows[] = [];
  for (const table of metricTables) {
    const own = await known(table);
    const present = own && presentIn(own, own.index.names, microsOf(window));
    for (const labels of present?.targets ?? []) if (matchesAll(labels, matchers)) found.push(labels);
    if (!present) unknown.push({ table });
    else if (own?.rest) unknown.push({ table, rest: own.rest });
  }
  if (unknown.length > 0)
    found.push(...(await targetInfoSeries({ ctx, yielder, matchers, window }, unknown)));
  return found;
}

/** The distinct label sets. Throws QueryError `limit` beyond the limit of series. */
export async function findSeries(
  ctx: QueryContext,
  selectors: readonly VectorSelector[],
  window: Window,
): Promise<Labels[]> {
  const found = new Map<string, Labels>();
  const complete = await eachSeries(ctx, selectors, window, (labels) => {
    found.set(labels.key, labels);
    checkSeries(found.size, ctx.limits.maxSeries);
  });
  if (!complete) checkSeries(Infinity, ctx.limits.maxSeries);
  return [...found.values()].sort((a, b) => a.compare(b));
}

/** Metric names in the window; of rows, the name column alone is read. */
export async function metricNames(ctx: QueryContext, window: Window): Promise<string[]> {
  const yielder = new Yielder(ctx.signal);
  const names = new Set<string>();
  const known = await knownTables(ctx, yielder, metricTables, window, null);
  for (const table of metricTables) {
    const add = (name: string) => partsOf[table].forEach((part: Part) => names.add(name + suffixes[part]));
    const own = await known(table);
    const present = own && presentIn(own, own.index.names, microsOf(window));
    for (const { stream } of present?.streams ?? []) if (stream.name !== '') add(stream.name);
    if (present && own?.rest === null) continue;
    const from = await targetRows(ctx, window, present && own?.rest ? { table, rest: own.rest } : { table });
    const sql = `SELECT DISTINCT prometheus_name FROM ${from} WHERE prometheus_name IS NOT NULL`;
    for await (const chunk of ctx.session.stream(sql)) {
      for (const name of chunk.columns[0] ?? []) add(name as string);
    }
  }
  for (const labels of await targets(ctx, yielder, known, [], window)) names.add(labels.get(metricName));
  for (const name of await spanMetricNamesIn(ctx, window)) names.add(name);
  return [...names].sort();
}
