import { QueryError } from '../../../lake/query-error.js';
import { checkSeries } from '../../series/context.js';
import { Labels } from '../../series/labels.js';
import type { RangeQuery } from './range-query.js';
import type { Partials } from './windows.js';

/** A key of label values in a fixed order of names. Lengths are part of it, so no value can forge a boundary. */
function valuesKey(values: readonly (string | undefined)[]): string {
  let key = '';
  for (const value of values) key += value === undefined ? ':' : `${value.length}:${value}`;
  return key;
}

/** The partial results of a range aggregation, by series and bucket. */
export class PartialSeries {
  readonly #series = new Map<string, { labels: Labels; partials: Partials<unknown> }>();
  #partials = 0;
  #samples = 0;

  constructor(
    private readonly query: Pick<RangeQuery, 'aggregator' | 'maxSeries'>,
    private readonly maxSamples: number,
  ) {}

  /** The series that `key` stands for; `labels` is asked for a new one only. */
  series(key: string, labels: () => Labels): Partials<unknown> {
    let found = this.#series.get(key);
    if (!found) {
      checkSeries(this.#series.size + 1, this.query.maxSeries);
      this.#series.set(key, (found = { labels: labels(), partials: new Map() }));
    }
    return found.partials;
  }

  /** The series of these values of labels, undefined where there is no such label. */
  grouped(names: readonly string[], values: readonly (string | undefined)[]): Partials<unknown> {
    return this.series(valuesKey(values), () => {
      const entries = names.flatMap((name, i): [string, string][] => {
        const value = values[i];
        return value === undefined ? [] : [[name, value]];
      });
      return Labels.withEmpty([...new Map(entries)]);
    });
  }

  merge(partials: Partials<unknown>, bucket: number, partial: unknown): void {
    const { aggregator } = this.query;
    const before = partials.get(bucket);
    this.#grow(before === undefined, aggregator.size?.(partial) ?? 0);
    partials.set(bucket, before === undefined ? partial : aggregator.merge(before, partial));
  }

  add(partials: Partials<unknown>, bucket: number, value: number, time: number): void {
    const { aggregator } = this.query;
    const before = partials.get(bucket);
    this.#grow(before === undefined, aggregator.size ? 1 : 0);
    partials.set(
      bucket,
      before === undefined ? aggregator.first(value, time) : aggregator.add(before, value, time),
    );
  }

  #grow(bucket: boolean, samples: number): void {
    if (bucket) this.#partials++;
    this.#samples += samples;
    if (Math.max(this.#partials, this.#samples) > this.maxSamples) {
      throw new QueryError(
        'limit',
        `the query needs more than ${this.maxSamples} samples; use a longer step`,
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
