import { QueryError } from '../../../lake/query-error.js';

/** The steps at which a metric query is evaluated. */
export interface Steps {
  /** First step, nanoseconds since the epoch. */
  readonly start: bigint;
  /** Nanoseconds between steps; any positive value when there is one step only. */
  readonly step: number;
  readonly count: number;
}

export type Labels = readonly (readonly [name: string, value: string])[];

/** One value a step; `present[i]` is 0 where the series has none. */
export interface Series {
  /** Sorted by name, without empty values. */
  readonly labels: Labels;
  readonly key: string;
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

export type Result =
  | { readonly kind: 'scalar'; readonly value: number }
  | { readonly kind: 'vector'; readonly series: readonly Series[] };

export function sortLabels(entries: Iterable<readonly [string, string]>): Labels {
  return [...entries]
    .filter(([, value]) => value !== '')
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => [name, value] as const);
}

export function labelsKey(labels: Labels): string {
  return labels.length === 0 ? '' : labels.map(([name, value]) => `${name}\u0001${value}`).join('\u0002');
}

export function newSeries(labels: Labels, steps: number): Series {
  return {
    labels,
    key: labelsKey(labels),
    values: new Float64Array(steps),
    present: new Uint8Array(steps),
  };
}

/** Refuses before memory is taken for too many series or values. */
export function checkSize(
  series: number,
  steps: number,
  limits: { readonly maxSeries: number; readonly maxSamples: number },
): void {
  if (series > limits.maxSeries) {
    throw new QueryError(
      'limit',
      `the query gives more than ${limits.maxSeries} series; group by fewer labels`,
    );
  }
  if (series * steps > limits.maxSamples) {
    throw new QueryError('limit', `the query gives more than ${limits.maxSamples} values; use a longer step`);
  }
}

export function pickLabels(labels: Labels, names: ReadonlySet<string>, without: boolean): Labels {
  return labels.filter(([name]) => names.has(name) !== without);
}
