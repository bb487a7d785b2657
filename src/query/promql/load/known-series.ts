import type { SharedUnit } from '../../../lake/samples/unit.js';
import type { ListingView, MetadataRequest, SeriesFiles, SeriesRequest } from '../../../lake/session.js';
import type { QueryContext } from '../../server/guard.js';
import type { Labels } from '../../series/labels.js';
import { matchesAll, type CompiledMatcher } from '../../series/matchers.js';
import type { Yielder } from '../../series/yielder.js';
import { toldBy } from '../../sql/extent.js';
import { NumberSet } from '../../sql/number-set.js';
import type { Window } from '../plan/times.js';
import type { FileMetric, KnownSet, SeriesOfFiles } from './file-series.js';
import type { KnownStream } from './known-stream.js';
import { metadataWindow } from './predicates.js';
import { indexOf, type Present, type SeriesIndex } from './series-index.js';
import { holds, type MetricTable, type Source } from './sources.js';
import type { Stream } from './streams.js';

/** What is known of a table in the window of a query without reading its rows. */
export interface KnownTable {
  readonly epoch: string;
  readonly index: SeriesIndex;
  /** What each of the files has. */
  readonly series: SeriesOfFiles;
  /** Numbers of files. */
  readonly files: readonly number[];
  /** A condition on rows that are in none of them; null when there are none. */
  readonly rest: string | null;
  /** Samples that came with it, by metric and file. */
  readonly units: ReadonlyMap<string, ReadonlyMap<number, SharedUnit>>;
}

export interface KnownTables {
  /** Null for a table whose rows have to be asked. */
  (table: MetricTable): Promise<KnownTable | null>;
  /** Of what was asked for beside them; undefined where it has to be asked for by itself. */
  readonly listing?: ListingView | null;
}

const none: KnownTables = () => Promise.resolve(null);

/**
 * Asks for all tables at once, so that they are of one snapshot, and learns the series of those that are used. `samples`: those of
 * these metrics are asked for next; null for none. `only`: no other metrics are asked for. `listing`: it is asked for next.
 */
export async function knownTables(
  ctx: QueryContext,
  yielder: Yielder,
  tables: readonly MetricTable[],
  window: Window,
  samples: readonly string[] | null,
  only: readonly string[] | null = null,
  listing?: MetadataRequest,
): Promise<KnownTables> {
  const wanted = seriesRequest(tables, window, samples, only, listing);
  const names = samples ?? [];
  const view = await ctx.session.series?.(wanted);
  if (!view) return none;
  const { epoch } = view;
  const units = new Map(names.map((name) => [name, new Map<number, SharedUnit>()]));
  for (const { name, file, unit } of view.units ?? []) units.get(name)?.set(file, unit);
  const of = async (table: MetricTable): Promise<KnownTable | null> => {
    const found = view.tables.find(({ kind }) => kind === table);
    if (!found) return null;
    const { files, rest } = found;
    const known = await learned(ctx, yielder, epoch, table, found);
    return known && { ...known, epoch, files, rest, units };
  };
  return view.listing === undefined ? of : Object.assign(of, { listing: view.listing });
}

/** What `knownTables` asks. */
export function seriesRequest(
  tables: readonly MetricTable[],
  window: Window,
  samples: readonly string[] | null,
  only: readonly string[] | null = null,
  listing?: MetadataRequest,
): SeriesRequest {
  const { from, until } = metadataWindow(window);
  const wanted = { kinds: tables, from, until, samples: samples !== null, names: samples ?? [], only };
  return listing ? { ...wanted, listing } : wanted;
}

/** An error of it is no reason to fail: the table itself tells. */
async function learned(
  { session, limits }: QueryContext,
  yielder: Yielder,
  epoch: string,
  table: MetricTable,
  view: SeriesFiles,
): Promise<Pick<KnownTable, 'index' | 'series'> | null> {
  try {
    let index = indexOf(epoch, table, limits.scopeLabels);
    let series = await index.update(session, yielder, epoch, view);
    if (series === 'full') {
      // Questions that use the other one go on with it.
      index = indexOf(epoch, table, limits.scopeLabels, index);
      series = await index.update(session, yielder, epoch, view);
    }
    return series === null || series === 'full' ? null : { index, series };
  } catch {
    await yielder.pause();
    return null;
  }
}

/** Names of the metrics that a source may mean. */
export function metricNamesOf({ index }: KnownTable, source: Source): readonly string[] {
  if (source.baseNames === null) return index.names;
  if (!source.original) return source.baseNames;
  const wanted = new Set(source.baseNames);
  return index.names.filter((name) => index.named(name).some(({ stream }) => wanted.has(stream.metric.name)));
}

/** Its streams that have a series which the matchers let through; those of values in the order of their labels. */
export function matching(
  { index }: KnownTable,
  source: Source,
  name: string,
  matchers: readonly CompiledMatcher[],
): readonly KnownStream[] {
  const key = JSON.stringify([
    ...[name, source.parts, source.original && source.baseNames],
    ...matchers.map(({ name, op, value }) => [name, op, value]),
  ]);
  return index.matched(name, key, (known) => {
    if (!isMeant(source, known.stream)) return false;
    return source.parts.some(
      (part) =>
        holds(source, part, known.stream) &&
        known.series(part).some((labels) => matchesAll(labels, matchers)),
    );
  });
}

/** Whether a stream of the right Prometheus name is the metric that a source means. */
export function isMeant(source: Source, stream: Stream): boolean {
  return !source.original || (source.baseNames ?? []).includes(stream.metric.name);
}

interface Micros {
  readonly from: number;
  readonly until: number;
}

export function microsOf(window: Window): Micros {
  return { from: Math.floor(window.from + 1) * 1000, until: Math.floor(window.to + 1) * 1000 };
}

/** Whether one of the streams may have a row in the window. */
export function mayHave(
  metric: FileMetric,
  wanted: Pick<ReadonlyMap<KnownStream, unknown>, 'has'>,
  { from, until }: Micros,
): boolean {
  if (metric.end < from || metric.begin >= until) return false;
  for (const [{ known }, { first, last }] of metric.spans)
    if (last >= from && first < until && wanted.has(known)) return true;
  return false;
}

/** Streams and resources with a row in the window, of all metrics without `names`; null where hours alone don't tell. */
export function presentIn(
  { index, series }: KnownTable,
  names: readonly string[] | null,
  { from, until }: Micros,
): { readonly present: Present; readonly targets: ReadonlySet<Labels> } | null {
  const streams = new NumberSet();
  const targets = new Set<Labels>();
  const add = ({ known, targetInfo }: KnownSet) => {
    streams.add(known.number);
    if (targetInfo) targets.add(targetInfo);
  };
  for (const all of series.values()) {
    if (names === null && toldBy(all, from, until) === 'all') {
      streams.addNumbers(all.streams);
      for (const target of all.targets) targets.add(target);
      continue;
    }
    for (const name of names ?? all.metrics.keys()) {
      const metric = all.metrics.get(name);
      if (!metric || metric.end < from || metric.begin >= until) continue;
      const by = toldBy(metric, from, until);
      if (by !== 'all times') {
        for (const [set, { first, last }] of metric.spans)
          if (by === 'all' || (by === 'first' ? first < until : last >= from)) add(set);
        continue;
      }
      for (let i = 0; i < metric.sets.length; i++) {
        const [set, first, last] = [metric.sets[i], metric.first[i] ?? 0, metric.last[i] ?? 0];
        if (!set || last < from || first >= until) continue;
        if (first < from && last >= until) return null;
        add(set);
      }
    }
  }
  return { present: index.present(streams), targets };
}
