import { and } from '../../sql/fragment.js';
import type { MetadataWindow } from '../../sql/metadata.js';
import { timestamp } from '../../sql/time-window.js';

/** Conditions for `from < time <= to`, nanoseconds since the epoch; the timestamp column is there to prune files. */
export function afterUntil(from: bigint, to: bigint): string[] {
  return [
    `timestamp >= ${timestamp(from)}`,
    `timestamp <= ${timestamp(to)}`,
    `time_unix_nano > ${from}`,
    `time_unix_nano <= ${to}`,
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
