import type { Grid } from '../../series/grid.js';

/** The steps at which a metric query is evaluated. In nanoseconds, as the edges of windows are told apart by them. */
export interface Steps {
  /** First step, since the epoch. */
  readonly start: bigint;
  /** Between steps; any positive value when there is one step only. */
  readonly step: number;
  readonly count: number;
}

const millisecond = 1_000_000;
/** Loki splits range queries into hours where nothing says otherwise, and never into less than their longest range. */
const split = 3_600_000 * millisecond;

interface Range {
  readonly start: bigint;
  readonly end: bigint;
  /** Nanoseconds. */
  readonly step: number;
}

/**
 * The steps of a range query whose longest range that is. As Loki, which splits it at multiples of its step, and then has it begin and
 * end at such as well: the one before its start, and the one after its end.
 */
export function stepsOf({ start, end, step }: Range, longest: number): Steps {
  const unit = BigInt(Math.floor(step / millisecond) * millisecond);
  const splits = unit > 0n && step < Math.max(split, longest) && start < end;
  const past = (time: bigint) => (splits ? ((time % unit) + unit) % unit : 0n);
  const first = start - past(start);
  const last = end + (past(end) === 0n ? 0n : unit - past(end));
  return { start: first, step, count: Number((last - first) / BigInt(step)) + 1 };
}

export function gridOf({ start, step, count }: Steps): Grid {
  const ms = Number(start / 1_000_000n) + Number(start % 1_000_000n) / 1e6;
  return { start: ms, step: step / 1e6, count };
}
