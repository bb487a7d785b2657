import type { Labels } from './labels.js';
import { evaluationError } from './context.js';
import type { Histogram } from './histograms/histogram.js';
import type { Yielder } from './yielder.js';

/** One series over all evaluation steps. */
export interface StepSeries {
  readonly labels: Labels;
  readonly values: Float64Array;
  /** 1 where the series has a value. */
  readonly present: Uint8Array;
  /** Steps whose sample is a native histogram; their `values` mean nothing. Absent where there is none. */
  readonly histograms?: readonly (Histogram | undefined)[];
}

export type Value =
  | { readonly type: 'scalar'; readonly values: Float64Array }
  | { readonly type: 'vector'; readonly series: readonly StepSeries[] }
  | { readonly type: 'string'; readonly text: string };

export function vector(series: readonly StepSeries[]): Value {
  return { type: 'vector', series };
}

export function emptySeries(labels: Labels, steps: number): StepSeries {
  return { labels, values: new Float64Array(steps), present: new Uint8Array(steps) };
}

/**
 * One array for some series costs less than one for each, unless it is so small that V8 has it on its heap. It stays as long as one of them does,
 * so there are few.
 */
const seriesTogether = 16;
const valuesTogether = 65_536;
const fewSteps = 8;

/** Makes empty series of so many steps. */
export class SeriesRoom {
  #values = new Float64Array();
  #present = new Uint8Array();
  #at = 0;

  constructor(private readonly steps: number) {}

  series(labels: Labels): StepSeries {
    const { steps } = this;
    if (steps <= fewSteps) return emptySeries(labels, steps);
    if (this.#at + steps > this.#values.length) {
      const size = Math.max(1, Math.min(seriesTogether, Math.floor(valuesTogether / steps))) * steps;
      [this.#values, this.#present, this.#at] = [new Float64Array(size), new Uint8Array(size), 0];
    }
    const from = this.#at;
    this.#at += steps;
    return {
      labels,
      values: this.#values.subarray(from, this.#at),
      present: this.#present.subarray(from, this.#at),
    };
  }
}

export function anyPresent(series: StepSeries): boolean {
  return series.present.includes(1);
}

/** The native histogram at a step; undefined for a number or nothing. */
export function histogramAt(series: StepSeries, step: number): Histogram | undefined {
  return series.present[step] ? series.histograms?.[step] : undefined;
}

/** Its numbers alone: steps with a native histogram have nothing. */
export function floatsOnly(series: StepSeries): StepSeries {
  const { labels, values, present, histograms } = series;
  if (!histograms) return series;
  return { labels, values, present: present.map((set, k) => (histograms[k] ? 0 : set)) };
}

/** Applies a function to each step with a sample of either kind; the name goes. */
export async function mapSteps(
  yielder: Yielder,
  series: readonly StepSeries[],
  apply: (step: number) => number,
): Promise<StepSeries[]> {
  return mapValues(
    yielder,
    series.map(({ labels, values, present }) => ({ labels, values, present })),
    (_value, step) => apply(step),
  );
}

/** Applies a function to every native histogram; numbers are left out, and the name goes. */
export function mapHistograms(
  series: StepSeries,
  apply: (histogram: Histogram, step: number) => Histogram | number | undefined,
): StepSeries {
  const result = new MixedSeries(series.labels.withoutName(), series.values.length);
  for (let k = 0; series.histograms && k < series.values.length; k++) {
    const histogram = histogramAt(series, k);
    const value = histogram && apply(histogram, k);
    if (value !== undefined) result.set(k, value);
  }
  return result.series;
}

/** A result that may hold native histograms. */
export class MixedSeries {
  readonly #series: StepSeries;
  #histograms: (Histogram | undefined)[] | undefined;

  constructor(labels: Labels, steps: number, room?: SeriesRoom) {
    this.#series = room?.series(labels) ?? emptySeries(labels, steps);
  }

  set(step: number, value: number | Histogram): void {
    this.#series.present[step] = 1;
    if (typeof value === 'number') this.#series.values[step] = value;
    else (this.#histograms ??= [])[step] = value;
  }

  get series(): StepSeries {
    return this.#histograms ? { ...this.#series, histograms: this.#histograms } : this.#series;
  }
}

/**
 * Series whose labels became equal (a name was dropped, a label replaced) are one series, as long as no
 * step has two of them.
 */
export function mergeEqual(all: readonly StepSeries[]): StepSeries[] {
  const byKey = new Map<string, StepSeries>();
  for (const series of all) {
    const known = byKey.get(series.labels.key);
    byKey.set(series.labels.key, known ? joinSteps(known, series) : series);
  }
  return [...byKey.values()];
}

function joinSteps(a: StepSeries, b: StepSeries): StepSeries {
  const values = a.values.slice();
  const present = a.present.slice();
  const histograms = a.histograms || b.histograms ? [...(a.histograms ?? [])] : undefined;
  for (let k = 0; k < present.length; k++) {
    if (!b.present[k]) continue;
    if (present[k]) throw evaluationError('vector cannot contain metrics with the same labelset');
    values[k] = b.values[k] ?? NaN;
    present[k] = 1;
    if (histograms) histograms[k] = b.histograms?.[k];
  }
  return { labels: a.labels, values, present, ...(histograms && { histograms }) };
}

/** Applies a function to every number; the result is no longer the metric itself, so its name goes. */
export async function mapValues(
  yielder: Yielder,
  series: readonly StepSeries[],
  apply: (value: number, step: number) => number,
): Promise<StepSeries[]> {
  const mapped: StepSeries[] = [];
  for (const each of series) {
    if (yielder.due) await yielder.pause();
    const one = floatsOnly(each);
    const values = new Float64Array(one.values.length);
    for (let k = 0; k < values.length; k++) if (one.present[k]) values[k] = apply(one.values[k] ?? NaN, k);
    mapped.push({ labels: one.labels.withoutName(), values, present: one.present });
  }
  return mergeEqual(mapped);
}
