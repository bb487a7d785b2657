import type { NativeHistogram } from './native-histogram.js';

/** UTF-8. */
export interface Label {
  readonly name: Buffer;
  readonly value: Buffer;
}

export interface Exemplar {
  readonly labels: readonly Label[];
  readonly value: number;
  /** Milliseconds since the epoch; 0 when there is none. */
  readonly ms: number;
}

export type MetricType = 'counter' | 'gauge' | 'unknown';

/** Samples of one series, as Prometheus writes them. */
export interface Series {
  readonly labels: readonly Label[];
  readonly type: MetricType;
  readonly help: Buffer;
  readonly unit: Buffer;
  readonly samples: readonly Sample[];
  readonly histograms: readonly NativeHistogram[];
  readonly exemplars: readonly Exemplar[];
}

export interface Sample {
  readonly ms: number;
  readonly value: number;
  /** Prometheus' stale marker: the series ended. */
  readonly stale: boolean;
  /** When the counter began to count; 0 when that is not told. */
  readonly startMs: number;
}

/** What metadata says of a family of metrics. */
export interface FamilyMetadata {
  readonly name: Buffer;
  /** `counter`, `gauge`, `histogram`, `gaugehistogram`, `summary`, `info`, `stateset` or `unknown`. */
  readonly type: string;
  readonly help: Buffer;
  readonly unit: Buffer;
}
