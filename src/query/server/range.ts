import type { QueryLimits } from './guard.js';

/**
 * Where reading starts (unix milliseconds) for a range that an API does not limit: as asked for, but of a range longer
 * than `maxRangeMs` only what retention keeps, as nothing is older.
 */
export function readFrom(
  fromMs: number,
  toMs: number,
  { maxRangeMs, retentionMs }: Pick<QueryLimits, 'maxRangeMs' | 'retentionMs'>,
): number {
  return toMs - fromMs <= maxRangeMs ? fromMs : Math.max(fromMs, Date.now() - retentionMs);
}
