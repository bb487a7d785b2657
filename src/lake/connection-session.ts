import type { DuckDBConnection } from '@duckdb/node-api';
import type { RowsSource } from './direct/rows.js';
import type { LookSource } from './explain/index.js';
import type { Look, MetadataCache, MetadataView } from './metadata/index.js';
import { layoutOf } from './metadata/layout.js';
import type { TableName } from '../schema/index.js';
import { GivenRecents } from './recent/given.js';
import type { RecentTable } from './recent/table.js';
import type { RunSql } from './run-sql.js';
import type { SharedUnit } from './samples/unit.js';
import {
  RowCollector,
  type FileSpan,
  type FiguresOf,
  type LineTimesRequest,
  type LineTimesView,
  type ListingView,
  type MetadataRequest,
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
  type ValuesSource,
} from './session.js';
import { Statements } from './statements.js';

/** A read session on one connection, and what its pool has to know of it. */
export class ConnectionSession implements ReadSession {
  readonly #statements: Statements;
  readonly #run: RunSql = (sql) => this.#statements.values(sql);
  #view: MetadataView | null = null;
  /** Tables that were waited for. */
  readonly #prepared = new Set<TableName>();
  readonly #look: Look = { generation: null };
  readonly #recents = new GivenRecents();
  readonly #noteRecent = (recent: RecentTable) => this.#recents.note(recent);

  constructor(
    connection: DuckDBConnection,
    private readonly maxRows: number,
    readonly signal: AbortSignal,
    private readonly cache: MetadataCache | null,
    source: LookSource,
  ) {
    this.#statements = new Statements({ connection, signal, footers: cache?.footers ?? null, source });
  }

  /** How many statements. */
  get running(): number {
    return this.#statements.running;
  }

  /** As of its statements. */
  get sound(): boolean {
    return this.#statements.sound;
  }

  /**
   * Stops what runs, and goes on interrupting until it has ended. Questions begin no statement any more; what reads metadata or ends
   * the transaction may, and is interrupted too. `forMemory`: for the memory that the statements of this session take.
   */
  interrupt(forMemory = false): void {
    this.#statements.stopped ||= forMemory;
    this.#statements.interrupt();
  }

  /** Resolves when nothing runs on the connection any more. */
  idle(): Promise<void> {
    return this.#statements.idle();
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
      (cache) => cache.located(request, this.#run, this.#look),
      (view) => view.rowsOf(request),
    );
    return this.#given(located);
  }

  #isLocated(request: RowsRequest): boolean {
    if (!request.located) return false;
    return request.table === 'spans' || Boolean(this.cache?.searchOf(request));
  }

  #given(source: RowsSource | null): string | null {
    if (source) this.#statements.note(source);
    return source?.sql ?? null;
  }

  async spread(request: RowsRequest): Promise<readonly FileSpan[] | null> {
    await this.#prepare(request.table);
    if (!this.#isLocated(request)) return this.#kept((view) => view.spread(request));
    return this.#known(
      (cache) => cache.locatedSpread(request, this.#run, this.#look),
      (view) => view.spread(request),
    );
  }

  /** All statements from here on read one snapshot. */
  async #pin(): Promise<null> {
    if (this.cache !== null && !this.#statements.pinned) await this.#run('BEGIN TRANSACTION READ ONLY');
    return null;
  }

  async valuesOf(request: ValuesRequest): Promise<ValuesSource | null> {
    await this.#prepare(request.table);
    const source = await this.#known(
      (cache) => cache.valuesOf(request, this.#run, this.#look),
      (view) => view.valuesOf(request),
    );
    if (source === null) return null;
    this.#statements.note(source);
    return { sql: source.sql, reads: source.reads };
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
      this.#view = await cache.view(this.#run, this.#noteRecent);
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
      (cache) => cache.listing(request, this.#run, this.#look),
      (view) => view.listing(request),
    );
  }

  async series(request: SeriesRequest): Promise<SeriesView | null> {
    await this.#prepare(...new Set(request.kinds.map((kind) => layoutOf(kind).table)));
    const reads = {
      run: this.#run,
      chunks: (sql: string) => this.#statements.held(sql),
      stopped: () => this.signal.aborted || this.#statements.ended,
    };
    const found = await this.#known(
      async (cache) => {
        if (this.#statements.pinned) await this.end();
        return cache.series(request, reads, this.#look, this.#noteRecent);
      },
      async (view) => ({ epoch: view.epoch, tables: await view.series(request) }),
    );
    if (found === null || !this.cache) return found;
    const { units = [], ...view } = this.cache.withUnits(request, found);
    const all = { ...view, units: [...units, ...(await this.#recents.units(request, found))] };
    return request.listing ? { ...all, listing: await this.listing(request.listing) } : all;
  }

  recentSets(request: RecentSetsRequest): Promise<RecentSets | null> {
    return Promise.resolve(this.cache?.recentSets(request) ?? null);
  }

  async lineTimes(request: LineTimesRequest): Promise<LineTimesView | null> {
    await this.#prepare('logs');
    return this.#known(
      (cache) => cache.lineTimes(request, this.#run, this.#look),
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
    return this.#statements.end();
  }

  async rows(
    sql: string,
    params: readonly SqlValue[] = [],
    maxRows = this.maxRows,
    figures?: FiguresOf,
  ): Promise<Record<string, unknown>[]> {
    const collected = new RowCollector(maxRows);
    const statement = await this.#statements.start(sql, params, figures);
    const names = statement.result.deduplicatedColumnNames();
    for await (const chunk of this.#statements.chunks(statement)) collected.add(names, chunk);
    return collected.rows;
  }

  async *stream(
    sql: string,
    params: readonly SqlValue[] = [],
    figures?: FiguresOf,
    whole?: boolean,
  ): AsyncIterable<ResultChunk> {
    yield* this.#statements.chunks(await this.#statements.start(sql, params, figures, whole));
  }

  async raw(
    sql: string,
    params: readonly SqlValue[] = [],
    figures?: FiguresOf,
    whole?: boolean,
  ): Promise<RawResult> {
    const statement = await this.#statements.start(sql, params, figures, whole);
    return { names: statement.result.deduplicatedColumnNames(), chunks: this.#statements.raw(statement) };
  }
}
