import { batchBytes, type ColumnBatch, type Payload } from '../schema/index.js';
import type { SpoolEntry } from '../spool/types.js';
import type { Telemetry } from '../telemetry/index.js';
import type { StreamBacklog } from './backlog.js';
import type { Careful } from './careful.js';
import type { SealMetrics } from './metrics.js';

/** Decodes payloads read back from the spool; `decode/`'s pool. */
export type Decode = (
  signal: StreamBacklog['stream']['signal'],
  payloads: readonly Payload[],
  maxBytes: number,
) => Promise<{ batches: readonly ColumnBatch[]; results: readonly { ok: boolean; message?: string }[] }>;

/** A stretch of one stream, decoded, that goes into a commit. */
export interface Portion {
  readonly backlog: StreamBacklog;
  readonly start: number;
  readonly end: number;
  readonly batches: readonly ColumnBatch[];
  /** Those of them read back from the spool for this commit, so that nobody else holds them. */
  readonly readBack: readonly ColumnBatch[];
}

export interface PortionsOptions {
  readonly backlogs: readonly StreamBacklog[];
  readonly decode: Decode;
  /** Decoded, of one commit. */
  readonly maxBytes: number;
  readonly telemetry: Telemetry;
}

const replayChunkBytes = 8 * 1024 * 1024;
/** Takes what comes next out of the streams: what is held in memory, or read back from the spool. */
export class Portions {
  constructor(
    private readonly options: PortionsOptions,
    private readonly careful: Careful,
    private readonly metrics: SealMetrics,
  ) {}

  /** What comes next of all streams, of about `maxBytes` together. */
  async gather(): Promise<Portion[]> {
    const portions: Portion[] = [];
    let room = this.options.maxBytes;
    for (const backlog of this.options.backlogs) {
      if (backlog.bytes <= 0 || room <= 0) continue;
      const portion = await this.#portion(backlog, room);
      for (const batch of portion.batches) room -= batchBytes(batch);
      if (portion.end > portion.start) portions.push(portion);
    }
    return portions;
  }

  /** What comes next in a stream, held or read back in turn, of about `maxBytes` decoded. */
  async #portion(backlog: StreamBacklog, maxBytes: number): Promise<Portion> {
    const start = backlog.committed;
    const batches: ColumnBatch[] = [];
    const readBack: ColumnBatch[] = [];
    const limit = this.careful.limit(backlog);
    let end = start;
    let bytes = 0;
    while (bytes < maxBytes) {
      const from = end;
      for (const entry of backlog.contiguousFrom(end, maxBytes - bytes)) {
        if (entry.end > limit) break;
        batches.push(entry.batch);
        bytes += entry.bytes;
        end = entry.end;
      }
      if (bytes >= maxBytes || end >= Math.min(backlog.stream.head, limit)) break;
      const gap = await this.#readBack(backlog, end, maxBytes - bytes);
      if (gap !== null) {
        batches.push(...gap.batches);
        readBack.push(...gap.batches);
        for (const batch of gap.batches) bytes += batchBytes(batch);
        end = gap.end;
      }
      if (end === from) break;
    }
    return { backlog, start, end, batches, readBack };
  }

  /** Reads a gap that begins at `start` back from the spool, about `maxRowBytes` of rows; null when nothing lies there. */
  async #readBack(
    backlog: StreamBacklog,
    start: number,
    maxRowBytes: number,
  ): Promise<{ end: number; batches: readonly ColumnBatch[] } | null> {
    const held = backlog.firstHeldAfter(start) ?? backlog.stream.head;
    const stop = Math.min(held, this.careful.limit(backlog));
    const entries: SpoolEntry[] = [];
    let end = start;
    let bytes = 0;
    for await (const entry of backlog.stream.read(start)) {
      if (entry.start >= stop) break;
      entries.push(entry);
      end = entry.end;
      bytes += entry.end - entry.start;
      if (bytes >= Math.min(maxRowBytes, replayChunkBytes)) break;
    }
    if (entries.length === 0) {
      // Only damaged records were left before `stop`; they are set aside, so the watermark moves past them.
      return stop > start ? { end: stop, batches: [] } : null;
    }
    await this.careful.add({ stream: backlog.stream.id, start, end });
    const { batches, count } = await this.#decodeEntries(backlog, entries, maxRowBytes);
    this.metrics.replayedPayloads.inc({ signal: backlog.stream.signal }, count);
    return { end: entries[count - 1]?.end ?? end, batches };
  }

  async #decodeEntries(
    backlog: StreamBacklog,
    entries: readonly SpoolEntry[],
    maxRowBytes: number,
  ): Promise<{ batches: readonly ColumnBatch[]; count: number }> {
    const { batches, results } = await this.options.decode(
      backlog.stream.signal,
      entries.map((entry) => entry.payload),
      maxRowBytes,
    );
    for (const [i, result] of results.entries()) {
      const entry = entries[i];
      if (!result.ok && entry) await this.#setAside(backlog, entry, result.message ?? 'could not be decoded');
    }
    return { batches, count: results.length };
  }

  async #setAside(backlog: StreamBacklog, entry: SpoolEntry, reason: string): Promise<void> {
    this.options.telemetry.log.error(
      { stream: backlog.stream.id, position: entry.start, reason },
      'a spooled payload is poison and is set aside',
    );
    await backlog.stream.setAside(entry, { reason });
  }

  /** The stretch, read back; of one whose rows are more than `maxBytes` its beginning. */
  async reread(backlog: StreamBacklog, start: number, end: number): Promise<Portion> {
    const entries: SpoolEntry[] = [];
    for await (const entry of backlog.stream.read(start)) {
      if (entry.start >= end) break;
      entries.push(entry);
    }
    const { batches, count } = await this.#decodeEntries(backlog, entries, this.options.maxBytes);
    const reached = count < entries.length ? (entries[count - 1]?.end ?? end) : end;
    return { backlog, start, end: reached, batches, readBack: batches };
  }
}
