/**
 * The first of the places `from` to `until` whose time is not before `time`. Samples mostly come at even distances, so that it is near
 * to where it would be then.
 */
export function lowerBound(times: Uint32Array, from: number, until: number, time: number): number {
  if (from >= until || (times[from] ?? 0) >= time) return from;
  const [begin, end] = [times[from] ?? 0, times[until - 1] ?? 0];
  if (end < time) return until;
  // From here on times[low] < time <= times[high].
  let [low, high] = [from, until - 1];
  const share = Math.floor(((time - begin) / (end - begin)) * (high - low));
  const guess = low + Math.max(1, Math.min(share, high - low - 1));
  for (let step = 1, at = guess; at > low && at < high; step *= 4) {
    const before = (times[at] ?? 0) < time;
    if (before) low = at;
    else high = at;
    at = before ? low + step : high - step;
    if (high - low <= step) break;
  }
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) < time) low = middle;
    else high = middle;
  }
  return high;
}
