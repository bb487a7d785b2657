import type { Labels } from './labels.js';
import { evaluationError } from './context.js';
import type { Yielder } from './yielder.js';

/** One series over all evaluation steps. */
export interface StepSeries {
  readonly labels: Labels;
  readonly values: Float64Array;
  /** 1 where the series has a value. */
  readonly present: Uint8Array;
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

export function anyPresent(series: StepSeries): boolean {
  return series.present.includes(1);
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
  for (let k = 0; k < present.length; k++) {
    if (!b.present[k]) continue;
    if (present[k]) throw evaluationError('vector cannot contain metrics with the same labelset');
    values[k] = b.values[k] ?? NaN;
    present[k] = 1;
  }
  return { labels: a.labels, values, present };
}

/** Applies a function to every value; the result is no longer the metric itself, so its name goes. */
export async function mapValues(
  yielder: Yielder,
  series: readonly StepSeries[],
  apply: (value: number, step: number) => number,
): Promise<StepSeries[]> {
  const mapped: StepSeries[] = [];
  for (const one of series) {
    if (yielder.due) await yielder.pause();
    const values = new Float64Array(one.values.length);
    for (let k = 0; k < values.length; k++) if (one.present[k]) values[k] = apply(one.values[k] ?? NaN, k);
    mapped.push({ labels: one.labels.withoutName(), values, present: one.present });
  }
  return mergeEqual(mapped);
}
