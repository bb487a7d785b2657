import { evaluationError } from '../../series/context.js';
import { Labels, metadataLabels, metricName } from '../../series/labels.js';
import { compileMatcher, type CompiledMatcher, type Matcher } from '../../series/matchers.js';
import { anyPresent, MixedSeries, vector, type StepSeries } from '../../series/series.js';
import { define, type Entry } from './function.js';

const identifying: ReadonlySet<string> = new Set(['instance', 'job']);

/** An info series, and at each step the time of its sample. */
interface Info {
  readonly labels: Labels;
  readonly name: string;
  readonly times: StepSeries;
  /** It has native histograms, which say nothing. */
  readonly native: boolean;
}

/**
 * Adds labels of info metrics to series with the same `job` and `instance`: all of `target_info`, or those that the second
 * argument names, of the metrics that it names.
 */
export const info: Entry = define(
  'info',
  ['vector', 'vector'],
  async (ctx, args) => {
    const base = await args.vector(0);
    const matchers = args.count > 1 ? args.matchers(1) : [];
    const names = effectiveNames(matchers).map((matcher) => compileMatcher(matcher));
    const data = matchers.filter(({ name }) => name !== metricName).map((matcher) => compileMatcher(matcher));
    const { times, series: infoSeries } = await args.infoSeries();
    const native = new Set(infoSeries.filter(({ histograms }) => histograms).map(({ labels }) => labels.key));
    const byTarget = new Map<string, Info[]>();
    for (const one of times) {
      const key = one.labels.only(identifying).key;
      const { labels } = one;
      const found = { labels, name: labels.get(metricName), times: one, native: native.has(labels.key) };
      byTarget.set(key, [...(byTarget.get(key) ?? []), found]);
    }
    const results = new Map<string, MixedSeries>();
    const taken = new Map<string, Uint8Array>();
    for (const series of base) {
      const own = series.labels.only(identifying);
      const isInfo = names.every((matcher) => matcher.matches(series.labels.get(metricName)));
      const infos = isInfo || own.names.length === 0 ? [] : (byTarget.get(own.key) ?? []);
      for (let k = 0; k < ctx.grid.count; k++) {
        if (ctx.yielder.due) await ctx.yielder.pause();
        if (!series.present[k]) continue;
        const labels = isInfo ? series.labels : enriched(series.labels, newest(infos, k), data);
        if (!labels) continue;
        const result = results.get(labels.key) ?? new MixedSeries(labels, ctx.grid.count);
        const used = taken.get(labels.key) ?? new Uint8Array(ctx.grid.count);
        results.set(labels.key, result);
        taken.set(labels.key, used);
        if (used[k]) throw evaluationError('vector cannot contain metrics with the same labelset');
        used[k] = 1;
        result.set(k, series.histograms?.[k] ?? series.values[k] ?? NaN);
      }
    }
    return vector([...results.values()].map(({ series }) => series).filter(anyPresent));
  },
  { optional: 1, timeDependent: true },
);

function effectiveNames(matchers: readonly Matcher[]): readonly Matcher[] {
  const names = matchers.filter(({ name }) => name === metricName);
  if (names.some(({ op }) => op === '=' || op === '=~')) return names;
  if (names.length > 0) return [{ name: metricName, op: '=~', value: '.+_info' }, ...names];
  return [{ name: metricName, op: '=', value: 'target_info' }];
}

/** Of each info metric the series with the latest sample. */
function newest(infos: readonly Info[], step: number): Info[] {
  const byName = new Map<string, Info>();
  for (const one of infos) {
    if (!one.times.present[step]) continue;
    if (one.native) {
      throw evaluationError(`this should be an info metric, with float samples: ${one.labels.toString()}`);
    }
    const known = byName.get(one.name);
    const [before, now] = [known?.times.values[step] ?? -Infinity, one.times.values[step] ?? 0];
    if (known && before === now) {
      throw evaluationError(
        `found duplicate series for info metric: existing ${known.labels.toString()} @ ${before * 1000}, ` +
          `new ${one.labels.toString()} @ ${now * 1000}`,
      );
    }
    if (now > before) byName.set(one.name, one);
  }
  return [...byName.values()];
}

/** Undefined for a series without what the matchers of data labels ask for. */
function enriched(
  base: Labels,
  infos: readonly Info[],
  data: readonly CompiledMatcher[],
): Labels | undefined {
  if (infos.length === 0) return data.every((matcher) => matcher.matches('')) ? base : undefined;
  const wanted = new Set(data.map(({ name }) => name));
  const added = new Map<string, string>();
  for (const { labels } of infos) {
    for (const [name, value] of labels.entries()) {
      if (metadataLabels.has(name) || (wanted.size > 0 && !wanted.has(name))) continue;
      const other = added.get(name);
      if (other !== undefined && other !== value) throw evaluationError(`conflicting label: ${name}`);
      if (base.get(name) === '') added.set(name, value);
    }
  }
  return Labels.of([...base.entries(), ...added]);
}
