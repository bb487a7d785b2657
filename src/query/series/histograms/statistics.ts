import { hasBuckets } from './buckets.js';
import { bucketsOf, isCustom, type Bucket, type Histogram } from './histogram.js';

/** What a result says about its input. */
type Remark = 'nan-result' | 'nan-skew' | 'nan-excluded';

export interface Judged {
  readonly value: number;
  readonly remark?: Remark;
}

/** histogram_quantile: exponential interpolation within a bucket, linear in the zero bucket and in custom ones. */
export function quantileOf(histogram: Histogram, q: number): Judged {
  if (q < 0) return { value: -Infinity };
  if (q > 1) return { value: Infinity };
  if (histogram.count === 0 || Number.isNaN(q)) return { value: NaN };
  // Observations of NaN are in the count, and in no bucket.
  const nan = Number.isNaN(histogram.sum);
  const forwards = nan || q < 0.5;
  const all = bucketsOf(histogram);
  if (!forwards) all.reverse();
  let rank = (forwards ? q : 1 - q) * histogram.count;
  let count = 0;
  let bucket: Bucket = { lower: 0, upper: 0, lowerInclusive: true, upperInclusive: true, count: 0 };
  let next = 0;
  for (; next < all.length && (next === 0 || count < rank); next++) {
    bucket = all[next] ?? bucket;
    count += bucket.count;
  }
  const { lower, upper } = finiteBounds(histogram, bucket);
  if (isCustom(histogram)) {
    if (lower === -Infinity) return { value: upper };
    if (upper === Infinity && bucket.lower !== -Infinity) return { value: lower };
  }
  count = Math.min(count, histogram.count);
  if (count < rank) return nan ? { value: NaN, remark: 'nan-result' } : { value: upper };
  rank = forwards ? rank - (count - bucket.count) : count - rank;
  const remark = nan && count + rest(all, next) < histogram.count ? { remark: 'nan-skew' as const } : {};
  const fraction = rank / bucket.count;
  if (isCustom(histogram) || (lower <= 0 && upper >= 0)) {
    return { value: lower + (upper - lower) * fraction, ...remark };
  }
  const [low, high] = [Math.log2(Math.abs(lower)), Math.log2(Math.abs(upper))];
  const value =
    lower > 0 ? 2 ** (low + (high - low) * fraction) : -(2 ** (high + (low - high) * (1 - fraction)));
  return { value, ...remark };
}

/** histogram_fraction: the share of observations between two values. */
export function fractionOf(histogram: Histogram, lower: number, upper: number): Judged {
  if (histogram.count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return { value: NaN };
  if (lower >= upper) return { value: 0 };
  const all = bucketsOf(histogram);
  const nan = Number.isNaN(histogram.sum);
  const inBuckets = rest(all, 0);
  const total = nan ? inBuckets : histogram.count;
  const below = (value: number) => Math.min(total, countBelow(histogram, all, value, total));
  const value = (below(upper) - below(lower)) / histogram.count;
  return nan && inBuckets < histogram.count ? { value, remark: 'nan-excluded' } : { value };
}

function countBelow(histogram: Histogram, all: readonly Bucket[], value: number, total: number): number {
  let rank = 0;
  for (const bucket of all) {
    const { lower, upper } = finiteBounds(histogram, bucket);
    if (lower >= value) return rank;
    if (upper > value) {
      if (lower === -Infinity) return bucket.count;
      const linear = isCustom(histogram) || (lower <= 0 && upper >= 0);
      return rank + bucket.count * fractionBelow(lower, upper, value, linear);
    }
    rank += bucket.count;
  }
  return total;
}

/** The share of a bucket that is below a value within it. */
export function fractionBelow(lower: number, upper: number, value: number, linear: boolean): number {
  if (linear) return (value - lower) / (upper - lower);
  const [low, high, at] = [lower, upper, value].map((bound) => Math.log2(Math.abs(bound))) as [
    number,
    number,
    number,
  ];
  return value > 0 ? (at - low) / (high - low) : 1 - (at - high) / (low - high);
}

/** 0 is taken for the bound of a zero bucket to which nothing is beyond, and of a first custom bucket. */
function finiteBounds(histogram: Histogram, { lower, upper }: Bucket): { lower: number; upper: number } {
  if (isCustom(histogram)) return { lower: lower === -Infinity && upper > 0 ? 0 : lower, upper };
  if (!(lower <= 0 && upper >= 0)) return { lower, upper };
  const [negative, positive] = [hasBuckets(histogram.negative), hasBuckets(histogram.positive)];
  if (positive && !negative) return { lower: 0, upper };
  return negative && !positive ? { lower, upper: 0 } : { lower, upper };
}

/** Estimated variance: each bucket's observations are taken to be at its middle. */
export function varianceOf(histogram: Histogram): number {
  const mean = histogram.sum / histogram.count;
  let sum = 0;
  let correction = 0;
  for (const bucket of bucketsOf(histogram)) {
    if (bucket.count === 0) continue;
    const delta = middleOf(histogram, bucket) - mean;
    const add = bucket.count * delta * delta;
    const next = sum + add;
    if (Number.isFinite(next))
      correction += Math.abs(sum) >= Math.abs(add) ? sum - next + add : add - next + sum;
    sum = next;
  }
  return (sum + correction) / histogram.count;
}

function middleOf(histogram: Histogram, { lower, upper }: Bucket): number {
  if (isCustom(histogram)) return (lower + upper) / 2;
  if (lower <= 0 && upper >= 0) return 0;
  const middle = Math.sqrt(Math.abs(upper) * Math.abs(lower));
  return upper < 0 ? -middle : middle;
}

function rest(all: readonly Bucket[], from: number): number {
  let count = 0;
  for (let i = from; i < all.length; i++) count += all[i]?.count ?? 0;
  return count;
}
