import { and } from '../../sql/fragment.js';
import type { MetadataWindow } from '../../sql/metadata.js';
import { timestamp } from '../../sql/time-window.js';

/** Conditions for `from < time <= to`, nanoseconds since the epoch. Of one column, which has statistics as each has. */
export function afterUntil(from: bigint, to: bigint): string[] {
  return [`time_unix_nano > ${from}`, `time_unix_nano <= ${to}`];
}

/**
 * `from <= time < to` for what is ordered by time and limited: a plain comparison of the column that it is ordered by would keep DuckDB
 * from leaving out the files that lie behind those of the rows found so far.
 */
export function orderedFromBefore(from: bigint, to: bigint): string[] {
  const [first, last] = [timestamp(from), timestamp(to - 1n)];
  return [
    `timestamp >= ${first}`,
    `timestamp <= ${last}`,
    `(timestamp > ${first} OR time_unix_nano >= ${from})`,
    `(timestamp < ${last} OR time_unix_nano < ${to})`,
  ];
}

/** `from <= time < to` for the metadata. */
export function metadataWindow(from: bigint, to: bigint): MetadataWindow {
  return { from, until: to, where: and(fromBefore(from, to)) };
}

/** Conditions for `from <= time < to`. */
export function fromBefore(from: bigint, to: bigint): string[] {
  return afterUntil(from - 1n, to - 1n);
}
