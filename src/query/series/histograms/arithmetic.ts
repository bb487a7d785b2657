import { Sum } from '../statistics.js';
import {
  addBuckets,
  anyFell,
  coarser,
  joined,
  mapCounts,
  noBuckets,
  sameBuckets,
  withoutEmpty,
  type Buckets,
} from './buckets.js';
import { isCustom, upperBound, type Histogram } from './histogram.js';

/**
 * The sum of histograms; `reconciled`: their custom bounds differed, and those that both have are left; `collided`: of some
 * it is known that they began anew, and of others that they did not.
 */
export interface Combined {
  readonly histogram: Histogram;
  readonly reconciled: boolean;
  readonly collided: boolean;
}

/** What is known of a sum of counters beginning anew, and whether there are both kinds. */
function resetOf(all: readonly Histogram[]): { reset: boolean | undefined; collided: boolean } {
  const known = new Set(all.filter(({ gauge }) => !gauge).map(({ reset }) => reset));
  const [only] = known;
  return {
    reset: known.size === 1 ? only : undefined,
    collided: known.has(true) && known.has(false),
  };
}

export function scaled(histogram: Histogram, factor: number): Histogram {
  const times = (count: number) => count * factor;
  return mapped(histogram, times, factor < 0 || histogram.gauge);
}

/** Nothing is left of the buckets when divided by 0. */
export function divided(histogram: Histogram, divisor: number): Histogram {
  const result = mapped(histogram, (count) => count / divisor, divisor < 0 || histogram.gauge);
  return divisor === 0 ? { ...result, positive: noBuckets, negative: noBuckets } : result;
}

function mapped(histogram: Histogram, apply: (count: number) => number, gauge: boolean): Histogram {
  return {
    ...histogram,
    count: apply(histogram.count),
    sum: apply(histogram.sum),
    zeroCount: apply(histogram.zeroCount),
    positive: mapCounts(histogram.positive, apply),
    negative: mapCounts(histogram.negative, apply),
    gauge,
  };
}

/** a + factor × b, at the coarser of both resolutions; null for one of exponential and one of custom buckets. */
export function combined(a: Histogram, b: Histogram, factor: 1 | -1): Combined | null {
  if (isCustom(a) !== isCustom(b)) return null;
  const gauge = a.gauge || b.gauge;
  const { reset, collided } = resetOf([a, b]);
  const count = a.count + factor * b.count;
  const sum = a.sum + factor * b.sum;
  if (isCustom(a)) {
    const bounds = sameBounds(a.bounds, b.bounds) ? a.bounds : commonBounds(a.bounds, b.bounds);
    const positive = addBuckets(toBounds(a, bounds), toBounds(b, bounds), factor);
    return {
      histogram: { ...a, count, sum, gauge, bounds, positive, reset },
      reconciled: bounds !== a.bounds,
      collided,
    };
  }
  const schema = Math.min(a.schema, b.schema);
  const [left, right] = equalZeroBuckets(reduced(a, schema), reduced(b, schema));
  const histogram = {
    ...left,
    reset,
    count,
    sum,
    gauge,
    zeroCount: left.zeroCount + factor * right.zeroCount,
    positive: addBuckets(left.positive, right.positive, factor),
    negative: addBuckets(left.negative, right.negative, factor),
  };
  return { histogram, reconciled: false, collided };
}

/** The sum of at least one histogram, by compensated summation; null where exponential and custom buckets are mixed. */
export function summed(all: readonly Histogram[]): Combined | null {
  const made = alike(all);
  if (!made) return null;
  const [first] = made.histograms as [Histogram];
  const total = (of: (histogram: Histogram) => number) => {
    const sum = new Sum();
    for (const histogram of made.histograms) sum.add(of(histogram));
    return sum.value;
  };
  const buckets = (side: 'positive' | 'negative'): Buckets => {
    const sums = new Map<number, Sum>();
    for (const histogram of made.histograms) {
      histogram[side].indexes.forEach((index, i) => {
        const sum = sums.get(index) ?? new Sum();
        sums.set(index, sum);
        sum.add(histogram[side].counts[i] ?? 0);
      });
    }
    const indexes = [...sums.keys()].sort((a, b) => a - b);
    return withoutEmpty(
      indexes,
      indexes.map((index) => sums.get(index)?.value ?? 0),
    );
  };
  const { reset, collided } = resetOf(all);
  const histogram = {
    ...first,
    reset,
    count: total(({ count }) => count),
    sum: total(({ sum }) => sum),
    zeroCount: total(({ zeroCount }) => zeroCount),
    positive: buckets('positive'),
    negative: buckets('negative'),
    gauge: all.some(({ gauge }) => gauge),
  };
  return { histogram, reconciled: made.reconciled, collided };
}

/** The mean; each is divided first where the sum would be too large. */
export function averaged(all: readonly Histogram[]): Combined | null {
  const sum = summed(all);
  if (!sum) return null;
  const whole = divided(sum.histogram, all.length);
  if (!overflows(sum.histogram)) return { ...sum, histogram: whole };
  return summed(all.map((one) => divided(one, all.length)));
}

function overflows({ count, sum, zeroCount, positive, negative }: Histogram): boolean {
  return [count, sum, zeroCount, ...positive.counts, ...negative.counts].some(
    (value) => value === Infinity || value === -Infinity,
  );
}

/** Of one resolution and one zero bucket, or of the custom bounds that all have. */
function alike(all: readonly Histogram[]): { histograms: Histogram[]; reconciled: boolean } | null {
  const [first] = all as [Histogram];
  if (all.some((one) => isCustom(one) !== isCustom(first))) return null;
  if (isCustom(first)) {
    const differ = all.some((one) => !sameBounds(one.bounds, first.bounds));
    if (!differ) return { histograms: [...all], reconciled: false };
    const bounds = all.reduce<readonly number[]>(
      (common, one) => commonBounds(common, one.bounds),
      first.bounds,
    );
    return {
      histograms: all.map((one) => ({ ...one, bounds, positive: toBounds(one, bounds) })),
      reconciled: true,
    };
  }
  const schema = all.reduce((least, one) => Math.min(least, one.schema), Infinity);
  let histograms = all.map((one) => reduced(one, schema));
  let threshold = -1;
  for (;;) {
    const widest = histograms.reduce((most, one) => Math.max(most, one.zeroThreshold), 0);
    if (widest === threshold) return { histograms, reconciled: false };
    threshold = widest;
    histograms = histograms.map((one) => withZeroThreshold(one, widest));
  }
}

/** With a resolution no finer than `schema`. */
export function reduced(histogram: Histogram, schema: number): Histogram {
  const steps = histogram.schema - schema;
  if (steps <= 0 || isCustom(histogram)) return histogram;
  return {
    ...histogram,
    schema,
    positive: coarser(histogram.positive, steps),
    negative: coarser(histogram.negative, steps),
  };
}

/** Whether a counter started again between two samples: something of `before` is gone. */
export function wasReset(now: Histogram, before: Histogram): boolean {
  if (now.reset !== undefined) return now.reset;
  if (now.count < before.count) return true;
  if (isCustom(now)) {
    if (!isCustom(before)) return true;
    const bounds = sameBounds(now.bounds, before.bounds)
      ? now.bounds
      : commonBounds(now.bounds, before.bounds);
    return anyFell(toBounds(now, bounds), toBounds(before, bounds));
  }
  // Resolution rises, and the zero bucket shrinks, only where the counter is new.
  if (isCustom(before) || now.schema > before.schema || now.zeroThreshold < before.zeroThreshold) return true;
  const widened = withZeroThreshold(before, now.zeroThreshold);
  if (widened.zeroThreshold !== now.zeroThreshold || now.zeroCount < widened.zeroCount) return true;
  const old = reduced(widened, now.schema);
  return anyFell(now.positive, old.positive) || anyFell(now.negative, old.negative);
}

/**
 * Whether the counter began anew, as Prometheus tells it of stored samples: false where it went on, and undefined where it did
 * not or that is not certain, as with another resolution.
 */
export function storedHint(now: Histogram, before: Histogram): false | undefined {
  const alike =
    now.schema === before.schema &&
    now.zeroThreshold === before.zeroThreshold &&
    sameBounds(now.bounds, before.bounds);
  return alike && !wasReset(now, before) ? false : undefined;
}

export function sameHistogram(a: Histogram, b: Histogram): boolean {
  return (
    a.schema === b.schema &&
    Object.is(a.count, b.count) &&
    Object.is(a.sum, b.sum) &&
    a.zeroThreshold === b.zeroThreshold &&
    Object.is(a.zeroCount, b.zeroCount) &&
    sameBounds(a.bounds, b.bounds) &&
    sameBuckets(a.positive, b.positive) &&
    sameBuckets(a.negative, b.negative)
  );
}

/** The zero bucket is as wide as it has to be to hold that of both and no part of a bucket. */
function equalZeroBuckets(a: Histogram, b: Histogram): [Histogram, Histogram] {
  let [left, right] = [a, b];
  while (left.zeroThreshold !== right.zeroThreshold) {
    if (left.zeroThreshold < right.zeroThreshold) left = withZeroThreshold(left, right.zeroThreshold);
    else right = withZeroThreshold(right, left.zeroThreshold);
  }
  return [left, right];
}

/** A zero bucket of at least this width; wider where it would end within a bucket. */
function withZeroThreshold(histogram: Histogram, least: number): Histogram {
  if (histogram.zeroThreshold >= least) return histogram;
  let threshold = least;
  for (;;) {
    const within = [histogram.positive, histogram.negative]
      .flatMap(({ indexes }) => indexes)
      .find(
        (index) => upperBound(index - 1, histogram) < threshold && upperBound(index, histogram) > threshold,
      );
    if (within === undefined) break;
    threshold = upperBound(within, histogram);
  }
  const outside = (side: Buckets): [number, Buckets] => {
    const first = side.indexes.findIndex((index) => upperBound(index, histogram) > threshold);
    const at = first < 0 ? side.indexes.length : first;
    const inner = side.counts.slice(0, at).reduce((sum, count) => sum + count, 0);
    return [inner, { indexes: side.indexes.slice(at), counts: side.counts.slice(at) }];
  };
  const [innerPositive, positive] = outside(histogram.positive);
  const [innerNegative, negative] = outside(histogram.negative);
  return {
    ...histogram,
    zeroThreshold: threshold,
    zeroCount: histogram.zeroCount + innerPositive + innerNegative,
    positive,
    negative,
  };
}

function sameBounds(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((bound, i) => bound === b[i]));
}

function commonBounds(a: readonly number[], b: readonly number[]): number[] {
  const known = new Set(b);
  return a.filter((bound) => known.has(bound));
}

/** Custom buckets put into those of fewer bounds. */
function toBounds({ bounds, positive }: Histogram, target: readonly number[]): Buckets {
  if (target === bounds) return positive;
  let at = 0;
  return joined(positive.indexes, positive.counts, (index) => {
    const bound = bounds[index] ?? Infinity;
    while (at < target.length && (target[at] ?? 0) < bound) at++;
    return at;
  });
}
