import type { RangeKernel } from './windows.js';

/**
 * Minimum or maximum of a sliding window in constant time a step: a queue of the samples that can still
 * become the extremum, the current one in front. NaN counts only in a window that has nothing else.
 */
export function extremum(which: 'min' | 'max', give: 'value' | 'time'): RangeKernel {
  return ({ times, values }) => {
    const queue = new Int32Array(values.length);
    let head = 0;
    let tail = 0;
    let next = 0;
    // For the time of an extremum the last of equal samples counts; for values it makes no difference.
    const beaten = (old: number, value: number) => (which === 'min' ? old >= value : old <= value);
    return (low, high) => {
      for (; next < high; next++) {
        const value = values[next] ?? NaN;
        if (Number.isNaN(value)) continue;
        while (tail > head && beaten(values[queue[tail - 1] ?? 0] ?? 0, value)) tail--;
        queue[tail++] = next;
      }
      while (head < tail && (queue[head] ?? 0) < low) head++;
      const at = head < tail ? (queue[head] ?? 0) : high - 1;
      return give === 'value' ? (values[at] ?? NaN) : (times[at] ?? NaN) / 1000;
    };
  };
}
