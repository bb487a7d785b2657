import { isDeepStrictEqual } from 'node:util';
import type { StatementFigures } from '../../lake/explain/figures.js';
import { chunkValues } from '../../lake/raw-chunk.js';
import {
  RowCollector,
  type FileSpan,
  type FiguresOf,
  type LineTimesRequest,
  type LineTimesView,
  type ListingView,
  type MetadataRequest,
  type ReadSession,
  type RecentSets,
  type RecentSetsRequest,
  type ResultChunk,
  type RowsRequest,
  type SamplesRequest,
  type SeriesRequest,
  type SeriesView,
  type SqlValue,
  type ValuesRequest,
  type ValuesSource,
} from '../../lake/session.js';
import type { SharedUnit } from '../../lake/samples/unit.js';
import type { FromThread, Question, SentChunk, Told, ToThread } from './protocol.js';

interface Batch {
  readonly batch: number;
  readonly chunks: readonly SentChunk[];
}

/** The statement failed in the thread that runs SQL, which knows why. */
class StatementError extends Error {
  override readonly name = 'StatementError';
}

/** What arrived of one statement. */
class Statement {
  names: readonly string[] | null = null;
  readonly batches: Batch[] = [];
  ended = false;
  figures: StatementFigures | null = null;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;

  changed(): void {
    this.#wake?.();
    this.#wake = null;
  }

  fail(reason: Error): void {
    this.#failure ??= reason;
    this.changed();
  }

  /** Resolves when something more arrived. */
  async more(): Promise<void> {
    if (this.#failure === null) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#failure !== null) throw this.#failure;
  }
}

/** The read session of one query in a query thread: SQL runs in the main thread, which sends the raw chunks. */
export class ThreadSession implements ReadSession {
  readonly #statements = new Map<number, Statement>();
  readonly #requests = new Map<number, (told: Told) => void>();
  #next = 1;

  constructor(
    private readonly query: number,
    private readonly maxRows: number,
    readonly signal: AbortSignal,
    private readonly post: (message: FromThread) => void,
    /** What was asked for it before. */
    private first: { readonly request: SeriesRequest; readonly told: SeriesView | null } | null = null,
  ) {
    signal.addEventListener('abort', () => {
      for (const statement of this.#statements.values())
        statement.fail(new StatementError('the query was aborted'));
      for (const answered of this.#requests.values()) answered(null);
    });
  }

  receive(message: Extract<ToThread, { readonly statement: number }>): void {
    if (message.type === 'told') return this.#requests.get(message.statement)?.(message.told);
    const statement = this.#statements.get(message.statement);
    if (!statement) return;
    if (message.type === 'started') statement.names = message.names;
    else if (message.type === 'rows') statement.batches.push(message);
    else if (message.failed) statement.fail(new StatementError('the statement failed'));
    else {
      statement.figures = message.figures;
      statement.ended = true;
    }
    statement.changed();
  }

  async rows(
    sql: string,
    params: readonly SqlValue[] = [],
    maxRows = this.maxRows,
    figures?: FiguresOf,
  ): Promise<Record<string, unknown>[]> {
    const collected = new RowCollector(maxRows);
    for await (const { names, chunk } of this.#read(sql, params, figures)) collected.add(names, chunk);
    return collected.rows;
  }

  async *stream(
    sql: string,
    params: readonly SqlValue[] = [],
    figures?: FiguresOf,
    whole?: boolean,
  ): AsyncIterable<ResultChunk> {
    for await (const { chunk } of this.#read(sql, params, figures, whole)) yield chunk;
  }

  metadata(request: MetadataRequest): Promise<string | null> {
    return this.#ask({ of: 'metadata', request });
  }

  listing(request: MetadataRequest): Promise<ListingView | null> {
    return this.#ask({ of: 'listing', request });
  }

  rowsOf(request: RowsRequest): Promise<string | null> {
    return this.#ask({ of: 'rowsOf', request });
  }

  spread(request: RowsRequest): Promise<readonly FileSpan[] | null> {
    return this.#ask({ of: 'spread', request });
  }

  valuesOf(request: ValuesRequest): Promise<ValuesSource | null> {
    return this.#ask({ of: 'valuesOf', request });
  }

  lineTimes(request: LineTimesRequest): Promise<LineTimesView | null> {
    return this.#ask({ of: 'lineTimes', request });
  }

  series(request: SeriesRequest): Promise<SeriesView | null> {
    const { first } = this;
    this.first = null;
    if (first && isDeepStrictEqual(first.request, request)) return Promise.resolve(first.told);
    return this.#ask({ of: 'series', request });
  }

  samples(request: SamplesRequest): Promise<readonly SharedUnit[] | null> {
    return this.#ask({ of: 'samples', request });
  }

  recentSets(request: RecentSetsRequest): Promise<RecentSets | null> {
    return this.#ask({ of: 'recentSets', request });
  }

  /** The answer is of the kind that was asked for. */
  async #ask<T extends Told>(question: Question): Promise<T> {
    this.signal.throwIfAborted();
    const id = this.#next++;
    try {
      return await new Promise<T>((resolve) => {
        this.#requests.set(id, resolve as (told: Told) => void);
        this.post({ type: 'ask', query: this.query, statement: id, question });
      });
    } finally {
      this.#requests.delete(id);
    }
  }

  async *#read(
    sql: string,
    params: readonly SqlValue[],
    figures: FiguresOf | undefined,
    whole?: boolean,
  ): AsyncGenerator<{ names: readonly string[]; chunk: ResultChunk }> {
    this.signal.throwIfAborted();
    const { query } = this;
    const id = this.#next++;
    const statement = new Statement();
    this.#statements.set(id, statement);
    const told = figures !== undefined;
    this.post({ type: 'sql', query, statement: id, sql, params, figures: told, ...(whole && { whole }) });
    try {
      for (;;) {
        const received = statement.batches.shift();
        if (!received) {
          if (statement.ended) return figures?.(statement.figures);
          await statement.more();
          continue;
        }
        for (const chunk of received.chunks) {
          this.signal.throwIfAborted();
          yield { names: statement.names ?? [], chunk: chunkValues(chunk) };
        }
        this.post({ type: 'read', query, statement: id, batch: received.batch });
      }
    } finally {
      this.#statements.delete(id);
      if (!statement.ended) this.post({ type: 'enough', query, statement: id });
    }
  }
}
