import { AnswerText, figure, isoTime, labelText } from './text.js';

/** Times are unix seconds. */
interface Sampled {
  readonly labels: readonly (readonly [string, string])[];
  readonly samples: readonly (readonly [number, number])[];
}

const mostSeries = 40;
const mostPoints = 30;

/** Series with what a reader asks first: last, least, most, mean; and their points where they are few. */
export function seriesText(series: readonly Sampled[], narrow: string): string {
  const out = new AnswerText();
  if (series.length === 0) return 'No series: nothing matches in this range.';
  const shown = series.slice(0, mostSeries);
  out.add(`${series.length} series${series.length > shown.length ? `, the first ${shown.length}` : ''}`);
  for (const { labels, samples } of shown) {
    const name = labelText(labels);
    const [only, second] = samples;
    if (only && !second) {
      out.add(`${name} ${figure(only[1])}`);
      continue;
    }
    const values = samples.map(([, value]) => value).filter((value) => !Number.isNaN(value));
    const sum = values.reduce((total, value) => total + value, 0);
    const stats =
      values.length === 0
        ? 'no numbers'
        : `last ${figure(values.at(-1) ?? NaN)}, min ${figure(least(values))}, max ${figure(most(values))}, mean ${figure(sum / values.length)}`;
    out.add(`${name} ${samples.length} points, ${stats}`);
    out.add(`  ${points(samples)}`);
  }
  return out.finish(narrow);
}

function points(samples: Sampled['samples']): string {
  const every = Math.ceil(samples.length / mostPoints);
  // The last of each so many, so that the newest is among them.
  const some = samples.filter((_, i) => (samples.length - 1 - i) % every === 0);
  const texts = some.map(([time, value]) => `${isoTime(time * 1000).slice(11, 19)}=${figure(value)}`);
  return `${every > 1 ? `every ${every} points: ` : ''}${texts.join(' ')}`;
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), -Infinity);
}

interface PrometheusSeries {
  readonly metric: object;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
  readonly histogram?: unknown;
  readonly histograms?: readonly unknown[];
}

export interface PrometheusAnswer {
  readonly data: { readonly resultType: string; readonly result: unknown };
  readonly warnings?: readonly string[];
}

/** An answer of Prometheus' API, or of Loki's where it is no log lines. */
export function prometheusText({ data, warnings = [] }: PrometheusAnswer, narrow: string): string {
  const notes = warnings.map((warning) => `Note: ${warning}\n`).join('');
  if (data.resultType === 'scalar' || data.resultType === 'string') {
    return `${notes}${String((data.result as readonly unknown[])[1])}`;
  }
  const result = data.result as readonly PrometheusSeries[];
  const native = result.some((one) => one.histogram !== undefined || one.histograms !== undefined);
  const series = result.map(({ metric, value, values }): Sampled => ({
    labels: Object.entries(metric) as [string, string][],
    samples: (values ?? (value ? [value] : [])).map(([time, text]) => [time, numberOf(text)] as const),
  }));
  const hint = native
    ? 'Native histograms are shown without their buckets: ask histogram_quantile(), histogram_count() or histogram_avg() of them.\n'
    : '';
  return `${notes}${hint}${seriesText(series, narrow)}`;
}

function numberOf(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

/** A value in OTLP's JSON. */
type AnyValue = Readonly<Record<string, unknown>>;

interface TempoSeries {
  readonly labels: readonly { readonly key: string; readonly value: AnyValue }[];
  readonly samples?: readonly { readonly timestampMs: string; readonly value?: number }[];
  readonly value?: number;
}

export function tempoSeries(answer: unknown): Sampled[] {
  const { series = [] } = answer as { readonly series?: readonly TempoSeries[] };
  return series.map(({ labels, samples, value }) => ({
    labels: labels.map(({ key, value: given }) => [key, anyText(given)] as const),
    samples: samples
      ? samples.map(
          ({ timestampMs, value: sample }) => [Number(timestampMs) / 1000, Number(sample ?? 0)] as const,
        )
      : [[0, Number(value ?? 0)] as const],
  }));
}

export function anyText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[kind, inner] = ['', ''] as const] = Object.entries(value as AnyValue);
  if (kind === 'arrayValue') {
    return `[${((inner as { values?: readonly unknown[] }).values ?? []).map(anyText).join(', ')}]`;
  }
  if (kind === 'kvlistValue') {
    const { values = [] } = inner as { values?: readonly { key: string; value: unknown }[] };
    return `{${values.map((one) => `${one.key}=${anyText(one.value)}`).join(', ')}}`;
  }
  return typeof inner === 'string' ? inner : JSON.stringify(inner);
}
