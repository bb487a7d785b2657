import type { QueryContext } from '../../server/guard.js';
import { metricName, type Labels } from '../../series/labels.js';
import { discover } from '../load/discover.js';
import { checkSeries } from '../../series/context.js';
import { labelMatchers } from '../load/load.js';
import { compileMatcher, matchesAll } from '../../series/matchers.js';
import { metadataSource } from '../../sql/metadata.js';
import { metadataWindow } from '../load/predicates.js';
import { partSeries } from '../load/samples.js';
import {
  metricTables,
  partsOf,
  sourcesFor,
  suffixes,
  targetInfo,
  wantsTargetInfo,
  type Part,
} from '../load/sources.js';
import { targetInfoSeries } from '../load/target.js';
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
  let complete = true;
  for (const selector of selectors.length > 0 ? selectors : [undefined]) {
    const compiled = (selector?.matchers ?? []).map((matcher) => compileMatcher(matcher));
    const matchers = labelMatchers(compiled);
    for (const source of sourcesFor(compiled)) {
      const { streams } = await discover(ctx, yielder, source, matchers, window, maxSeries);
      if (streams.length > maxSeries) complete = false;
      for (const stream of streams) {
        if (yielder.due) await yielder.pause();
        for (const part of source.parts) {
          for (const labels of partSeries(part, stream)) if (matchesAll(labels, matchers)) each(labels);
        }
      }
    }
    if (!wantsTargetInfo(compiled)) continue;
    for (const labels of await targetInfoSeries({ ctx, yielder, matchers, window })) each(labels);
  }
  return complete;
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

/** Metric names in the window; reads the name column alone. */
export async function metricNames(ctx: QueryContext, window: Window): Promise<string[]> {
  const names = new Set<string>();
  for (const table of metricTables) {
    const from = await metadataSource(ctx.session, table, metadataWindow(window));
    const sql = `SELECT DISTINCT prometheus_name FROM ${from} WHERE prometheus_name IS NOT NULL`;
    for await (const chunk of ctx.session.stream(sql)) {
      for (const name of chunk.columns[0] ?? []) {
        partsOf[table].forEach((part: Part) => names.add((name as string) + suffixes[part]));
      }
    }
  }
  const target: VectorSelector = {
    kind: 'selector',
    matchers: [{ name: metricName, op: '=', value: targetInfo }],
    from: 0,
    to: 0,
  };
  await eachSeries(ctx, [target], window, (labels) => names.add(labels.get(metricName)));
  return [...names].sort();
}
