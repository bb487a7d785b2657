import { QueryError } from '../../../lake/query-error.js';
import { checkSeries } from '../../series/context.js';
import { literal } from '../../sql/literal.js';
import type { QueryContext } from '../../server/guard.js';
import { readFrom } from '../../server/range.js';
import type { Yielder } from '../../series/yielder.js';
import { metricName } from '../../series/labels.js';
import type { VectorSelector } from '../syntax/ast.js';
import type { Window } from '../plan/times.js';
import { discover } from './discover.js';
import { compileMatcher, matchesAll, type CompiledMatcher } from '../../series/matchers.js';
import { conflictLabels, mergeSeries, type SampleSeries } from '../../series/samples.js';
import { metadataSource } from '../../sql/metadata.js';
import { metadataWindow } from './predicates.js';
import type { Account } from './request.js';
import { loadPart } from './samples.js';
import { isOriginalName, sourcesFor, wantsTargetInfo } from './sources.js';
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
  for (const { selectors, window } of joined(windows)) {
    const read = { from: readFrom(window.from, window.to, ctx.limits), to: window.to };
    const series = await loadSelector(ctx, yielder, account, selectors[0] as VectorSelector, read);
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
        last.window = { from: last.window.from, to: Math.max(last.window.to, window.to) };
      } else loads.push({ selectors: [selector], window });
    }
    return loads;
  });
}

/** Matchers as they apply to labels: an OpenTelemetry name is looked up by its column instead. */
export function labelMatchers(matchers: readonly CompiledMatcher[]): CompiledMatcher[] {
  return matchers.filter((m) => !(m.name === metricName && m.op === '=' && isOriginalName(m.value)));
}

async function loadSelector(
  ctx: QueryContext,
  yielder: Yielder,
  account: Account,
  selector: VectorSelector,
  window: Window,
): Promise<SampleSeries[]> {
  const compiled = selector.matchers.map((matcher) => compileMatcher(matcher));
  const matchers = labelMatchers(compiled).filter((matcher) => !conflictLabels.has(matcher.name));
  const conflicts = compiled.filter((matcher) => conflictLabels.has(matcher.name));
  const { maxSeries } = ctx.limits;
  const found: SampleSeries[] = [];
  for (const source of sourcesFor(compiled)) {
    const { streams, id } = await discover(ctx, yielder, source, matchers, window, maxSeries);
    if (streams.length === 0) continue;
    checkSeries(streams.length, maxSeries);
    const request = { ctx, yielder, account, source, matchers, window, id };
    for (const part of source.parts) {
      for (const series of await loadPart(request, part, streams)) found.push(series);
      checkSeries(found.length, maxSeries);
    }
  }
  if (wantsTargetInfo(compiled))
    found.push(...(await loadTargetInfo({ ctx, yielder, account, matchers, window })));
  if (found.length === 0) await refuseNativeHistogram(ctx, compiled, window);
  const merged = mergeSeries(found);
  return conflicts.length === 0 ? merged : merged.filter(({ labels }) => matchesAll(labels, conflicts));
}

/** The bare name of an exponential histogram would stand for native histogram samples; saying so beats an empty answer. */
async function refuseNativeHistogram(
  ctx: QueryContext,
  compiled: readonly CompiledMatcher[],
  window: Window,
): Promise<void> {
  const name = compiled.find((m) => m.name === metricName && m.op === '=')?.value;
  if (name === undefined) return;
  const from = await metadataSource(ctx.session, 'metric_exponential_histogram', metadataWindow(window));
  const sql = `SELECT 1 FROM ${from} WHERE prometheus_name = ${literal(name)} LIMIT 1`;
  if ((await ctx.session.rows(sql)).length === 0) return;
  throw new QueryError(
    'unsupported',
    `native histogram samples are not supported: ${name} is an exponential histogram, ` +
      `query ${name}_bucket (classic buckets with its exact bounds), ${name}_count or ${name}_sum`,
  );
}
