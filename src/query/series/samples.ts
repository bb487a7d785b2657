import type { Histogram } from './histograms/histogram.js';
import type { Labels } from './labels.js';
import { sortedByTime } from './sorted-by-time.js';

/** One series' samples in time order, one a millisecond. */
export interface SampleSeries {
  readonly labels: Labels;
  /** Unix milliseconds. */
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** Samples that are native histograms; their `values` mean nothing. Absent where there is none. */
  readonly histograms?: readonly (Histogram | undefined)[];
  /** Times at which the series was marked as ended (OTLP's "no recorded value"); null when never. */
  readonly staleTimes: Float64Array | null;
  /** Delta temporality: values are running totals of increments that are all known, from zero on. */
  readonly delta?: boolean;
  readonly metric?: MetricOrigin;
}

/** Which metric a series comes from: names that differ may become one Prometheus name. */
export interface MetricOrigin {
  /** OpenTelemetry name. */
  readonly name: string;
  readonly type: string;
}

const nameLabel = 'otel_metric_name';
const typeLabel = 'otel_metric_type';
/** Labels that only series have which would be one with those of another metric. */
export const conflictLabels: ReadonlySet<string> = new Set([nameLabel, typeLabel]);

/** Collects the samples of one source series in any order. */
export class SeriesBuilder {
  #micros = new Float64Array(64);
  #values = new Float64Array(64);
  #length = 0;
  #sorted = true;
  readonly #stale: number[] = [];

  constructor(
    readonly labels: Labels,
    /** Delta temporality: each value is an increment. */
    private readonly delta: boolean,
    private readonly metric?: MetricOrigin,
  ) {}

  /** `micros` since the epoch; `value` null marks the end of the series. */
  push(micros: number, value: number | null): void {
    if (value === null) {
      this.#stale.push(Math.floor(micros / 1000));
      return;
    }
    if (this.#length === this.#micros.length) this.#grow();
    if (this.#length > 0 && micros < (this.#micros[this.#length - 1] ?? 0)) this.#sorted = false;
    this.#micros[this.#length] = micros;
    this.#values[this.#length++] = value;
  }

  get empty(): boolean {
    return this.#length === 0 && this.#stale.length === 0;
  }

  /** Samples in time order; increments become a running total from the first loaded point on. */
  finish(): SampleSeries {
    if (!this.#sorted) this.#sort();
    const times = new Float64Array(this.#length);
    const values = new Float64Array(this.#length);
    let length = 0;
    let total = 0;
    let lastMicros = NaN;
    let lastValue = NaN;
    for (let i = 0; i < this.#length; i++) {
      const micros = this.#micros[i] ?? 0;
      const value = this.#values[i] ?? 0;
      // The same point sent twice must not count twice; two increments at one time do both count.
      if (this.delta && micros === lastMicros && value === lastValue) continue;
      lastMicros = micros;
      lastValue = value;
      total += value;
      const ms = Math.floor(micros / 1000);
      const at = length > 0 && times[length - 1] === ms ? length - 1 : length++;
      times[at] = ms;
      values[at] = this.delta ? total : value;
    }
    const staleTimes = this.#stale.length > 0 ? Float64Array.from(this.#stale).sort() : null;
    return {
      labels: this.labels,
      times: times.subarray(0, length),
      values: values.subarray(0, length),
      staleTimes,
      ...(this.delta ? { delta: true } : {}),
      ...(this.metric ? { metric: this.metric } : {}),
    };
  }

  #grow(): void {
    const micros = new Float64Array(this.#length * 2);
    const values = new Float64Array(this.#length * 2);
    micros.set(this.#micros);
    values.set(this.#values);
    this.#micros = micros;
    this.#values = values;
  }

  /** Ties keep the order of arrival, so the later row of one time wins. */
  #sort(): void {
    [this.#micros, this.#values] = sortedByTime(this.#micros, this.#values, this.#length);
    this.#sorted = true;
  }
}

/**
 * Joins series of equal labels (a metric that changed its kind). Those of metrics that both have samples at the time
 * are kept apart by a label with the OpenTelemetry name, or the type, of each.
 */
export function mergeSeries(all: readonly SampleSeries[]): SampleSeries[] {
  const inOrder = all.every(
    (one, i) => i === 0 || (all[i - 1] as SampleSeries).labels.compare(one.labels) < 0,
  );
  if (inOrder) return [...all];
  const merged = [...grouped(all, (series) => series.labels.key).values()].flatMap((same) => {
    if (same.length === 1) return same;
    const metrics = grouped(same, ({ metric }) => JSON.stringify([metric?.name, metric?.type]));
    const joined = mixed([...metrics.values()].map(join));
    return overlap(joined) ? joined.map((series) => labelled(series, joined)) : [join(joined)];
  });
  return merged.sort((a, b) => a.labels.compare(b.labels));
}

/** Numbers and native histograms of one name are one series, as in Prometheus, unless they have samples at one time. */
function mixed(all: readonly SampleSeries[]): readonly SampleSeries[] {
  if (all.length === 1 || !all.some(({ histograms }) => histograms)) return all;
  const apart =
    new Set(all.map(({ metric }) => metric?.name)).size > 1 ||
    all.some(({ delta }) => delta) ||
    overlap(all.filter(({ histograms }) => !histograms)) ||
    meet(all);
  return apart ? all : [join(all)];
}

/** Whether some of them have samples at one time. */
function meet(all: readonly SampleSeries[]): boolean {
  const seen = new Set<number>();
  return all.some(({ times }) => {
    const met = times.some((time) => seen.has(time));
    for (const time of times) seen.add(time);
    return met;
  });
}

function grouped<T>(all: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(key(one));
    if (group) group.push(one);
    else groups.set(key(one), [one]);
  }
  return groups;
}

function overlap(all: readonly SampleSeries[]): boolean {
  if (all.length < 2) return false;
  const spans = all
    .filter(({ times }) => times.length > 0)
    .map(({ times }) => [times[0] ?? 0, times.at(-1) ?? 0] as const)
    .sort((a, b) => a[0] - b[0]);
  return spans.some(([from], i) => i > 0 && from <= (spans[i - 1]?.[1] ?? -Infinity));
}

function labelled(series: SampleSeries, among: readonly SampleSeries[]): SampleSeries {
  const { labels, metric } = series;
  if (!metric) return series;
  const names = new Set(among.map((one) => one.metric?.name));
  const types = new Set(
    among.filter((one) => one.metric?.name === metric.name).map((one) => one.metric?.type),
  );
  const named = names.size > 1 ? labels.with(nameLabel, metric.name) : labels;
  return { ...series, labels: types.size > 1 ? named.with(typeLabel, metric.type) : named };
}

function join(parts: readonly SampleSeries[]): SampleSeries {
  const [first] = parts as [SampleSeries];
  if (parts.length === 1) return first;
  if (parts.some(({ histograms }) => histograms)) return joinNative(first, parts);
  const builder = new SeriesBuilder(first.labels, false, first.metric);
  for (const part of parts) {
    part.times.forEach((time, i) => builder.push(time * 1000, part.values[i] ?? NaN));
    part.staleTimes?.forEach((time) => builder.push(time * 1000, null));
  }
  return builder.finish();
}

/** Of samples at one time the last part's is taken. */
function joinNative(first: SampleSeries, parts: readonly SampleSeries[]): SampleSeries {
  const samples = parts.flatMap((part) =>
    Array.from(part.times, (time, i) => ({
      part,
      time,
      value: part.values[i] ?? NaN,
      histogram: part.histograms?.[i],
    })),
  );
  const sorted = samples
    .sort((a, b) => a.time - b.time)
    .filter(({ time }, i) => samples[i + 1]?.time !== time);
  const stale = parts.flatMap(({ staleTimes }) => [...(staleTimes ?? [])]);
  return {
    labels: first.labels,
    times: Float64Array.from(sorted, ({ time }) => time),
    values: Float64Array.from(sorted, ({ value }) => value),
    histograms: sorted.map(({ part, histogram }, i) =>
      // Behind a sample of another kind nothing tells whether a counter went on.
      histogram && sorted[i - 1]?.part !== part ? { ...histogram, reset: undefined } : histogram,
    ),
    staleTimes: stale.length > 0 ? Float64Array.from(stale).sort() : null,
    ...(first.metric ? { metric: first.metric } : {}),
  };
}
