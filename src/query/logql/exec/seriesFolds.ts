import { QueryError } from '../../../lake/query-error.js';
import type { PipelineSql } from '../plan/scope.js';
import type { Grouping, RangeExpr, Stage } from '../syntax/ast.js';
import type { Fold } from './folds.js';
import { checkSize, type Labels } from './series.js';
import type { Buckets, Partials } from './windows.js';

/** What a range aggregation reads and how it folds; shared by the SQL way and the record-by-record way. */
export interface RangeQuery {
  readonly expr: RangeExpr;
  readonly stages: readonly Stage[];
  readonly pipeline: PipelineSql;
  /** Conditions on records, time included. */
  readonly where: readonly string[];
  readonly grouping: Grouping | undefined;
  readonly fold: Fold<unknown>;
  readonly buckets: Buckets;
  /** The instant before the first window, nanoseconds since the epoch. */
  readonly origin: bigint;
}

/** Partial results by series. */
export class SeriesFolds {
  readonly #series = new Map<string, { labels: Labels; partials: Partials<unknown> }>();
  #partials = 0;
  #samples = 0;

  constructor(
    private readonly fold: Fold<unknown>,
    private readonly limits: { readonly maxSeries: number; readonly maxSamples: number },
  ) {}

  /** The partial results of the series that `key` stands for; `labels` is asked for a new one only. */
  series(key: string, labels: () => Labels): Partials<unknown> {
    let found = this.#series.get(key);
    if (!found) {
      checkSize(this.#series.size + 1, 1, this.limits);
      this.#series.set(key, (found = { labels: labels(), partials: new Map() }));
    }
    return found.partials;
  }

  merge(partials: Partials<unknown>, bucket: number, partial: unknown): void {
    const before = partials.get(bucket);
    this.#grow(before === undefined, this.fold.size?.(partial) ?? 0);
    partials.set(bucket, before === undefined ? partial : this.fold.merge(before, partial));
  }

  add(partials: Partials<unknown>, bucket: number, value: number, time: number): void {
    const before = partials.get(bucket);
    this.#grow(before === undefined, this.fold.size ? 1 : 0);
    partials.set(
      bucket,
      before === undefined ? this.fold.first(value, time) : this.fold.add(before, value, time),
    );
  }

  #grow(bucket: boolean, samples: number): void {
    if (bucket) this.#partials++;
    this.#samples += samples;
    if (Math.max(this.#partials, this.#samples) > this.limits.maxSamples) {
      throw new QueryError(
        'limit',
        `the query needs more than ${this.limits.maxSamples} samples; use a longer step`,
      );
    }
  }

  entries(): Iterable<{ labels: Labels; partials: Partials<unknown> }> {
    return this.#series.values();
  }

  get size(): number {
    return this.#series.size;
  }
}

export function pipelineFailed(error: string, details: string | undefined): QueryError {
  return new QueryError(
    'bad_data',
    `pipeline error ${error}${details ? ` (${details})` : ''}: a metric query does not skip records with errors by itself; add | __error__="" to skip them`,
  );
}
