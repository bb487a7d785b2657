import { plainDecimal } from '../../text/numbers.js';

/** Upper bounds of the classic buckets of a histogram, as `le` values, `+Inf` last. */
export function bucketBounds(bounds: readonly number[]): string[] {
  return [...bounds.map(plainDecimal), '+Inf'];
}

/** Cumulative counts for each bound; the last is all observations. */
export function cumulative(counts: readonly number[], bounds: number, total: number): number[] {
  const out: number[] = [];
  let sum = 0;
  for (let i = 0; i < bounds; i++) {
    sum += counts[i] ?? 0;
    out.push(sum);
  }
  out.push(total);
  return out;
}

/** One data point of an exponential histogram (OTLP metrics data model, "ExponentialHistogram"). */
export interface ExponentialPoint {
  readonly micros: number;
  readonly stale: boolean;
  readonly count: number;
  readonly sum: number;
  readonly scale: number;
  readonly zeroCount: number;
  readonly zeroThreshold: number;
  readonly positiveOffset: number;
  readonly positive: readonly number[];
  readonly negativeOffset: number;
  readonly negative: readonly number[];
}

type Extents = [number, number, number, number];

const mostBuckets = 160;
const coarsestScale = -10;

/** Bucket indexes of one side over all points, once each point is brought to `scale`. */
function extent(
  points: readonly ExponentialPoint[],
  scale: number,
  side: 'positive' | 'negative',
): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const point of points) {
    const [counts, offset] = sideOf(point, side);
    const shift = point.scale - scale;
    const first = counts.findIndex((count) => count > 0);
    if (first < 0) continue;
    low = Math.min(low, rescaled(offset + first, shift));
    high = Math.max(high, rescaled(offset + counts.findLastIndex((count) => count > 0), shift));
  }
  return [low, high];
}

function sideOf(point: ExponentialPoint, side: 'positive' | 'negative'): [readonly number[], number] {
  return side === 'positive'
    ? [point.positive, point.positiveOffset]
    : [point.negative, point.negativeOffset];
}

/** Each step down in scale joins two neighbours: index i becomes floor(i / 2). */
function rescaled(index: number, shift: number): number {
  return Math.floor(index / 2 ** shift);
}

export interface ExponentialBuckets {
  /** `le` values, rising, `+Inf` last. */
  readonly bounds: string[];
  /** Cumulative counts of one point at each bound. */
  readonly counts: (point: ExponentialPoint) => number[];
}

/**
 * Classic buckets that are exact for all of the points: the coarsest scale among them (coarser still when
 * the range needs it) and every bucket that any point has used, so that each `le` exists at all times.
 */
export function exponentialBuckets(points: readonly ExponentialPoint[]): ExponentialBuckets {
  const live = points.filter((point) => !point.stale);
  let scale = live.reduce((least, point) => Math.min(least, point.scale), 20);
  let [low, high, negLow, negHigh]: Extents = [
    ...extent(live, scale, 'positive'),
    ...extent(live, scale, 'negative'),
  ];
  while (scale > coarsestScale && span(low, high) + span(negLow, negHigh) > mostBuckets) {
    scale--;
    [low, high, negLow, negHigh] = [low, high, negLow, negHigh].map((i) => rescaled(i, 1)) as Extents;
  }
  const threshold = live.reduce((most, point) => Math.max(most, point.zeroThreshold), 0);
  const edge = (index: number) => 2 ** (index * 2 ** -scale);
  const uppers: number[] = [];
  // Negative bucket i holds [-base^(i+1), -base^i), so its upper bound is -base^i.
  for (let i = negHigh; i >= negLow; i--) uppers.push(-edge(i));
  uppers.push(threshold);
  if (high >= low) for (let i = low; i <= high + 1; i++) uppers.push(edge(i));
  const bounds = uppers.filter((bound, i) => i === 0 || bound > (uppers[i - 1] ?? 0));
  const counts = (point: ExponentialPoint): number[] => {
    const shift = point.scale - scale;
    const masses: [number, number][] = [[threshold, point.zeroCount]];
    point.negative.forEach((count, i) =>
      masses.push([-edge(rescaled(point.negativeOffset + i, shift)), count]),
    );
    point.positive.forEach((count, i) =>
      masses.push([edge(rescaled(point.positiveOffset + i, shift) + 1), count]),
    );
    const out = new Array<number>(bounds.length).fill(0);
    for (const [upper, count] of masses) {
      const at = firstAtLeast(bounds, upper);
      if (at < bounds.length) out[at] = (out[at] ?? 0) + count;
    }
    return cumulative(out, bounds.length, point.count);
  };
  return { bounds: bucketBounds(bounds), counts };
}

function span(low: number, high: number): number {
  return high < low ? 0 : high - low + 1;
}

function firstAtLeast(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
