import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import { ResultReturnType } from '@duckdb/node-api';
import { StatementProfile, type LookSource, type StatementFigures } from './explain/index.js';
import type { FootedFile } from './direct/kept-footers.js';
import type { RowsSource } from './direct/rows.js';
import type { Look, MetadataCache, MetadataView } from './metadata/index.js';
import { layoutOf } from './metadata/layout.js';
import { QueryError } from './query-error.js';
import type { TableName } from '../schema/index.js';
import { chunkValues, rawChunk } from './raw-chunk.js';
import { GivenRecents } from './recent/given.js';
import type { RecentTable } from './recent/table.js';
import type { SharedUnit } from './samples/unit.js';
import {
  mostHeldRows,
  RowCollector,
  type FileSpan,
  type FiguresOf,
  type LineTimesRequest,
  type LineTimesView,
  type ListingView,
  type MetadataRequest,
  type RawChunk,
  type RawResult,
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
} from './session.js';

/** One that runs, and what it takes to run it again. */
interface Statement {
  readonly sql: string;
  readonly params: readonly SqlValue[];
  readonly result: DuckDBResult;
  /** Tells how it ran, once all of its rows are there. */
  readonly ended?: () => Promise<void>;
}

function isShort(sql: string): boolean {
  const limit = /\bLIMIT (\d{1,9})$/.exec(sql)?.[1];
  return limit !== undefined && Number(limit) <= mostHeldRows;
}

/** What only the lake's instance has. */
const elsewhere = /\b(?:lake|memory|temp)\./;

/** A read session on one connection, and what its pool has to know of it. */
export class ConnectionSession implements ReadSession {
  #running = new Set<Promise<unknown>>();
  #view: MetadataView | null = null;
  /** A transaction was begun for the metadata. */
  #pinned = false;
  /** Tables that were waited for. */
  readonly #prepared = new Set<TableName>();
  readonly #look: Look = { generation: null };
  #profile: StatementProfile | null = null;
  /** Of what was given out to select from: files of what names nothing else. */
  readonly #straight = new Map<string, readonly FootedFile[]>();
  #ended = false;
  /** A statement did. */
  #failed = false;
  /** Results that were not read to their end. */
  #unread = 0;
  readonly #recents = new GivenRecents();
  /** Connections of another instance on which something runs. */
  readonly #others = new Set<DuckDBConnection>();
  /** Its statement was interrupted for its memory. */
  stopped = false;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly maxRows: number,
    readonly signal: AbortSignal,
    private readonly cache: MetadataCache | null,
    private readonly source: LookSource,
  ) {}

  get running(): number {
    return this.#running.size;
  }

  /** No statement failed, was interrupted, or stopped within its rows: the connection is as good as before. */
  get sound(): boolean {
    return !this.#failed && !this.#ended && this.#unread === 0;
  }

  /** Stops what runs; nothing is begun any more. */
  interrupt(): void {
    this.#ended = true;
    for (const connection of [this.connection, ...this.#others]) connection.interrupt();
  }

  /** Resolves when nothing runs on the connection any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running]);
  }

  /** Only before a transaction: it would not see what is taken in. */
  async #prepare(...tables: TableName[]): Promise<void> {
    const { cache } = this;
    const others = tables.filter((table) => !this.#prepared.has(table));
    if (cache === null || this.#view !== null || others.length === 0) return;
    for (const table of others) this.#prepared.add(table);
    try {
      await cache.prepare(others);
    } catch (error) {
      this.signal.throwIfAborted();
      cache.failed(error);
    }
  }

  async metadata(request: MetadataRequest): Promise<string | null> {
    await this.#prepare(layoutOf(request.kind).table);
    return this.#kept((view) => view.source(request));
  }

  async rowsOf(request: RowsRequest): Promise<string | null> {
    // All lines without attributes are as fast from the table, and the list of files is saved.
    const some = request.rowids !== undefined || request.first !== undefined || this.cache?.searchOf(request);
    if (request.table === 'logs' && request.keys.length === 0 && !some) return this.#pin();
    // Rows are the same rows within one snapshot.
    if (request.rowids !== undefined && this.#view === null) return null;
    await this.#prepare(request.table);
    if (!this.#isLocated(request)) return this.#given(await this.#kept((view) => view.rowsOf(request)));
    const located = await this.#known(
      (cache) => cache.located(request, (sql) => this.#values(sql), this.#look),
      (view) => view.rowsOf(request),
    );
    return this.#given(located);
  }

  #isLocated(request: RowsRequest): boolean {
    if (!request.located) return false;
    return request.table === 'spans' || Boolean(this.cache?.searchOf(request));
  }

  #given(source: RowsSource | null): string | null {
    if (source?.files && source.files.length > 0) this.#straight.set(source.sql, source.files);
    return source?.sql ?? null;
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

  async spread(request: RowsRequest): Promise<readonly FileSpan[] | null> {
    await this.#prepare(request.table);
    if (!this.#isLocated(request)) return this.#kept((view) => view.spread(request));
    return this.#known(
      (cache) => cache.locatedSpread(request, (sql) => this.#values(sql), this.#look),
      (view) => view.spread(request),
    );
  }

  /** All statements from here on read one snapshot. */
  async #pin(): Promise<null> {
    if (this.cache !== null && !this.#pinned) await this.#values('BEGIN TRANSACTION READ ONLY');
    return null;
  }

  async valuesOf(request: ValuesRequest): Promise<string | null> {
    await this.#prepare(request.table);
    return this.#known(
      (cache) => cache.valuesOf(request, (sql) => this.#values(sql), this.#look),
      (view) => view.valuesOf(request),
    );
  }

  async #kept<T>(ask: (view: MetadataView) => Promise<T | null>): Promise<T | null> {
    if (this.cache === null) return null;
    try {
      return await this.#viewed(this.cache, ask);
    } catch (error) {
      return this.#unknown(this.cache, error);
    }
  }

  async #viewed<T>(cache: MetadataCache, ask: (view: MetadataView) => Promise<T | null>): Promise<T | null> {
    if (this.#view === null) {
      await this.end();
      this.#view = await cache.view((sql) => this.#values(sql));
    }
    return this.#view === null ? null : ask(this.#view);
  }

  async #unknown(cache: MetadataCache, error: unknown): Promise<null> {
    this.signal.throwIfAborted();
    cache.failed(error);
    await this.end();
    return null;
  }

  async listing(request: MetadataRequest): Promise<ListingView | null> {
    await this.#prepare(layoutOf(request.kind).table);
    return this.#known(
      (cache) => cache.listing(request, (sql) => this.#values(sql), this.#look),
      (view) => view.listing(request),
    );
  }

  async series(request: SeriesRequest): Promise<SeriesView | null> {
    await this.#prepare(...new Set(request.kinds.map((kind) => layoutOf(kind).table)));
    const given = (recent: RecentTable) => this.#recents.note(recent);
    const reads = {
      run: (sql: string) => this.#values(sql),
      chunks: (sql: string) => this.#held(sql),
      stopped: () => this.signal.aborted || this.#ended,
    };
    const found = await this.#known(
      async (cache) => {
        if (this.#pinned) await this.end();
        return cache.series(request, reads, this.#look, given);
      },
      async (view) => ({ epoch: view.epoch, tables: await view.series(request) }),
    );
    if (found === null || !this.cache) return found;
    const { units = [], ...view } = this.cache.withUnits(request, found);
    return { ...view, units: [...units, ...(await this.#recents.units(request, found))] };
  }

  recentSets(request: RecentSetsRequest): Promise<RecentSets | null> {
    return Promise.resolve(this.cache?.recentSets(request) ?? null);
  }

  async lineTimes(request: LineTimesRequest): Promise<LineTimesView | null> {
    await this.#prepare('logs');
    return this.#known(
      (cache) => cache.lineTimes(request, (sql) => this.#values(sql), this.#look),
      (view) => view.lineTimes(request),
    );
  }

  /** What is known as a whole needs no transaction. */
  async #known<T>(
    whole: (cache: MetadataCache) => Promise<T | null>,
    inView: (view: MetadataView) => Promise<T | null>,
  ): Promise<T | null> {
    if (this.cache === null) return null;
    try {
      const known = this.#view === null ? await whole(this.cache) : null;
      return known ?? (await this.#viewed(this.cache, inView));
    } catch (error) {
      return this.#unknown(this.cache, error);
    }
  }

  async samples(request: SamplesRequest): Promise<readonly SharedUnit[] | null> {
    const { cache } = this;
    if (cache === null) return null;
    return this.#recents.samples(request, (ofFiles) => cache.samples(ofFiles));
  }

  /** Ends the transaction, if there is one. False when that failed. */
  async end(): Promise<boolean> {
    this.#view = null;
    await this.#profiled();
    if (!this.#pinned) return true;
    this.#pinned = false;
    return this.#track(this.connection.run('ROLLBACK')).then(
      () => true,
      () => false,
    );
  }

  async #values(sql: string): Promise<unknown[][]> {
    this.signal.throwIfAborted();
    this.#pinned ||= sql.startsWith('BEGIN');
    const reader = await this.#track(this.connection.runAndReadAll(sql));
    if (sql === 'ROLLBACK') this.#pinned = false;
    return reader.getRows().map((row) => row.map(plain));
  }

  /** All rows of a statement of few columns. */
  async #held(sql: string): Promise<ResultChunk[]> {
    this.signal.throwIfAborted();
    const result = await this.#track(this.connection.run(sql));
    const types = result.columnTypes();
    const chunks: ResultChunk[] = [];
    for (;;) {
      const chunk = await this.#track(result.fetchChunk());
      if (!chunk || chunk.rowCount === 0) return chunks;
      chunks.push(chunkValues(rawChunk(chunk, types)));
    }
  }

  async rows(
    sql: string,
    params: readonly SqlValue[] = [],
    maxRows = this.maxRows,
    figures?: FiguresOf,
  ): Promise<Record<string, unknown>[]> {
    const collected = new RowCollector(maxRows);
    const statement = await this.#start(sql, params, figures);
    const names = statement.result.deduplicatedColumnNames();
    for await (const chunk of this.#chunks(statement)) collected.add(names, chunk);
    return collected.rows;
  }

  async *stream(
    sql: string,
    params: readonly SqlValue[] = [],
    figures?: FiguresOf,
    whole?: boolean,
  ): AsyncIterable<ResultChunk> {
    yield* this.#chunks(await this.#start(sql, params, figures, whole));
  }

  async raw(
    sql: string,
    params: readonly SqlValue[] = [],
    figures?: FiguresOf,
    whole?: boolean,
  ): Promise<RawResult> {
    const statement = await this.#start(sql, params, figures, whole);
    return { names: statement.result.deduplicatedColumnNames(), chunks: this.#raw(statement) };
  }

  async *#raw(statement: Statement): AsyncIterable<RawChunk> {
    const types = statement.result.columnTypes();
    for await (const chunk of this.#fetched(statement)) yield rawChunk(chunk, types);
  }

  async #start(
    sql: string,
    params: readonly SqlValue[],
    figures?: FiguresOf,
    whole = isShort(sql),
  ): Promise<Statement> {
    this.signal.throwIfAborted();
    // What groups many rows may need more memory than there is.
    const files = params.length === 0 && isShort(sql) ? this.#filesOf(sql) : null;
    const found = files && (await this.#track(this.#fromFiles(sql, files, figures)));
    if (found) {
      this.#unread++;
      return found;
    }
    if (figures) await this.#profileNext(sql);
    // What is streamed is prepared first, and planned again when it runs if it reads files.
    const result = await this.#track(
      whole && params.length === 0 ? this.connection.run(sql) : this.connection.stream(sql, [...params]),
    );
    this.#unread++;
    return { sql, params, result, ...(figures && { ended: async () => figures(await this.#profiled()) }) };
  }

  /** Where the footers of these files are kept; null when the statement did not run there. */
  async #fromFiles(
    sql: string,
    files: readonly FootedFile[],
    figures?: FiguresOf,
  ): Promise<Statement | null> {
    const reading = (await this.cache?.footers?.acquire(files)) ?? null;
    if (reading === null) {
      this.#throwIfEnded();
      return null;
    }
    const { connection } = reading;
    this.#others.add(connection);
    try {
      this.#throwIfEnded();
      const begun = figures && StatementProfile.begin(connection, this.source, sql);
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
    this.signal.throwIfAborted();
    if (this.#ended) throw new QueryError('canceled', 'the query has ended');
  }

  /** What can't be profiled runs all the same. */
  async #profileNext(sql: string): Promise<void> {
    await this.#profiled();
    const begun = StatementProfile.begin(this.connection, this.source, sql);
    this.#profile = await this.#track(begun).catch(() => null);
  }

  /** How the last statement ran. One that was stopped early leaves its profile to the next, or to the session's end. */
  async #profiled(): Promise<StatementFigures | null> {
    const profile = this.#profile;
    this.#profile = null;
    return profile ? this.#track(profile.end()).catch(() => null) : null;
  }

  async *#chunks(statement: Statement): AsyncIterable<ResultChunk> {
    for await (const chunk of this.#fetched(statement)) {
      const columns: unknown[][] = [];
      for (let c = 0; c < chunk.columnCount; c++) {
        columns.push(chunk.getColumnValues(c).map(plain));
      }
      yield { rowCount: chunk.rowCount, columns };
    }
  }

  async *#fetched(statement: Statement): AsyncIterable<DuckDBDataChunk> {
    const { result } = statement;
    for (;;) {
      this.signal.throwIfAborted();
      const chunk = await this.#track(result.fetchChunk());
      if (chunk && chunk.rowCount > 0) {
        yield chunk;
        continue;
      }
      this.#unread--;
      // A failure while rows are streamed looks like their end; only the result's type tells it from one.
      this.signal.throwIfAborted();
      if (result.returnType !== ResultReturnType.INVALID) return await statement.ended?.();
      throw await this.#failure(statement);
    }
  }

  /** DuckDB tells why only when the statement is run as a whole. */
  async #failure({ sql, params }: Statement): Promise<QueryError> {
    this.#failed = true;
    const failed = new QueryError('unavailable', 'the query failed while its rows were read', 1);
    if (!this.stopped) {
      const whole = this.#track(this.connection.run(sql, [...params]));
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
