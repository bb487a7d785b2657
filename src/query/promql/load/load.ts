import { QueryError } from '../../../lake/query-error.js';
import { checkSeries } from '../../series/context.js';
import type { QueryContext } from '../../server/guard.js';
import { readFrom } from '../../server/range.js';
import type { Yielder } from '../../series/yielder.js';
import { metricName } from '../../series/labels.js';
import type { VectorSelector } from '../syntax/ast.js';
import { bothEdges } from '../plan/edges.js';
import type { Window } from '../plan/times.js';
import { discover } from './discover.js';
import { keptSamples, noSeries, type KeptSeries } from './kept-samples.js';
import { knownTables, matching, metricNamesOf, type KnownTable, type KnownTables } from './known-series.js';
import { compileMatcher, matchesAll, type CompiledMatcher } from '../../series/matchers.js';
import { conflictLabels, mergeSeries, type SampleSeries } from '../../series/samples.js';
import type { Account, SampleRequest } from './request.js';
import { loadPart } from './samples.js';
import { loadSpanMetrics } from './span-metrics/index.js';
import {
  isOriginalName,
  selects,
  sourcesFor,
  wantsTargetInfo,
  type MetricTable,
  type Source,
} from './sources.js';
import type { Stream } from './streams.js';
import { loadTargetInfo } from './target.js';

export type LoadedSeries = ReadonlyMap<VectorSelector, readonly SampleSeries[]>;

interface Load {
  readonly selectors: VectorSelector[];
  window: Window;
}

/** The series of every selector; selectors with equal matchers and overlapping windows are read once. */
export async function load(
  ctx: QueryContext,
  yielder: Yielder,
  windows: ReadonlyMap<VectorSelector, Window>,
): Promise<LoadedSeries> {
  const { maxSamples, maxSeries } = ctx.limits;
  let samples = 0;
  const account: Account = (more) => {
    samples += more;
    if (samples > maxSamples) {
      throw new QueryError(
        'limit',
        `the query loads more than ${maxSamples} samples; narrow its range or its selectors`,
      );
    }
  };
  const out = new Map<VectorSelector, readonly SampleSeries[]>();
  let seriesCount = 0;
  const loads = joined(windows).map(({ selectors, window }) => ({
    selectors,
    window: { ...window, from: readFrom(window.from, window.to, ctx.limits) },
  }));
  const known = await knownOf(ctx, yielder, loads);
  for (const { selectors, window } of loads) {
    const series = await loadSelector(ctx, yielder, account, known, selectors[0] as VectorSelector, window);
    seriesCount += series.length;
    checkSeries(seriesCount, maxSeries);
    for (const selector of selectors) out.set(selector, series);
  }
  return out;
}

function joined(windows: ReadonlyMap<VectorSelector, Window>): Load[] {
  const groups = new Map<string, [VectorSelector, Window][]>();
  for (const entry of windows) {
    const key = JSON.stringify(entry[0].matchers);
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return [...groups.values()].flatMap((group) => {
    const loads: Load[] = [];
    for (const [selector, window] of group.sort((a, b) => a[1].from - b[1].from)) {
      const last = loads.at(-1);
      if (last && window.from <= last.window.to) {
        last.selectors.push(selector);
        last.window = joinedWindow(last.window, window);
      } else loads.push({ selectors: [selector], window });
    }
    return loads;
  });
}

function joinedWindow(first: Window, second: Window): Window {
  const edges = first.edges && second.edges && bothEdges(first.edges, second.edges);
  const sums = JSON.stringify(first.sums) === JSON.stringify(second.sums) ? first.sums : undefined;
  const to = Math.max(first.to, second.to);
  return { from: first.from, to, ...(edges && { edges }), ...(sums && { sums }) };
}

/** What is known of all the tables that the selectors look at. */
async function knownOf(ctx: QueryContext, yielder: Yielder, loads: readonly Load[]): Promise<KnownTables> {
  const tables = new Set<MetricTable>();
  const names = new Set<string>();
  let only: Set<string> | null = new Set<string>();
  for (const { selectors } of loads) {
    const matchers = (selectors[0]?.matchers ?? []).map((matcher) => compileMatcher(matcher));
    for (const { table, baseNames, original } of sourcesFor(matchers)) {
      tables.add(table);
      if (!baseNames || original) only = null;
      else for (const name of baseNames) only?.add(name);
      if (baseNames && !original && hasValues(table)) for (const name of baseNames) names.add(name);
    }
  }
  const window = {
    from: loads.reduce((from, load) => Math.min(from, load.window.from), Infinity),
    to: loads.reduce((to, load) => Math.max(to, load.window.to), -Infinity),
  };
  if (tables.size === 0 || !(window.from < window.to)) return () => Promise.resolve(null);
  return knownTables(ctx, yielder, [...tables], window, [...names], only && [...only]);
}

/** Matchers as they apply to labels: an OpenTelemetry name is looked up by its column instead. */
export function labelMatchers(matchers: readonly CompiledMatcher[]): CompiledMatcher[] {
  return matchers.filter((m) => !(m.name === metricName && m.op === '=' && isOriginalName(m.value)));
}

async function loadSelector(
  ctx: QueryContext,
  yielder: Yielder,
  account: Account,
  known: KnownTables,
  selector: VectorSelector,
  window: Window,
): Promise<SampleSeries[]> {
  const compiled = selector.matchers.map((matcher) => compileMatcher(matcher));
  const matchers = labelMatchers(compiled).filter((matcher) => !conflictLabels.has(matcher.name));
  const conflicts = compiled.filter((matcher) => conflictLabels.has(matcher.name));
  const { maxSeries } = ctx.limits;
  const found: SampleSeries[] = [];
  /** So many are all of different labels, in their order. */
  let ordered = 0;
  for (const source of sourcesFor(compiled)) {
    const request = { ctx, yielder, account, source, matchers, window };
    const table = await known(source.table);
    const inMemory = table && (await withoutRows(request, table));
    let kept = inMemory?.series ?? null;
    checkSeries(found.length + (kept?.length ?? 0), maxSeries);
    if (kept !== null && table?.rest === null) {
      if (found.length === 0 && inMemory?.inOrder) ordered = kept.length;
      for (const series of kept) found.push(series);
      continue;
    }
    let rest = kept === null ? undefined : (table?.rest ?? undefined);
    let discovered = await discover(ctx, yielder, source, matchers, window, maxSeries, rest);
    // A point that ends a series need not repeat its bounds: it may end what is kept.
    if (kept !== null && kept.length > 0 && hasBounds(source) && discovered.streams.some(withoutBounds)) {
      [kept, rest] = [null, undefined];
      discovered = await discover(ctx, yielder, source, matchers, window, maxSeries);
    }
    for (const series of kept ?? []) found.push(series);
    const { streams, id } = discovered;
    if (streams.length === 0) continue;
    checkSeries(streams.length, maxSeries);
    for (const part of source.parts) {
      const rows = { ...request, id, ...(rest === undefined ? {} : { rest }) };
      const selected = streams.filter((stream) => selects(source, part, stream, compiled));
      for (const series of await loadPart(rows, part, selected)) found.push(series);
      checkSeries(found.length, maxSeries);
    }
  }
  const named = compiled.filter((matcher) => !conflictLabels.has(matcher.name));
  let names: ReadonlySet<string> | undefined;
  const taken = {
    has: (name: string) => (names ??= new Set(found.map(({ labels }) => labels.get(metricName)))).has(name),
  };
  found.push(...(await loadSpanMetrics({ ctx, yielder, matchers: named, window, taken }, account)));
  if (wantsTargetInfo(compiled))
    found.push(...(await loadTargetInfo({ ctx, yielder, account, matchers, window })));
  const merged = found.length > 0 && found.length === ordered ? found : mergeSeries(found);
  return conflicts.length === 0 ? merged : merged.filter(({ labels }) => matchesAll(labels, conflicts));
}

/** The series of all files that are known; null when rows have to be read for them. */
async function withoutRows(
  request: Omit<SampleRequest, 'id'>,
  table: KnownTable,
): Promise<KeptSeries | null> {
  const { source } = request;
  // Which buckets an exponential histogram has, only its points tell.
  const matchers = request.matchers.filter(({ name }) => name !== 'le' && name !== 'quantile');
  if (source.table !== 'metric_exponential_histogram') return keptSamples(request, table);
  const any = metricNamesOf(table, source).some((name) => matching(table, source, name, matchers).length > 0);
  return any ? null : noSeries;
}

/** Whether some of its parts have a series for each of a stream's bounds. */
function hasBounds({ parts }: Source): boolean {
  return parts.includes('bucket') || parts.includes('quantile');
}

function withoutBounds({ bounds }: Stream): boolean {
  return bounds.length === 0;
}

function hasValues(table: MetricTable): boolean {
  return table === 'metric_gauge' || table === 'metric_sum';
}
