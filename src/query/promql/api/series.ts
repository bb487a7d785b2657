import type { SeriesRequest } from '../../../lake/session.js';
import type { QueryContext, QueryLimits } from '../../server/guard.js';
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
  seriesRequest,
  type KnownTables,
} from '../load/known-series.js';
import { partSeries, type Stream } from '../load/streams.js';
import {
  holds,
  isHistogram,
  metricTables,
  selects,
  sourcesFor,
  suffixes,
  wantsTargetInfo,
  type Source,
} from '../load/sources.js';
import type { Present } from '../load/series-index.js';
import {
  eachSpanMetricSeries,
  possibleSeries,
  spanListing,
  spanMetricNamesIn,
} from '../load/span-metrics/index.js';
import { targetInfoSeries, targetRows, type Rows } from '../load/target.js';
import { Yielder } from '../../series/yielder.js';
import { derived, derivedOfAll, keepDerived } from '../../sql/derived.js';
import { byteOrder } from '../../text/byte-order.js';
import type { VectorSelector } from '../syntax/ast.js';
import type { Window } from '../plan/times.js';

/** What is asked of the lake first for any of these lists, as `seriesRequest` and `knownTables` take it; `selected`: with selectors. */
function firstAsked(limits: Pick<QueryLimits, 'spanMetrics'>, window: Window, selected: boolean) {
  const listing = selected ? undefined : spanListing(limits, window);
  return [metricTables, window, null, null, listing] as const;
}

/** The same as it is asked before the list is made, which asks for it again: what it was told has to be of this very request. */
export function firstRequest(
  limits: Pick<QueryLimits, 'spanMetrics'>,
  window: Window,
  selected: boolean,
): SeriesRequest {
  return seriesRequest(...firstAsked(limits, window, selected));
}

/** What becomes of the series that are found. */
interface Finds {
  /** Those of a thing that never changes; `asked` tells which of them. */
  readonly known: (of: object, asked: string, series: () => Iterable<Labels>) => Promise<void>;
  readonly each: (labels: Labels) => void;
}

/**
 * Finds the label sets that have samples in the window and fit one of the selectors (every one when there is no selector); a set may
 * come more than once. Gives false when there were more than the limit of series.
 */
async function findEach(
  ctx: QueryContext,
  yielder: Yielder,
  selectors: readonly VectorSelector[],
  window: Window,
  { known: take, each }: Finds,
): Promise<boolean> {
  const { maxSeries } = ctx.limits;
  const known = await knownTables(ctx, yielder, ...firstAsked(ctx.limits, window, selectors.length > 0));
  let complete = true;
  if (selectors.length === 0) {
    const possible = await possibleSeries(ctx, window, each, known.listing);
    if (possible !== null) await take(possible, '', () => possible);
  }
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
      const names = table && (selector ? metricNamesOf(table, source) : null);
      const present = table && presentIn(table, names, microsOf(window))?.present;
      if (present) {
        const { parts, baseNames, original } = source;
        const texts = compiled.map(({ name, op, value }) => [name, op, value]);
        const asked = JSON.stringify([parts, baseNames, original, ...texts]);
        const series = () => seriesOf(present, source, compiled, matchers);
        await take(present, asked, series);
        if (selector) {
          const own = await derivedFrom(yielder, present, `names ${asked}`, series, nameOf, Infinity);
          for (const name of own) taken.add(name);
        }
      }
      if (present && table?.rest === null) continue;
      const rest = present ? (table?.rest ?? undefined) : undefined;
      const { streams } = await discover(ctx, yielder, source, matchers, window, maxSeries, rest);
      if (streams.length > maxSeries) complete = false;
      for (const stream of streams) {
        if (yielder.due) await yielder.pause();
        for (const part of source.parts) {
          if (!selects(source, part, stream, compiled)) continue;
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

function* seriesOf(
  { streams }: Present,
  source: Source,
  compiled: readonly CompiledMatcher[],
  matchers: readonly CompiledMatcher[],
): Generator<Labels> {
  for (const known of streams) {
    if (!isMeant(source, known.stream)) continue;
    for (const part of source.parts) {
      if (!selects(source, part, known.stream, compiled)) continue;
      for (const labels of known.series(part)) if (matchesAll(labels, matchers)) yield labels;
    }
  }
}

const nameOf: Wanted<string> = {
  asked: 'names',
  of: (labels) => [labels.get(metricName)],
  id: (name) => name,
};

/** What is wanted of each label set. */
interface Wanted<T> {
  readonly asked: string;
  readonly of: (labels: Labels) => readonly T[];
  readonly id: (one: T) => string;
}

/** Each once. Throws QueryError `limit` beyond `most`. */
async function derivedFrom<T>(
  yielder: Yielder,
  of: object,
  asked: string,
  series: () => Iterable<Labels>,
  wanted: Wanted<T>,
  most: number,
): Promise<readonly T[]> {
  const known = derived<T>(of, asked);
  if (known !== undefined) return known;
  const found = new Map<string, T>();
  for (const labels of series()) {
    if (yielder.due) await yielder.pause();
    for (const one of wanted.of(labels)) found.set(wanted.id(one), one);
    checkSeries(found.size, most);
  }
  return keepDerived(of, asked, [...found.values()]);
}

/** Calls `each` with what `findEach` finds. */
export async function eachSeries(
  ctx: QueryContext,
  selectors: readonly VectorSelector[],
  window: Window,
  each: (labels: Labels) => void,
): Promise<boolean> {
  const yielder = new Yielder(ctx.signal);
  const known: Finds['known'] = async (_of, _asked, series) => {
    for (const labels of series()) {
      if (yielder.due) await yielder.pause();
      each(labels);
    }
  };
  return findEach(ctx, yielder, selectors, window, { known, each });
}

interface Found<T> {
  /** In order. The same list as long as it is the same. */
  readonly list: readonly T[];
  readonly complete: boolean;
}

/** What is wanted of the label sets that `findEach` finds, each once; `most`: Throws QueryError `limit` beyond it. */
async function collected<T>(
  ctx: QueryContext,
  selectors: readonly VectorSelector[],
  window: Window,
  wanted: Wanted<T>,
  order: (all: T[]) => T[],
  most = Infinity,
): Promise<Found<T>> {
  const yielder = new Yielder(ctx.signal);
  const parts: (readonly T[])[] = [];
  const single = new Map<string, T>();
  const complete = await findEach(ctx, yielder, selectors, window, {
    known: async (of, asked, series) => {
      const part = await derivedFrom(yielder, of, `${wanted.asked} ${asked}`, series, wanted, most);
      if (part.length > 0) parts.push(part);
    },
    each: (labels) => {
      for (const one of wanted.of(labels)) single.set(wanted.id(one), one);
      checkSeries(single.size, most);
    },
  });
  const all = () => {
    const found = new Map(single);
    for (const part of parts) for (const one of part) found.set(wanted.id(one), one);
    return order([...found.values()]);
  };
  // Those that came one by one are few and the same again and again, as of resources.
  const key = single.size <= mostSingle ? JSON.stringify([wanted.asked, ...single.keys()]) : null;
  const list = key === null ? all() : derivedOfAll(parts, key, all);
  checkSeries(list.length, most);
  return { list, complete };
}

const mostSingle = 100;

/** Names of labels. */
export async function labelNames(
  ctx: QueryContext,
  selectors: readonly VectorSelector[],
  window: Window,
): Promise<Found<string>> {
  const wanted = { asked: 'label names', of: ({ names }: Labels) => names, id: (name: string) => name };
  return collected(ctx, selectors, window, wanted, (all) => all.sort(byteOrder));
}

export async function labelValues(
  ctx: QueryContext,
  selectors: readonly VectorSelector[],
  window: Window,
  label: string,
): Promise<Found<string>> {
  const of = (labels: Labels) => {
    const value = labels.get(labels.named(label));
    return value === '' ? [] : [value];
  };
  const wanted = { asked: JSON.stringify(['values', label]), of, id: (value: string) => value };
  return collected(ctx, selectors, window, wanted, (all) => all.sort(byteOrder));
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
    const present = own && presentIn(own, null, microsOf(window));
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
): Promise<readonly Labels[]> {
  const { maxSeries } = ctx.limits;
  const wanted = { asked: 'series', of: (labels: Labels) => [labels], id: ({ key }: Labels) => key };
  const inOrder = (all: Labels[]) => all.sort((a, b) => a.compare(b));
  const { list, complete } = await collected(ctx, selectors, window, wanted, inOrder, maxSeries);
  if (!complete) checkSeries(Infinity, maxSeries);
  return list;
}

/** Metric names in the window; of rows, the name alone is read where that tells. The same list as long as it is the same. */
export async function metricNames(ctx: QueryContext, window: Window): Promise<readonly string[]> {
  const yielder = new Yielder(ctx.signal);
  const single = new Set<string>();
  const parts: (readonly string[])[] = [];
  const known = await knownTables(ctx, yielder, ...firstAsked(ctx.limits, window, false));
  for (const whole of sourcesFor([])) {
    const { table } = whole;
    const own = await known(table);
    const present = (own && presentIn(own, null, microsOf(window))?.present) ?? null;
    if (present)
      parts.push(
        derived<string>(present, 'metrics') ?? keepDerived(present, 'metrics', metricsOf(present, whole)),
      );
    if (present && own?.rest === null) continue;
    const from = await targetRows(ctx, window, present && own?.rest ? { table, rest: own.rest } : { table });
    const ofPrometheus = isHistogram(table)
      ? `coalesce(contains(metric_attributes, '"${metricName}":'), false)`
      : 'false';
    const sql = `SELECT DISTINCT prometheus_name, ${ofPrometheus} FROM ${from} WHERE prometheus_name IS NOT NULL`;
    for await (const { columns, rowCount } of ctx.session.stream(sql)) {
      for (let row = 0; row < rowCount; row++) {
        const stream = { name: columns[0]?.[row] as string, ofPrometheus: columns[1]?.[row] === true };
        for (const name of namesOf(whole, stream)) single.add(name);
      }
    }
  }
  for (const labels of await targets(ctx, yielder, known, [], window)) single.add(labels.get(metricName));
  parts.push(await spanMetricNamesIn(ctx, window, known.listing));
  const all = () => [...new Set([...parts.flat(), ...single])].sort(byteOrder);
  return derivedOfAll(parts, JSON.stringify(['metrics', ...single]), all);
}

function namesOf(source: Source, stream: Pick<Stream, 'name' | 'ofPrometheus'>): string[] {
  return source.parts
    .filter((part) => holds(source, part, stream))
    .map((part) => stream.name + suffixes[part]);
}

function metricsOf({ streams }: Present, source: Source): string[] {
  const named = streams.filter(({ stream }) => stream.name !== '');
  return [...new Set(named.flatMap(({ stream }) => namesOf(source, stream)))];
}
