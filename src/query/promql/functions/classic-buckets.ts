/** Cumulative counts by upper bound, rising, of one classic histogram at one step. */
export interface Buckets {
  readonly bounds: number[];
  readonly counts: number[];
}

/** Where counts fell from one bucket to the next, and by how much. */
export interface Fall {
  readonly lowest: number;
  readonly highest: number;
  readonly most: number;
}

/** Relative difference up to which a falling count is taken for floating-point noise. */
const tolerance = 1e-12;

/** The bound that an `le` label names; undefined when it is none. */
export function leBound(text: string): number | undefined {
  if (/^[+]?inf(inity)?$/i.test(text)) return Infinity;
  if (/^-inf(inity)?$/i.test(text)) return -Infinity;
  const value = text.trim() === '' ? NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}

/** Makes counts that fall, or differ by noise, stay as they were; gives the falls that are more than noise. */
function ensureMonotonic({ bounds, counts }: Buckets): Fall | undefined {
  let fall: Fall | undefined;
  let before = counts[0] ?? 0;
  for (let i = 1; i < counts.length; i++) {
    const count = counts[i] ?? 0;
    const noise =
      Math.abs(count - before) < tolerance * Math.min(Math.abs(count) + Math.abs(before), Number.MAX_VALUE);
    if (!noise && !(count < before)) {
      before = count;
      continue;
    }
    counts[i] = before;
    if (noise) continue;
    const bound = bounds[i] ?? NaN;
    const most = Math.max(fall?.most ?? 0, before - count);
    fall = { lowest: fall?.lowest ?? bound, highest: bound, most };
  }
  return fall;
}

/** histogram_quantile of classic buckets: linear within a bucket; the lowest starts at 0 when its bound is positive. */
export function bucketQuantile(q: number, buckets: Buckets, fell: (fall: Fall) => void): number {
  const { bounds, counts } = buckets;
  if (Number.isNaN(q)) return NaN;
  if (q < 0) return -Infinity;
  if (q > 1) return Infinity;
  const last = bounds.length - 1;
  if (bounds[last] !== Infinity) return NaN;
  const fall = ensureMonotonic(buckets);
  if (fall) fell(fall);
  if (last < 1) return NaN;
  const observations = counts[last] ?? 0;
  if (observations === 0 || Number.isNaN(observations)) return NaN;
  const rank = q * observations;
  let at = counts.findIndex((count) => count >= rank);
  if (at < 0 || at > last) at = last;
  if (at === last) return bounds[last - 1] ?? NaN;
  const upper = bounds[at] ?? NaN;
  if (at === 0 && upper <= 0) return upper;
  const lower = at === 0 ? 0 : (bounds[at - 1] ?? NaN);
  const below = at === 0 ? 0 : (counts[at - 1] ?? NaN);
  return lower + (upper - lower) * ((rank - below) / ((counts[at] ?? NaN) - below));
}

/** histogram_fraction of classic buckets: the share of observations between two values. */
export function bucketFraction(lower: number, upper: number, { bounds, counts }: Buckets): number {
  const last = bounds.length - 1;
  if (bounds[last] !== Infinity) return NaN;
  const total = counts[last] ?? NaN;
  if (total === 0 || Number.isNaN(total) || Number.isNaN(lower) || Number.isNaN(upper)) return NaN;
  if (lower >= upper) return 0;
  const rank = (value: number) => Math.min(total, rankOf(value, bounds, counts));
  return (rank(upper) - rank(lower)) / total;
}

/** Observations below the value, linear within its bucket. */
function rankOf(value: number, bounds: readonly number[], counts: readonly number[]): number {
  for (let i = 0; i < bounds.length; i++) {
    const low = i > 0 ? (bounds[i - 1] ?? NaN) : (bounds[0] ?? 0) <= 0 ? -Infinity : 0;
    const below = i > 0 ? (counts[i - 1] ?? 0) : 0;
    const high = bounds[i] ?? NaN;
    const count = counts[i] ?? 0;
    if (low >= value) return below;
    if (high <= value) continue;
    if (low === -Infinity) return count;
    if (high === Infinity) return below;
    return below + ((count - below) * (value - low)) / (high - low);
  }
  return counts.at(-1) ?? 0;
}
