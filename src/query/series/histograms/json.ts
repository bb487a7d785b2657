import { floatText, shortG } from '../../text/numbers.js';
import { bucketsOf, type Histogram } from './histogram.js';

/**
 * A native histogram as Prometheus' HTTP API gives it: count, sum, and of each bucket that holds something which bounds
 * are part of it (0: the upper, 1: the lower, 2: none, 3: both), the bounds and the count.
 */
export function histogramJson(histogram: Histogram): string {
  const quoted = (value: number) => `"${floatText(value)}"`;
  const buckets = bucketsOf(histogram)
    .filter(({ count }) => count !== 0)
    .map(({ lower, upper, lowerInclusive, upperInclusive, count }) => {
      const rule = lowerInclusive ? (upperInclusive ? 3 : 1) : upperInclusive ? 0 : 2;
      return `[${rule},${quoted(lower)},${quoted(upper)},${quoted(count)}]`;
    });
  const listed = buckets.length > 0 ? `,"buckets":[${buckets.join(',')}]` : '';
  return `{"count":${quoted(histogram.count)},"sum":${quoted(histogram.sum)}${listed}}`;
}

/**
 * In one line, as Prometheus prints it: `{count:4, sum:5, (0.5,1]:1, (1,2]:3}`. Other than in JSON, a zero bucket with a
 * negative count is there.
 */
export function histogramText(histogram: Histogram): string {
  const buckets = bucketsOf(histogram, true)
    .filter(({ count }) => count !== 0)
    .map(({ lower, upper, lowerInclusive, upperInclusive, count }) => {
      const [open, close] = [lowerInclusive ? '[' : '(', upperInclusive ? ']' : ')'];
      return `, ${open}${shortG(lower)},${shortG(upper)}${close}:${shortG(count)}`;
    });
  return `{count:${shortG(histogram.count)}, sum:${shortG(histogram.sum)}${buckets.join('')}}`;
}
