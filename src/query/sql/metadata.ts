import { unkept, type MetadataKind } from '../../lake/metadata/layout.js';
import type { ReadSession } from '../../lake/session.js';

/** Nanoseconds since the epoch: `from` (included) and `until` (not included). */
export interface MetadataWindow {
  readonly from: bigint;
  readonly until: bigint;
  /** The same as a condition on rows. */
  readonly where: string;
}

/**
 * What to select label sets or attribute keys of the window from: as few rows as are kept of each, else every row of the
 * table. `weighed`: `records` and `bytes` add up to what the rows have; without it only what is there counts.
 */
export async function metadataSource(
  session: ReadSession,
  kind: MetadataKind,
  window: MetadataWindow,
  weighed = false,
): Promise<string> {
  return (await keptSource(session, kind, window, weighed)).from;
}

/** The same; `kept`: from the cache, so that it may be read twice. */
export async function keptSource(
  session: ReadSession,
  kind: MetadataKind,
  window: MetadataWindow,
  weighed = false,
): Promise<{ readonly from: string; readonly kept: boolean }> {
  const { from, until, where } = window;
  const kept = (await session.metadata?.({ kind, from, until, where, weighed })) ?? null;
  return { from: kept ?? unkept(kind, where), kept: kept !== null };
}
