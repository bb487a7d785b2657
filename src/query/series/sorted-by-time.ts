type Pair = [times: Float64Array<ArrayBuffer>, values: Float64Array<ArrayBuffer>];

/**
 * Stable sort by time of the first `length` samples. Rows come file by file, each in order, so what is there
 * are a few rising runs, which are merged in pairs; the given arrays serve as room for that.
 */
export function sortedByTime(
  times: Float64Array<ArrayBuffer>,
  values: Float64Array<ArrayBuffer>,
  length: number,
): Pair {
  let from: Pair = [times, values];
  let to: Pair = [new Float64Array(times.length), new Float64Array(values.length)];
  let ends = runEnds(times, length);
  while (ends.length > 1) {
    const merged: number[] = [];
    let start = 0;
    for (let r = 0; r < ends.length; r += 2) {
      const middle = ends[r] ?? length;
      const end = ends[r + 1] ?? middle;
      mergeRuns(from, to, start, middle, end);
      merged.push(end);
      start = end;
    }
    [from, to] = [to, from];
    ends = merged;
  }
  return from;
}

function runEnds(times: Float64Array, length: number): number[] {
  const ends: number[] = [];
  for (let i = 1; i < length; i++) if ((times[i] ?? 0) < (times[i - 1] ?? 0)) ends.push(i);
  ends.push(length);
  return ends;
}

function mergeRuns(from: Pair, to: Pair, start: number, middle: number, end: number): void {
  const [times, values] = from;
  const [outTimes, outValues] = to;
  let left = start;
  let right = middle;
  for (let out = start; out < end; out++) {
    const takeLeft = right >= end || (left < middle && (times[left] ?? 0) <= (times[right] ?? 0));
    const at = takeLeft ? left++ : right++;
    outTimes[out] = times[at] ?? 0;
    outValues[out] = values[at] ?? 0;
  }
}
