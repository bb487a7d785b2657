import type { StatementFigures } from '../../lake/explain/figures.js';
import type { FiguresOf, RawChunk, ReadSession } from '../../lake/session.js';
import type { FromThread, ToThread } from './protocol.js';

/** Chunks go to the thread in batches of about this many bytes, and this many batches ahead of it. */
const batchBytes = 512 * 1024;
const batchesAhead = 3;

/** Runs one statement of a query thread and sends it the rows, never far ahead of what it has read. */
export class StatementRows {
  /** The chunks of batches not yet read: their strings still lie in DuckDB's memory. */
  readonly #held = new Map<number, readonly RawChunk[]>();
  #wake: (() => void) | null = null;
  #stopped = false;
  #next = 1;

  constructor(
    private readonly session: ReadSession,
    private readonly message: Extract<FromThread, { readonly type: 'sql' }>,
    private readonly post: (message: ToThread, transfer?: readonly ArrayBuffer[]) => void,
  ) {}

  /** Resolves when all rows are sent or no more are wanted; rejects with DuckDB's error. */
  async run(): Promise<void> {
    const { query, statement, sql, params, whole } = this.message;
    let failed = true;
    let figures: StatementFigures | null = null;
    const told: FiguresOf | undefined = this.message.figures ? (found) => (figures = found) : undefined;
    try {
      if (!this.session.raw) throw new Error('this session gives no raw chunks');
      const { names, chunks } = await this.session.raw(sql, params, told, whole);
      this.post({ type: 'started', query, statement, names });
      let pending: RawChunk[] = [];
      let bytes = 0;
      for await (const chunk of chunks) {
        pending.push(chunk);
        bytes += chunk.buffer.byteLength;
        if (bytes >= batchBytes) {
          await this.#send(pending);
          pending = [];
          bytes = 0;
        }
        if (this.#stopped) break;
      }
      if (pending.length > 0) await this.#send(pending);
      failed = false;
    } finally {
      this.post({ type: 'end', query, statement, failed, figures });
    }
  }

  read(batch: number): void {
    this.#held.delete(batch);
    this.#wake?.();
    this.#wake = null;
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
    this.#wake = null;
  }

  async #send(chunks: readonly RawChunk[]): Promise<void> {
    while (this.#held.size >= batchesAhead && !this.#stopped) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#stopped) return;
    const { query, statement } = this.message;
    const batch = this.#next++;
    this.#held.set(batch, chunks);
    const bare = chunks.map(({ rowCount, columns, buffer }) => ({ rowCount, columns, buffer }));
    this.post(
      { type: 'rows', query, statement, batch, chunks: bare },
      bare.map(({ buffer }) => buffer),
    );
  }
}
