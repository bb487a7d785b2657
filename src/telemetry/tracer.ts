export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A finished piece of the process's own work. */
export interface OwnSpan {
  readonly name: string;
  /** Wall clock, milliseconds since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes?: SpanAttributes;
  /** What kind of failure, without SQL or secrets; absent when all went well. */
  readonly error?: string;
  /** The work was caused by ingest, so exporting it to this very server would cause more of it. */
  readonly ingest?: boolean;
}

/** Takes own spans for export. Never throws, never waits. */
export interface Tracer {
  record(span: OwnSpan): void;
}

/** Runs `work` and records it as a span, when own spans are exported. */
export async function traced<T>(
  tracer: Tracer | undefined,
  span: { name: string; attributes?: SpanAttributes; ingest?: boolean },
  work: () => Promise<T>,
): Promise<T> {
  if (!tracer) return work();
  const startMs = Date.now();
  const begun = performance.now();
  const finish = (error?: string) =>
    tracer.record({
      ...span,
      startMs,
      endMs: startMs + performance.now() - begun,
      ...(error === undefined ? {} : { error }),
    });
  try {
    const result = await work();
    finish();
    return result;
  } catch (error) {
    finish(error instanceof Error ? error.name : 'error');
    throw error;
  }
}

/** Spans waiting for export, bounded: beyond `capacity` the newest are dropped and counted. */
export class SpanQueue implements Tracer {
  #spans: OwnSpan[] = [];

  constructor(
    private readonly capacity: number,
    private readonly dropped: (spans: number) => void,
    /** False: spans caused by ingest are not kept. */
    private readonly keepIngest = true,
  ) {}

  get length(): number {
    return this.#spans.length;
  }

  record(span: OwnSpan): void {
    if (span.ingest === true && !this.keepIngest) return;
    if (this.#spans.length >= this.capacity) this.dropped(1);
    else this.#spans.push(span);
  }

  take(most: number): OwnSpan[] {
    return this.#spans.splice(0, most);
  }

  /** Puts spans that could not be sent back to the front, as far as there is room. */
  giveBack(spans: readonly OwnSpan[]): void {
    const room = Math.max(0, this.capacity - this.#spans.length);
    const lost = spans.length - Math.min(room, spans.length);
    if (lost > 0) this.dropped(lost);
    this.#spans = [...spans.slice(lost), ...this.#spans];
  }
}
