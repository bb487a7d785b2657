import type { ClockReading, RetentionDay, RetentionHeld } from '../types.js';
import { dayMs, isoDay, shareOf, type Due, type RetentionDone } from './retention.js';

export interface PlanOptions {
  readonly cutoff: Date;
  readonly due: Due;
  readonly done: RetentionDone | null;
  readonly time: ClockReading;
  readonly retentionDays: number;
  /** Part of the lake, 0 to 1, beyond which a person is asked. */
  readonly maxShare: number;
  readonly confirm: string | undefined;
}

export interface RetentionPlan {
  /** Delete what is before it; null deletes nothing now. */
  readonly cutoff: Date | null;
  /** True when more is due, which goes day by day. */
  readonly partial: boolean;
  readonly held: RetentionHeld | null;
}

/**
 * Whether what is due may go without a person's word. One more day for each day that nodes have run since the last run is what
 * retention is for. More than that is plausible up to `maxShare`: after a pause that much more goes a day, the oldest first; after
 * anything else (retention made shorter, a first run, rows that were old when they came) it waits for a word.
 */
export function planRetention(options: PlanOptions): RetentionPlan {
  const { cutoff, due, done, time, retentionDays, maxShare, confirm } = options;
  if (confirm !== undefined) {
    if (confirm === isoDay(cutoff)) return { cutoff, partial: false, held: null };
    return hold(options, `the word was for ${confirm}, but what is older than ${isoDay(cutoff)} is due`);
  }
  if (time.contradiction !== null && due.days.length === 0)
    return { cutoff: null, partial: false, held: null };
  if (time.contradiction !== null) return hold(options, time.contradiction.reason);
  const step = done === null ? Infinity : cutoff.getTime() - done.cutoffMs;
  const same = done?.retentionDays === retentionDays;
  const explainedBy = (elapsedMs: number) => same && step <= daysOf(elapsedMs) * dayMs;
  const ran = done !== null && explainedBy(time.provenMs - done.provenMs);
  // Rows from before the last cutoff came since, already too old.
  const unexplained = ran ? due.days.filter(({ day }) => Date.parse(day) < done.cutoffMs) : due.days;
  if (shareOf(unexplained, due) <= maxShare) return { cutoff, partial: false, held: null };
  if (!ran && done !== null && explainedBy(time.lakeMs - done.lakeMs)) {
    if (done.partial && time.provenMs - done.provenMs < dayMs) {
      return { cutoff: null, partial: true, held: null };
    }
    const until = largestPart(due, maxShare, daysOf(time.provenMs - done.provenMs));
    if (until !== null) return { cutoff: until, partial: true, held: null };
  }
  const percent = (part: number) => `${Math.round(part * 1000) / 10} %`;
  return hold(
    options,
    `${percent(shareOf(due.days, due))} of the lake is older than ${retentionDays} days, more than the ` +
      `${percent(maxShare)} that go without a word (CANARDSTACK_RETENTION_MAX_SHARE_PERCENT)`,
  );
}

/** Midnights that may have passed. */
function daysOf(elapsedMs: number): number {
  return Math.ceil(elapsedMs / dayMs);
}

/**
 * The latest midnight before which no more than `maxShare` of the lake lies, its `free` oldest days not counted; null when
 * there is none.
 */
function largestPart(due: Due, maxShare: number, free: number): Date | null {
  let found: Date | null = null;
  const days = [...new Set(due.days.map((each) => each.day))].sort();
  for (const day of days) {
    const counted = new Set(days.slice(free));
    const until: RetentionDay[] = due.days.filter((each) => each.day <= day && counted.has(each.day));
    if (shareOf(until, due) > maxShare) break;
    found = new Date(Date.parse(day) + dayMs);
  }
  return found;
}

function hold({ cutoff, time }: PlanOptions, reason: string): RetentionPlan {
  const confirm = isoDay(cutoff);
  const word = `canardstack catalog retention --yes-delete-before ${confirm}`;
  const how =
    time.contradiction === null
      ? `look at what would go (canardstack catalog retention --dry-run), then: ${word}`
      : `${time.contradiction.cure}; or, for what is older than ${confirm} all the same: ${word}`;
  return { cutoff: null, partial: false, held: { reason, confirm, how } };
}
