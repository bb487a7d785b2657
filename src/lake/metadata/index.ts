import { firstLine } from '../../duckdb/index.js';
import type { TableName } from '../../schema/index.js';
import { Counter, Gauge, type Telemetry } from '../../telemetry/index.js';
import type { AskedKeys } from '../attribute-columns/index.js';
import type { BackgroundHost } from '../background.js';
import type { CommitWatch } from '../commit-watch.js';
import type { KeptFooters } from '../direct/kept-footers.js';
import type { RowsSource } from '../direct/rows.js';
import type { CountedSource } from '../values/source.js';
import type { LiveFiles } from '../files/live-files.js';
import type { FileDigests } from '../file-digest/index.js';
import type { RunSql } from '../run-sql.js';
import type { Search, TokenIndexes } from '../token-index/index.js';
import type { SharedUnit } from '../samples/unit.js';
import type {
  FileSpan,
  LineTimesRequest,
  LineTimesView,
  ListingView,
  MetadataRequest,
  RecentSets,
  RecentSetsRequest,
  RowsRequest,
  SamplesRequest,
  SeriesRequest,
  SeriesView,
  ValuesRequest,
} from '../session.js';
import { beginAt, type CatalogPlace } from './changes.js';
import { Filling } from './filling.js';
import { Learning } from './learning.js';
import { toldKeys } from './told.js';
import { newKept, total, type Kept, type KeptFile } from './kept.js';
import { KeptSeries, type Given, type Newest } from './kept-series.js';
import { layoutOf, metadataKinds, type MetadataKind } from './layout.js';
import type { QuestionReads } from './recents.js';
import { RowFiles } from './row-files.js';
import { newestSnapshot, type Look } from './look.js';
import { follow, liveFiles } from './snapshots.js';
import { createTables } from './store.js';
import { MetadataView, wholeListing, type KeptNumbers } from './view.js';

export type { Look } from './look.js';
export type { MetadataView } from './view.js';

export interface MetadataCacheOptions {
  readonly host: BackgroundHost;
  /** Here, what the catalog's tables hold is read from them, without DuckLake; so it is by default. */
  readonly catalog?: CatalogPlace;
  /** Sees all commits to the catalog; absent where there are others. */
  readonly commits?: Pick<CommitWatch, 'mark'>;
  /** Label sets and keys by file and hour, all files together; 0 keeps nothing. */
  readonly maxEntries: number;
  /** Of samples; 0 keeps none. */
  readonly maxSampleBytes?: number;
  /** Samples of smaller files are not kept. */
  readonly smallestSampleFile?: number;
  /** How long a file of a commit is left alone, as it is soon compacted; a minute by default. */
  readonly waitMs?: number;
  /** The same for an index of its lines, which takes more; as long as between two rounds of maintenance by default. */
  readonly searchedWaitMs?: number;
  readonly telemetry: Telemetry;
  /** Is told which attributes queries ask for. */
  readonly asked?: AskedKeys;
  /** Null: they are not used. */
  readonly tokens?: TokenIndexes | null;
  /** Closed with this; null: statements read footers anew. */
  readonly footers?: KeptFooters | null;
  /** What files tell of themselves, and a folder in which DuckDB may read; without it each is read. */
  readonly digests?: { readonly files: FileDigests; readonly scratch: () => string };
}

const defaultWaitMs = 60_000;
const defaultSearchedWaitMs = 360_000;

/**
 * Keeps in memory which label sets and attribute keys each data file has. Data files never change, so that is read once a
 * file, in the background, once queries ask; a query then reads only what is not kept: new files, rows in the catalog,
 * and hours that its window cuts.
 */
export class MetadataCache {
  #kept: Kept | null = null;
  readonly #filling: Filling;
  readonly #failures: Counter;
  readonly #series: KeptSeries;
  readonly #rows: RowFiles;
  readonly #learning: Learning | null;

  constructor(private readonly options: MetadataCacheOptions) {
    const { host, maxSampleBytes = 0, smallestSampleFile, telemetry } = options;
    const { asked, tokens, searchedWaitMs = defaultSearchedWaitMs } = options;
    this.#rows = new RowFiles({ host, telemetry, asked, tokens, searchedWaitMs });
    this.#series = new KeptSeries({
      ...{ host, place: this.#place, maxSampleBytes, smallestSampleFile, telemetry },
      kept: () => this.#kept,
      seen: (kept, kind, live) => this.#want(kept, kind, live),
    });
    const registers = [options.telemetry.registry];
    const entries = () => (this.#kept ? total(this.#kept) : 0);
    const files = () => [...(this.#kept?.files.values() ?? [])].reduce((sum, { size }) => sum + size, 0);
    new Gauge({
      name: 'canardstack_metadata_cache_entries',
      help: 'Label sets and attribute keys by file and hour that are kept in memory.',
      registers,
      collect() {
        this.set(entries());
      },
    });
    new Gauge({
      name: 'canardstack_metadata_cache_files',
      help: 'Data files whose metadata are kept, each kind of them for itself.',
      registers,
      collect() {
        this.set(files());
      },
    });
    this.#failures = new Counter({
      name: 'canardstack_metadata_cache_refusals_total',
      help: 'Times that metadata were read from the files: too many of them, or an error.',
      labelNames: ['reason'],
      registers,
    });
    this.#filling = new Filling(host, options.maxEntries, (reason, error) => {
      if (reason === 'error') this.failed(error);
      else this.#failures.inc({ reason });
    });
    const { digests } = options;
    this.#learning = digests
      ? new Learning({
          ...{ host, place: this.#place, digests: digests.files, scratch: digests.scratch },
          ...{ filling: this.#filling, direct: this.#rows.direct, traceIds: this.#rows.traceIds },
          failed: (error) => this.failed(error),
        })
      : null;
  }

  get footers(): KeptFooters | null {
    return this.options.footers ?? null;
  }

  get #place(): CatalogPlace {
    return this.options.catalog ?? 'here';
  }

  /** Begins to take in what files tell of themselves, for the first question to find it. */
  start(): void {
    const all = new Set(metadataKinds.map((kind) => layoutOf(kind).table));
    void this.prepare([...all]).catch((error: unknown) => this.failed(error));
  }

  /** Takes in what the tables' files tell of themselves, before a question of them reads its first snapshot. */
  async prepare(tables: readonly TableName[]): Promise<void> {
    if (this.#learning === null || this.options.maxEntries === 0 || this.#filling.closed) return;
    const kept = this.#current();
    await kept.ready;
    await this.#learning.first(kept, tables);
  }

  /**
   * The metadata of the snapshot that `run` reads from now on: begins a transaction, which the caller has to end. Null
   * when nothing is kept at all.
   */
  async view(run: RunSql, given: Given): Promise<MetadataView | null> {
    if (this.options.maxEntries === 0 || this.#filling.closed) return null;
    const kept = this.#current();
    await kept.ready;
    // What is kept from here on, the transaction may not see.
    const { lastFile } = kept;
    const lastIds = new Map(kept.lastIds);
    const snapshot = follow(kept, await beginAt(kept.checked, this.#place, run));
    const filesOf = (table: TableName) => liveFiles(kept, this.#place, table, snapshot, run);
    const live = async (kind: MetadataKind) => {
      const files = await filesOf(layoutOf(kind).table);
      this.#want(kept, kind, files);
      return files;
    };
    const rowsOf = async (request: RowsRequest) =>
      this.#rows.rowsOf(request, await filesOf(request.table), false);
    const spread = async (request: RowsRequest) => this.#rows.spread(request, await filesOf(request.table));
    const valuesOf = async (request: ValuesRequest) =>
      this.#rows.valuesOf(request, await filesOf(request.table), false);
    const lineTimes = async (request: LineTimesRequest) =>
      this.#timesOf(kept, request, await live('log_streams'), numbers('log_streams'));
    const told = (kind: MetadataKind, paths: readonly string[]) => toldKeys(kept, kind, paths, run);
    const numbers = (kind: MetadataKind) => ({
      ...numbersOf(kept, kind),
      ...{ lastFile, lastId: lastIds.get(kind) ?? 0 },
    });
    const { smallestSampleFile } = this.options;
    return new MetadataView(
      run,
      live,
      rowsOf,
      spread,
      valuesOf,
      lineTimes,
      kept.epoch,
      told,
      numbers,
      smallestSampleFile,
      (kind, live) => this.#series.recent(kept, kind, live, given),
    );
  }

  /** What a file tells of itself need not be read from its rows. */
  #want(kept: Kept, kind: MetadataKind, files: LiveFiles): void {
    const learning = this.#learning?.next(kept, layoutOf(kind).table, files) ?? null;
    if (learning === null) this.#filling.want(kept, kind, files);
    else void learning.then(() => this.#filling.want(kept, kind, files));
  }

  /** What is kept of the current snapshot, without a transaction: null unless that is all. */
  async listing(request: MetadataRequest, run: RunSql, look: Look): Promise<ListingView | null> {
    const newest = await this.#newest(run, look);
    const files = newest?.filesOf(layoutOf(request.kind).table);
    if (!newest || !files) return null;
    const { kept } = newest;
    return wholeListing(files, numbersOf(kept, request.kind), kept.epoch, request);
  }

  /** The times of the current snapshot's lines, without a transaction: null unless they are all in memory, and in small files. */
  async lineTimes(request: LineTimesRequest, run: RunSql, look: Look): Promise<LineTimesView | null> {
    const newest = await this.#newest(run, look);
    const files = newest?.filesOf('logs');
    if (!newest || !files) return null;
    const times = this.#timesOf(newest.kept, request, files, numbersOf(newest.kept, 'log_streams'));
    return times?.rest === null ? times : null;
  }

  #timesOf(
    kept: Kept,
    request: LineTimesRequest,
    live: LiveFiles,
    { files, lastFile, lastId }: KeptNumbers,
  ): LineTimesView | null {
    const known = (path: string) => {
      const file = files.get(path);
      return file !== undefined && file.file <= lastFile ? file : undefined;
    };
    const times = this.#rows.lineTimes(request, live, known);
    return times && { ...times, epoch: kept.epoch, lastId };
  }

  /**
   * The rows of the current snapshot, without a transaction: null unless they are all in data files that are read straight, which stay what
   * they are, and for a trace it is known of every file whether it has some.
   */
  async located(request: RowsRequest, run: RunSql, look: Look): Promise<RowsSource | null> {
    const files = await this.#inFiles(request.table, run, look);
    return files && this.#rows.rowsOf(request, files, true);
  }

  /** The same of `spread`. */
  async locatedSpread(request: RowsRequest, run: RunSql, look: Look): Promise<FileSpan[] | null> {
    const files = await this.#inFiles(request.table, run, look);
    return files && this.#rows.spread(request, files);
  }

  /** Of the current snapshot; null where the catalog has rows of the table, or that is not known. */
  async #inFiles(table: TableName, run: RunSql, look: Look): Promise<LiveFiles | null> {
    const files = (await this.#newest(run, look))?.filesOf(table);
    return files?.inlined === 0 ? files : null;
  }

  /** An attribute's values in the current snapshot, without a transaction: null unless all is in data files that are read straight. */
  async valuesOf(request: ValuesRequest, run: RunSql, look: Look): Promise<CountedSource | null> {
    const files = await this.#inFiles(request.table, run, look);
    return files && this.#rows.valuesOf(request, files, true);
  }

  /** What the token index can be asked for; null: nothing. */
  searchOf(request: RowsRequest): Search | null {
    return this.#rows.searchOf(request);
  }

  /**
   * Which series the current snapshot has, without a transaction: null unless all of them are kept, so that no rows are
   * read beside.
   */
  async series(
    request: SeriesRequest,
    reads: QuestionReads,
    look: Look,
    given: Given,
  ): Promise<SeriesView | null> {
    const newest = await this.#newest(reads.run, look);
    if (newest === null) return null;
    return this.#series.of(newest, request, reads, given);
  }

  /** Null when they are not known any more. */
  recentSets(request: RecentSetsRequest): RecentSets | null {
    return this.#series.recentSets(request);
  }

  /** What is known of the newest snapshot without a transaction. Null when nothing is kept at all. */
  async #newest(run: RunSql, look: Look): Promise<Newest | null> {
    if (this.options.maxEntries === 0 || this.#filling.closed) return null;
    const kept = this.#current();
    await kept.ready;
    const snapshot = await newestSnapshot(
      kept,
      { place: this.#place, commits: this.options.commits },
      run,
      look,
    );
    const filesOf = (table: TableName) => {
      const live = kept.live.get(table);
      return live?.snapshot === snapshot ? live.files : null;
    };
    return { kept, filesOf };
  }

  /** What is in memory of the metrics that the request names, in the files of its answer. */
  withUnits(request: SeriesRequest, view: SeriesView): SeriesView {
    return this.#series.withUnits(request, view);
  }

  /** Null when some of the files' samples are not to be had so. */
  samples(request: SamplesRequest): Promise<SharedUnit[] | null> {
    return this.#series.samples(request);
  }

  /** An error of a query's own statements, after which it reads the lake itself. */
  failed(error: unknown): void {
    this.#failures.inc({ reason: 'error' });
    this.options.telemetry.log.debug({ err: firstLine(error) }, 'metadata could not be had from the cache');
  }

  /** Resolves when every file that was asked for is kept, or refused. */
  async settled(): Promise<void> {
    await this.#learning?.settled();
    await this.#filling.settled();
    await this.#rows.settled();
  }

  async close(): Promise<void> {
    await this.#learning?.close();
    await this.#filling.close();
    await this.#series.close();
    await this.#rows.close();
    await this.footers?.close();
  }

  #current(): Kept {
    const { generation } = this.options.host;
    if (this.#kept?.generation !== generation) {
      const ids = new Map<string, TableName>();
      const ready = this.#prepare(ids);
      this.#kept = newKept(generation, ids, ready, this.options.waitMs ?? defaultWaitMs, this.#place);
      this.#kept.ready.catch(() => (this.#kept = null));
    }
    return this.#kept;
  }

  async #prepare(ids: Map<string, TableName>): Promise<void> {
    const connection = await this.options.host.acquire();
    try {
      await createTables(connection);
      const reader = await connection.runAndReadAll(
        `SELECT table_id::VARCHAR, table_name FROM ducklake_table_info('lake')`,
      );
      for (const [id, name] of reader.getRows()) ids.set(id as string, name as TableName);
    } finally {
      this.options.host.release(connection);
    }
  }
}

function numbersOf(kept: Kept, kind: MetadataKind): KeptNumbers {
  const files = kept.files.get(kind) ?? new Map<string, KeptFile>();
  return { files, lastFile: kept.lastFile, lastId: kept.lastIds.get(kind) ?? 0 };
}
