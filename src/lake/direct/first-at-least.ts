/** The place of the first that is not less; the length of all where each is. */
export function firstAtLeast<T extends number | bigint>(sorted: ArrayLike<T>, wanted: T): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as T) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
