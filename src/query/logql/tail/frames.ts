import { legacyStreams, legacyTime } from '../api/legacy.js';
import { labelsText, streamsJson } from '../api/streams.js';
import type { LogEntry } from '../exec/logs.js';

interface DroppedEntry {
  /** Nanoseconds since the epoch. */
  readonly timestamp: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** `categories`: what each label is, apart; `legacy`: as /api/prom/tail gives streams. */
export type FrameForm = 'plain' | 'categories' | 'legacy';

/** As many as Loki keeps (pkg/querier/tail). */
const maxDropped = 1000;

/** The messages of a tail, as Loki writes them. */
export class Frames {
  #dropped: DroppedEntry[] = [];

  constructor(private readonly form: FrameForm) {}

  /** These entries will not be sent; the next message names them. */
  drop(entries: readonly LogEntry[]): void {
    for (const { timeNs, labels } of entries.slice(0, maxDropped - this.#dropped.length)) {
      this.#dropped.push({
        timestamp: String(timeNs),
        labels: Object.fromEntries(labels.map(([name, value]) => [name, value])),
      });
    }
  }

  frame(entries: readonly LogEntry[]): string {
    const dropped = this.#dropped;
    this.#dropped = [];
    if (this.form === 'legacy') {
      const missing = dropped.map(({ timestamp, labels }) => ({
        Timestamp: legacyTime(BigInt(timestamp)),
        Labels: labelsText(labels),
      }));
      return JSON.stringify({
        streams: legacyStreams(entries),
        dropped_entries: missing.length > 0 ? missing : null,
      });
    }
    const categorize = this.form === 'categories';
    return JSON.stringify({
      streams: streamsJson(entries, categorize),
      ...(dropped.length > 0 && { dropped_entries: dropped }),
      ...(categorize && { encodingFlags: ['categorize-labels'] }),
    });
  }
}
