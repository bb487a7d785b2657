import type { Value } from '../model/value.js';
import type { Label } from './metrics-options.js';

/** Durations are put into buckets by their nanoseconds, and are shown in seconds. */
export const durationScale = 1e9;

/**
 * The least power of two that is not below the value; durations in seconds. As in Tempo, whole numbers and durations from 2
 * on have a bucket, and other numbers none.
 */
export function bucketOf(value: Value): number | null {
  if ((value.type !== 'int' && value.type !== 'duration') || value.value < 2n) return null;
  const bits = (value.value - 1n).toString(2).length;
  return 2 ** bits / (value.type === 'duration' ? durationScale : 1);
}

/** The same in SQL, of a whole number; NULL without a bucket. */
export function bucketSql(whole: string, scale: number): string {
  // Doubles hold powers of two, but not every whole number below them: these are shifted instead of taken logarithms of.
  return `CASE WHEN ${whole} >= 2 THEN pow(2, length(ltrim(bin(CAST(${whole} AS BIGINT) - 1), '0'))) / ${scale} END`;
}

export function bucketLabel(bound: number): Label {
  return ['__bucket', { type: 'float', value: bound }];
}
