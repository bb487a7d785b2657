import type { Aggregator } from '../range/aggregator.js';

/**
 * How windows `(step - range, step]` are cut into buckets that none of their edges crosses. Time is counted
 * from the beginning of the first window, bucket b being `(b * width, (b + 1) * width]`.
 */
export interface Buckets {
  /** Nanoseconds. */
  readonly width: number;
  /** Buckets from one window to the next. */
  readonly step: number;
  /** Buckets in a window. */
  readonly range: number;
}

export function bucketsOf(range: number, step: number, count: number): Buckets {
  if (count <= 1) return { width: range, step: 1, range: 1 };
  let [width, rest] = [range, step];
  while (rest !== 0) [width, rest] = [rest, width % rest];
  return { width, step: step / width, range: range / width };
}

/** The bucket of a record whose window begins after `origin`: a nullable number in SQL, an integer where `count` windows have few enough. */
export function bucketSql(origin: bigint, { width, step, range }: Buckets, count: number): string {
  const type = (count - 1) * step + range < 2 ** 31 ? 'INTEGER' : 'DOUBLE';
  return `((time_unix_nano - ${origin + 1n}) // ${width})::${type}`;
}

/** Partial results by bucket. */
export type Partials<P> = Map<number, P>;

/** Tells the value of each of `count` windows that has any bucket. */
export function slide<P>(
  partials: Partials<P>,
  buckets: Buckets,
  aggregator: Aggregator<P>,
  count: number,
  tell: (step: number, value: number) => void,
): void {
  const order = [...partials.keys()].sort((a, b) => a - b);
  const [first, last] = [order[0], order.at(-1)];
  if (first === undefined || last === undefined) return;
  const window = aggregator.size ? new CollectingWindow(aggregator) : new TwoStackWindow(aggregator);
  let next = 0;
  // All others end before the first bucket or begin after the last.
  const from = Math.max(0, Math.floor((first - buckets.range) / buckets.step));
  const to = Math.min(count - 1, Math.floor(last / buckets.step));
  for (let k = from; k <= to; k++) {
    const low = k * buckets.step;
    const high = low + buckets.range;
    for (; next < order.length && (order[next] as number) < high; next++) {
      const bucket = order[next] as number;
      if (bucket >= low) window.push(bucket, partials.get(bucket) as P);
    }
    window.evict(low);
    const partial = window.value();
    if (partial === undefined) continue;
    tell(k, aggregator.result(partial, { from: low * buckets.width, to: high * buckets.width }));
  }
}

/**
 * A queue with what it is merged to at hand: each bucket is merged a constant number of times however many windows it is
 * in, and nothing is ever subtracted, so no digits are lost.
 */
class TwoStackWindow<P> {
  readonly #back: { bucket: number; partial: P }[] = [];
  #backMerged: P | undefined;
  /** Merged from here to the end of the front, the oldest on top. */
  readonly #front: { bucket: number; merged: P }[] = [];

  constructor(private readonly aggregator: Aggregator<P>) {}

  push(bucket: number, partial: P): void {
    this.#back.push({ bucket, partial });
    this.#backMerged =
      this.#backMerged === undefined ? partial : this.aggregator.merge(this.#backMerged, partial);
  }

  evict(low: number): void {
    for (;;) {
      if (this.#front.length === 0) this.#flip();
      const top = this.#front.at(-1);
      if (!top || top.bucket >= low) return;
      this.#front.pop();
    }
  }

  #flip(): void {
    let merged: P | undefined;
    for (let entry = this.#back.pop(); entry; entry = this.#back.pop()) {
      merged = merged === undefined ? entry.partial : this.aggregator.merge(entry.partial, merged);
      this.#front.push({ bucket: entry.bucket, merged });
    }
    this.#backMerged = undefined;
  }

  value(): P | undefined {
    const front = this.#front.at(-1)?.merged;
    if (front === undefined) return this.#backMerged;
    return this.#backMerged === undefined ? front : this.aggregator.merge(front, this.#backMerged);
  }
}

/** For aggregators that keep every sample. */
class CollectingWindow<P> {
  readonly #entries: { bucket: number; partial: P }[] = [];
  #head = 0;

  constructor(private readonly aggregator: Aggregator<P>) {}

  push(bucket: number, partial: P): void {
    this.#entries.push({ bucket, partial });
  }

  evict(low: number): void {
    while ((this.#entries[this.#head]?.bucket ?? low) < low) this.#head++;
    if (this.#head > 1024) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
  }

  value(): P | undefined {
    const partials = this.#entries.slice(this.#head).map((entry) => entry.partial);
    if (partials.length < 2) return partials[0];
    // Merged in pairs, so that a sample is copied log(n) times and not n times.
    let level = partials;
    while (level.length > 1) {
      const merged: P[] = [];
      for (let i = 0; i < level.length; i += 2) {
        const [a, b] = [level[i] as P, level[i + 1]];
        merged.push(b === undefined ? a : this.aggregator.merge(a, b));
      }
      level = merged;
    }
    return level[0];
  }
}
