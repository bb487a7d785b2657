import { open, type FileHandle } from 'node:fs/promises';
import type { DamageKeeper } from './damage.js';
import { scanSegment } from './scan.js';
import {
  listSegments,
  readSegmentHeader,
  segmentHeaderBytes,
  segmentOffset,
  type Segment,
} from './segment.js';
import { endOfDamaged } from './tail.js';
import { SpoolOpenError } from './types.js';

export interface RecoverOptions {
  readonly folder: string;
  readonly streamId: string;
  readonly seed: number;
  readonly damage: DamageKeeper;
}

/**
 * The segments of a stream, each with the end of its records. Only the newest can end in a write cut short, so
 * only it is read through here; the others were complete before their successor was made, and each of their
 * records is verified when it is read, which start-up should not do twice.
 */
export async function recoverSegments(options: RecoverOptions): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const { path, start } of await listSegments(options.folder)) {
    const handle = await open(path, 'r');
    try {
      const header = await readSegmentHeader(handle, path);
      if (!header) options.damage.header(path);
      else if (header.streamId !== options.streamId)
        throw new SpoolOpenError(
          `${path} belongs to the stream ${header.streamId}, not to ${options.streamId}: move it to its own spool`,
        );
      const { size } = await handle.stat();
      const previous = segments.at(-1);
      if (previous) endBefore(previous, start, header?.previousEnd, options.damage);
      segments.push({ path, start, end: start + Math.max(0, size - segmentHeaderBytes) });
    } finally {
      await handle.close();
    }
  }
  const newest = segments.at(-1);
  if (newest) await cutTornTail(newest, options);
  return segments;
}

/** Bytes past the end that the next segment names belong to writes that failed: nothing of them was acknowledged. */
function endBefore(
  segment: Segment,
  nextStart: number,
  previousEnd: number | undefined,
  damage: DamageKeeper,
): void {
  const end = Math.min(previousEnd ?? segment.end, nextStart);
  if (segment.end < end) damage.missing(segment, { start: segment.end, end });
  segment.end = Math.min(segment.end, end);
}

async function cutTornTail(segment: Segment, options: RecoverOptions): Promise<void> {
  const handle = await open(segment.path, 'r+');
  try {
    const scan = scanSegment({
      handle,
      start: segment.start,
      from: segment.start,
      to: segment.end,
      seed: options.seed,
    });
    let torn: { start: number; end: number } | null = null;
    for await (const item of scan) {
      if (item.kind === 'record') continue;
      const { start, end } = item;
      const { seed } = options;
      const damaged =
        end < segment.end
          ? end
          : await endOfDamaged({ handle, start: segment.start, seed, from: start, to: end });
      if (damaged > start) await options.damage.damaged(segment, handle, { start, end: damaged });
      if (damaged < end) torn = { start: damaged, end };
    }
    if (torn) {
      segment.end = torn.start;
      if (await options.damage.torn(segment, handle, torn)) await truncate(segment, handle);
    }
    // A killed process leaves records that no fsync covered; the head is promised to be durable.
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function truncate(segment: Segment, handle: FileHandle): Promise<void> {
  await handle.truncate(segmentOffset(segment, segment.end));
}
