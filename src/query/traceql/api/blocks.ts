import type { QueryContext } from '../../server/guard.js';
import type { TimeRange } from '../model/time.js';

/** In Tempo's words: a block is a data file, and to look into one is a job. Members are absent where the files are not known. */
export interface BlockMetrics {
  readonly inspectedBytes?: string;
  readonly totalBlocks?: number;
  readonly completedJobs?: number;
  readonly totalJobs?: number;
  readonly totalBlockBytes?: string;
}

/** Tempo's SearchMetrics in protobuf's JSON mapping: 64-bit numbers are strings. */
export interface SearchMetrics extends BlockMetrics {
  readonly inspectedTraces?: number;
  readonly inspectedSpans: string;
}

/** Tempo's MetadataMetrics, which leave out a 0. */
export type ListingMetrics = Pick<BlockMetrics, 'inspectedBytes'>;

/** `rows`: those of the range were read, and not only what memory has, which takes no bytes. */
export async function listingMetrics(
  ctx: QueryContext,
  range: TimeRange,
  rows: boolean,
): Promise<ListingMetrics> {
  if (!rows) return {};
  const { inspectedBytes } = await blockMetrics(ctx, range, range);
  return inspectedBytes === undefined ? {} : { inspectedBytes };
}

/** Of the files that have spans of `range`, those that were looked into, as these have spans of `searched`. */
export async function blockMetrics(
  ctx: QueryContext,
  range: TimeRange,
  searched: TimeRange,
): Promise<BlockMetrics> {
  const request = { table: 'spans', from: range.start, until: range.end, keys: [] } as const;
  const files = (await ctx.session.spread?.(request)) ?? null;
  if (files === null) return {};
  const inspected = files.filter(({ first, last }) => last >= searched.start && first < searched.end);
  const bytes = (some: typeof files) => String(some.reduce((sum, file) => sum + file.bytes, 0));
  return {
    inspectedBytes: bytes(inspected),
    totalBlocks: files.length,
    completedJobs: inspected.length,
    totalJobs: files.length,
    totalBlockBytes: bytes(files),
  };
}
