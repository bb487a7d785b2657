/** Where a window lies, on the time axis of the samples (nanoseconds). */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/**
 * How samples of a window become one value, by way of partial results of parts of the window. The partial
 * results come from SQL (one column each for `sql`) or from `add`, sample by sample.
 */
export interface Aggregator<P> {
  /** Over `v` (the value), `t` (DOUBLE, nanoseconds), `line` and `rowid`. */
  readonly sql: readonly string[];
  readonly fromSql: (columns: readonly unknown[]) => P;
  readonly first: (value: number, time: number) => P;
  readonly add: (partial: P, value: number, time: number) => P;
  /** `a` is of an earlier part than `b`. Neither is changed. */
  readonly merge: (a: P, b: P) => P;
  readonly result: (partial: P, window: Window) => number;
  /** Samples that a partial result keeps; absent when its size does not depend on them. */
  readonly size?: (partial: P) => number;
}
