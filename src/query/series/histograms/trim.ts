import { hasBuckets, mapCounts, type Buckets } from './buckets.js';
import { isCustom, upperBound, type Histogram } from './histogram.js';
import { fractionBelow } from './statistics.js';

interface Part {
  readonly count: number;
  /** Where its observations are taken to be. */
  readonly middle: number;
}

/**
 * The observations up to (`side` upper) or from (lower) a number on; a bucket in which it falls is divided. The sum is
 * estimated anew when anything was cut off.
 */
export function trimmed(histogram: Histogram, at: number, side: 'upper' | 'lower'): Histogram {
  const parts: Part[] = [];
  let changed = false;
  const cut = (buckets: Buckets, positive: boolean): Buckets => {
    let i = 0;
    return mapCounts(buckets, (count) => {
      const index = buckets.indexes[i++] ?? 0;
      const [near, far] = [upperBound(index - 1, histogram), upperBound(index, histogram)];
      const part = kept(
        positive ? [near, far] : [-far, -near],
        count,
        at,
        side,
        positive,
        isCustom(histogram),
      );
      if (part.count !== count) changed = true;
      parts.push(part);
      return part.count;
    });
  };
  const positive = cut(histogram.positive, true);
  const negative = cut(histogram.negative, false);
  let { zeroCount } = histogram;
  if (zeroCount > 0) {
    const part = keptOfZero(histogram, at, side);
    if (part.count !== zeroCount) changed = true;
    zeroCount = part.count;
    parts.push(part);
  }
  if (!changed) return histogram;
  return {
    ...histogram,
    positive,
    negative,
    zeroCount,
    count: parts.reduce((sum, part) => sum + part.count, 0),
    sum: parts.reduce((sum, part) => sum + part.middle * part.count, 0),
  };
}

function kept(
  [lower, upper]: readonly [number, number],
  count: number,
  at: number,
  side: 'upper' | 'lower',
  positive: boolean,
  linear: boolean,
): Part {
  const [whole, divided] = side === 'upper' ? [upper <= at, lower < at] : [lower >= at, upper > at];
  if (whole) return { count, middle: middle(lower, upper, positive, linear) };
  if (!divided) return { count: 0, middle: 0 };
  if (lower === -Infinity) return ofLowest(upper, count, at, side);
  if (upper === Infinity) {
    return side === 'lower' ? { count, middle: at } : { count: 0, middle: 0 };
  }
  const below = count * fractionBelow(lower, upper, at, linear);
  return side === 'upper'
    ? { count: below, middle: middle(lower, at, positive, linear) }
    : { count: count - below, middle: middle(at, upper, positive, linear) };
}

/** The bucket without a lower bound; it is taken to begin at 0 when it ends above. */
function ofLowest(upper: number, count: number, at: number, side: 'upper' | 'lower'): Part {
  if (side === 'upper') {
    if (at > 0 && upper > 0 && upper !== Infinity) return { count: (count * at) / upper, middle: at / 2 };
    return upper <= 0 ? { count, middle: at } : { count: 0, middle: 0 };
  }
  if (at >= 0 && upper > at && upper !== Infinity) {
    return { count: count * (1 - at / upper), middle: (at + upper) / 2 };
  }
  return { count: 0, middle: 0 };
}

function keptOfZero(
  { zeroThreshold, zeroCount, positive, negative }: Histogram,
  at: number,
  side: 'upper' | 'lower',
): Part {
  const [hasPositive, hasNegative] = [hasBuckets(positive), hasBuckets(negative)];
  const lower = hasPositive && !hasNegative ? 0 : -zeroThreshold;
  const upper = hasNegative && !hasPositive ? 0 : zeroThreshold;
  if (side === 'upper' ? at >= upper : at <= lower) return { count: zeroCount, middle: (lower + upper) / 2 };
  if (side === 'upper' ? at <= lower : at >= upper) return { count: 0, middle: 0 };
  const share = (side === 'upper' ? at - lower : upper - at) / (upper - lower);
  return { count: zeroCount * share, middle: side === 'upper' ? (lower + at) / 2 : (at + upper) / 2 };
}

function middle(lower: number, upper: number, positive: boolean, linear: boolean): number {
  if (!Number.isFinite(lower)) {
    if (!Number.isFinite(upper)) return 0;
    return upper > 0 ? upper / 2 : upper;
  }
  if (!Number.isFinite(upper)) return lower;
  if (linear) return (lower + upper) / 2;
  const between = Math.sqrt(Math.abs(lower * upper));
  return positive ? between : -between;
}
