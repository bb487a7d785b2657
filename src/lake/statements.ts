import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import { ResultReturnType } from '@duckdb/node-api';
import type { FootedFile, KeptFooters } from './direct/kept-footers.js';
import type { RowsSource } from './direct/rows.js';
import { StatementProfile, type LookSource, type StatementFigures } from './explain/index.js';
import { QueryError } from './query-error.js';
import { chunkValues, rawChunk } from './raw-chunk.js';
import { mostHeldRows, type FiguresOf, type RawChunk, type ResultChunk, type SqlValue } from './session.js';

/** One that runs, and what it takes to run it again. */
export interface Statement {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  readonly result: DuckDBResult;
  /** Tells how it ran, once all of its rows are there. */
  readonly ended?: () => Promise<void>;
}

export interface StatementsOptions {
  readonly connection: DuckDBConnection;
  readonly signal: AbortSignal;
  readonly footers: KeptFooters | null;
  readonly source: LookSource;
}

function isShort(sql: string): boolean {
  const limit = /\bLIMIT (\d{1,9})$/.exec(sql)?.[1];
  return limit !== undefined && Number(limit) <= mostHeldRows;
}

/** Until nothing runs any more. */
const interruptAgainMs = 50;

/** What only the lake's instance has. */
const elsewhere = /\b(?:lake|memory|temp)\./;

/** The statements of a session: on its connection, or of data files alone where their footers are kept. */
export class Statements {
  #running = new Set<Promise<unknown>>();
  /** A transaction was begun for the metadata. */
  #pinned = false;
  #profile: StatementProfile | null = null;
  /** Of what was given out to select from: files of what names nothing else. */
  readonly #straight = new Map<string, readonly FootedFile[]>();
  #ended = false;
  #interrupting: NodeJS.Timeout | undefined;
  /** A statement did. */
  #failed = false;
  /** Results that were not read to their end. */
  #unread = 0;
  /** The last of the connection, where rows of it are yet to be made: until then, or until the next statement, DuckDB holds what makes them. */
  #open: DuckDBResult | null = null;
  /** Connections of another instance on which something runs. */
  readonly #others = new Set<DuckDBConnection>();
  /** Its statement was interrupted for its memory. */
  stopped = false;

  constructor(private readonly options: StatementsOptions) {}

  get running(): number {
    return this.#running.size;
  }

  get pinned(): boolean {
    return this.#pinned;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** No statement failed, was interrupted, or stopped within its rows: the connection is as good as before. */
  get sound(): boolean {
    return !this.#failed && !this.#ended && this.#unread === 0;
  }

  /** Stops what runs, and what waits to begin. */
  interrupt(): void {
    this.#ended = true;
    const interrupt = () => {
      for (const connection of [this.options.connection, ...this.#others]) connection.interrupt();
    };
    interrupt();
    if (this.#running.size === 0) return;
    // It is lost on a statement that waits for a thread to begin it.
    this.#interrupting ??= setInterval(interrupt, interruptAgainMs).unref();
  }

  /** Resolves when nothing runs on the connection any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running]);
    clearInterval(this.#interrupting);
    this.#interrupting = undefined;
  }

  /** Ends the transaction, if there is one, and lets go of rows that nobody reads. False when that failed. */
  async end(): Promise<boolean> {
    await this.#profiled();
    if (!this.#pinned && this.#open === null) return true;
    const last = this.#pinned ? 'ROLLBACK' : 'SELECT 1';
    this.#pinned = false;
    this.#open = null;
    return this.#track(this.options.connection.run(last)).then(
      () => true,
      () => false,
    );
  }

  /** Where a statement selects from it and names nothing else, its data files are read alone. */
  note({ sql, files }: RowsSource): void {
    if (files && files.length > 0) this.#straight.set(sql, files);
  }

  /** What a statement reads, where that is data files alone. */
  #filesOf(sql: string): readonly FootedFile[] | null {
    let rest = sql;
    const all: FootedFile[] = [];
    for (const [source, files] of this.#straight) {
      if (!rest.includes(source)) continue;
      rest = rest.replaceAll(source, '');
      all.push(...files);
    }
    return all.length > 0 && !elsewhere.test(rest) ? all : null;
  }

  /** All rows, row by row; begins and ends transactions too. */
  async values(sql: string): Promise<unknown[][]> {
    this.options.signal.throwIfAborted();
    this.#pinned ||= sql.startsWith('BEGIN');
    this.#open = null;
    const reader = await this.#track(this.options.connection.runAndReadAll(sql));
    if (sql === 'ROLLBACK') this.#pinned = false;
    return reader.getRows().map((row) => row.map(plain));
  }

  /** All rows of a statement of few columns. */
  async held(sql: string): Promise<ResultChunk[]> {
    const chunks: ResultChunk[] = [];
    for await (const chunk of this.raw(await this.start(sql, [], undefined, true))) {
      chunks.push(chunkValues(chunk));
    }
    return chunks;
  }

  async *chunks(statement: Statement): AsyncIterable<ResultChunk> {
    for await (const chunk of this.#fetched(statement)) {
      const columns: unknown[][] = [];
      for (let c = 0; c < chunk.columnCount; c++) {
        columns.push(chunk.getColumnValues(c).map(plain));
      }
      yield { rowCount: chunk.rowCount, columns };
    }
  }

  async *raw(statement: Statement): AsyncIterable<RawChunk> {
    const types = statement.result.columnTypes();
    for await (const chunk of this.#fetched(statement)) yield rawChunk(chunk, types);
  }

  /** `whole`: its rows are held rather than streamed. */
  async start(
    sql: string,
    params: readonly SqlValue[] = [],
    figures?: FiguresOf,
    whole = isShort(sql),
  ): Promise<Statement> {
    this.options.signal.throwIfAborted();
    // What groups many rows may need more memory than there is.
    const files = params.length === 0 && isShort(sql) ? this.#filesOf(sql) : null;
    const fromFiles = files && (await this.#track(this.#fromFiles(sql, files, figures)));
    const statement = fromFiles ?? (await this.#onConnection(sql, params, figures, whole));
    this.#unread++;
    return statement;
  }

  async #onConnection(
    sql: string,
    params: readonly SqlValue[],
    figures: FiguresOf | undefined,
    whole: boolean,
  ): Promise<Statement> {
    const { connection } = this.options;
    if (figures) await this.#profileNext(sql);
    // What is streamed is prepared first, and planned again when it runs if it reads files.
    this.#open = null;
    const result = await this.#track(
      whole && params.length === 0 ? connection.run(sql) : connection.stream(sql, [...params]),
    );
    if (result.isStreaming) this.#open = result;
    return { sql, params, result, ...(figures && { ended: async () => figures(await this.#profiled()) }) };
  }

  /** Where the footers of these files are kept; null when the statement did not run there. */
  async #fromFiles(
    sql: string,
    files: readonly FootedFile[],
    figures?: FiguresOf,
  ): Promise<Statement | null> {
    const reading = (await this.options.footers?.acquire(files)) ?? null;
    if (reading === null) {
      this.#throwIfEnded();
      return null;
    }
    const { connection } = reading;
    this.#others.add(connection);
    try {
      this.#throwIfEnded();
      const begun = figures && StatementProfile.begin(connection, this.options.source, sql);
      const profile = begun ? await this.#track(begun).catch(() => null) : null;
      const result = await this.#track(connection.run(sql));
      const told = profile && (await this.#track(profile.end()).catch(() => null));
      reading.done();
      return { sql, params: [], result, ...(figures && { ended: () => Promise.resolve(figures(told)) }) };
    } catch (error) {
      reading.done(error);
      this.#throwIfEnded();
      return null;
    } finally {
      this.#others.delete(connection);
    }
  }

  #throwIfEnded(): void {
    this.options.signal.throwIfAborted();
    if (this.#ended) throw new QueryError('canceled', 'the query has ended');
  }

  /** What can't be profiled runs all the same. */
  async #profileNext(sql: string): Promise<void> {
    await this.#profiled();
    const begun = StatementProfile.begin(this.options.connection, this.options.source, sql);
    this.#profile = await this.#track(begun).catch(() => null);
  }

  /** How the last statement ran. One that was stopped early leaves its profile to the next, or to the session's end. */
  async #profiled(): Promise<StatementFigures | null> {
    const profile = this.#profile;
    this.#profile = null;
    return profile ? this.#track(profile.end()).catch(() => null) : null;
  }

  async *#fetched(statement: Statement): AsyncIterable<DuckDBDataChunk> {
    const { result } = statement;
    for (;;) {
      this.options.signal.throwIfAborted();
      const chunk = await this.#track(result.fetchChunk());
      if (chunk && chunk.rowCount > 0) {
        yield chunk;
        continue;
      }
      this.#unread--;
      if (this.#open === result) this.#open = null;
      // A failure while rows are streamed looks like their end; only the result's type tells it from one.
      this.options.signal.throwIfAborted();
      if (result.returnType !== ResultReturnType.INVALID) return await statement.ended?.();
      throw await this.#failure(statement);
    }
  }

  /** DuckDB tells why only when the statement is run as a whole. */
  async #failure({ sql, params }: Statement): Promise<QueryError> {
    this.#failed = true;
    const failed = new QueryError('unavailable', 'the query failed while its rows were read', 1);
    if (!this.stopped) {
      const whole = this.#track(this.options.connection.run(sql, [...params]));
      await whole.catch((error: unknown) => (failed.cause = error));
    }
    return failed;
  }

  #track<T>(work: Promise<T>): Promise<T> {
    const settled = work.catch(() => (this.#failed = true)).finally(() => this.#running.delete(settled));
    this.#running.add(settled);
    return work;
  }
}

/** LIST values come as objects with `items`; everything else is passed on as it is. */
function plain(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && 'items' in value) {
    return (value as { items: readonly unknown[] }).items;
  }
  return value;
}
