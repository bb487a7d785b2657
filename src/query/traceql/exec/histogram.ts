import { literal } from '../../sql/literal.js';
import type { Label } from './metrics-options.js';

/** Numbers are put into buckets as they are, durations (seconds) by their nanoseconds. */
export const durationScale = 1e9;

/** The least power of two that is not below the value, in the value's own unit. */
export function bucketOf(value: number, scale: number): number {
  const scaled = Math.round(value * scale * 1e6) / 1e6;
  return (scaled <= 1 ? 1 : 2 ** Math.ceil(Math.log2(scaled))) / scale;
}

/** The same in SQL. */
export function bucketSql(value: string, scale: number): string {
  const scaled = `${value} * ${literal(scale)}`;
  return `CASE WHEN ${scaled} <= 1 THEN 1e0 ELSE pow(2, ceil(log2(round(${scaled}, 6)))) END / ${literal(scale)}`;
}

export function bucketLabel(bound: number): Label {
  return ['__bucket', { type: 'float', value: bound }];
}
