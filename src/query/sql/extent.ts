/** When several things were there that each come and go: their times are numbers of one unit. */
export interface Extent<T extends number | bigint> {
  /** The first and the last time of any of them. */
  readonly begin: T;
  readonly end: T;
  /** By then each of them has been there, and none has gone for good before. */
  readonly begunBy: T;
  readonly goesOnTo: T;
}

/**
 * By what it is known of each of them whether it was there in a window (from, until: the latter not included): all were, it is so by its
 * first or by its last time, or only what lies between these tells.
 */
export function toldBy<T extends number | bigint>(
  { begin, end, begunBy, goesOnTo }: Extent<T>,
  from: T,
  until: T,
): 'all' | 'first' | 'last' | 'all times' {
  if (begin >= from) return begunBy < until ? 'all' : 'first';
  if (end < until) return goesOnTo >= from ? 'all' : 'last';
  return 'all times';
}
