import type { Fragment } from '../../sql/fragment.js';
import { timeWindow } from '../../sql/time-window.js';

export const second = 1_000_000_000n;
export const hour = 3600n * second;

/** Moments in nanoseconds since the epoch, half open. */
export interface TimeRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** Spans that start within the range. */
export function startsWithin({ start, end }: TimeRange): Fragment {
  return timeWindow(start, end, 'start_time_unix_nano');
}
