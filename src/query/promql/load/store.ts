import type { Labels } from '../../series/labels.js';
import { sortedByTime } from './merge.js';

/** One series' samples in time order, one a millisecond. */
export interface SampleSeries {
  readonly labels: Labels;
  /** Unix milliseconds. */
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** Times at which the series was marked as ended (OTLP's "no recorded value"); null when never. */
  readonly staleTimes: Float64Array | null;
}

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

/** Joins series of equal labels (one target written by two scopes, or a metric that changed its kind). */
export function mergeSeries(all: readonly SampleSeries[]): SampleSeries[] {
  const byKey = new Map<string, SampleSeries[]>();
  for (const series of all) {
    const same = byKey.get(series.labels.key);
    if (same) same.push(series);
    else byKey.set(series.labels.key, [series]);
  }
  const merged = [...byKey.values()].map((same) => (same.length === 1 && same[0] ? same[0] : join(same)));
  return merged.sort((a, b) => a.labels.compare(b.labels));
}

function join(parts: readonly SampleSeries[]): SampleSeries {
  const builder = new SeriesBuilder((parts[0] as SampleSeries).labels, false);
  for (const part of parts) {
    part.times.forEach((time, i) => builder.push(time * 1000, part.values[i] ?? NaN));
    part.staleTimes?.forEach((time) => builder.push(time * 1000, null));
  }
  return builder.finish();
}
