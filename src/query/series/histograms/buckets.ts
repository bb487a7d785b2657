/** Counts by bucket index, indexes rising. Buckets that are not listed are empty. */
export interface Buckets {
  readonly indexes: readonly number[];
  readonly counts: readonly number[];
  /** A stored side all of whose buckets are empty: it is there, which one that has no buckets is not. */
  readonly listed?: true;
}

export const noBuckets: Buckets = { indexes: [], counts: [] };
const allEmpty: Buckets = { ...noBuckets, listed: true };

/** Buckets from consecutive counts; index of the first. */
export function fromDense(first: number, counts: readonly number[]): Buckets {
  const indexes: number[] = [];
  const kept: number[] = [];
  counts.forEach((count, i) => {
    if (count === 0) return;
    indexes.push(first + i);
    kept.push(count);
  });
  return indexes.length === 0 && counts.length > 0 ? allEmpty : { indexes, counts: kept };
}

/** Whether the side has buckets, if only empty ones. */
export function hasBuckets({ indexes, listed }: Buckets): boolean {
  return listed === true || indexes.length > 0;
}

export function mapCounts({ indexes, counts }: Buckets, apply: (count: number) => number): Buckets {
  return withoutEmpty(indexes, counts.map(apply));
}

/** a + factor × b, of one resolution. */
export function addBuckets(a: Buckets, b: Buckets, factor: number): Buckets {
  if (b.indexes.length === 0) return a.listed ? noBuckets : a;
  const indexes: number[] = [];
  const counts: number[] = [];
  let [i, j] = [0, 0];
  while (i < a.indexes.length || j < b.indexes.length) {
    const left = a.indexes[i] ?? Infinity;
    const right = b.indexes[j] ?? Infinity;
    const index = Math.min(left, right);
    let count = 0;
    if (left === index) count += a.counts[i++] ?? 0;
    if (right === index) count += factor * (b.counts[j++] ?? 0);
    if (count === 0) continue;
    indexes.push(index);
    counts.push(count);
  }
  return { indexes, counts };
}

/** Each step down in resolution joins two neighbours; bucket i ends at base^i. */
export function coarser(buckets: Buckets, steps: number): Buckets {
  const { indexes, counts } = buckets;
  return buckets.listed
    ? buckets
    : joined(indexes, counts, (index) => Math.floor((index - 1) / 2 ** steps) + 1);
}

/** Puts counts where `target` says; it must not fall. */
export function joined(
  indexes: readonly number[],
  counts: readonly number[],
  target: (index: number) => number,
): Buckets {
  const out: number[] = [];
  const sums: number[] = [];
  indexes.forEach((index, i) => {
    const to = target(index);
    const last = out.length - 1;
    if (last >= 0 && out[last] === to) sums[last] = (sums[last] ?? 0) + (counts[i] ?? 0);
    else {
      out.push(to);
      sums.push(counts[i] ?? 0);
    }
  });
  return { indexes: out, counts: sums };
}

export function withoutEmpty(indexes: readonly number[], counts: readonly number[]): Buckets {
  if (!counts.includes(0)) return { indexes, counts };
  const kept = [...indexes.keys()].filter((i) => counts[i] !== 0);
  return { indexes: kept.map((i) => indexes[i] ?? 0), counts: kept.map((i) => counts[i] ?? 0) };
}

export function sameBuckets(a: Buckets, b: Buckets): boolean {
  return (
    a.indexes.length === b.indexes.length &&
    a.indexes.every((index, i) => index === b.indexes[i] && Object.is(a.counts[i], b.counts[i]))
  );
}

/** Whether a bucket of `before` holds more than the same one of `now`. */
export function anyFell(now: Buckets, before: Buckets): boolean {
  let j = 0;
  return before.indexes.some((index, i) => {
    while ((now.indexes[j] ?? Infinity) < index) j++;
    const count = now.indexes[j] === index ? (now.counts[j] ?? 0) : 0;
    return count < (before.counts[i] ?? 0);
  });
}
