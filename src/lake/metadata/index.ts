import { firstLine } from '../../duckdb/index.js';
import type { TableName } from '../../schema/index.js';
import { Counter, Gauge, type Telemetry } from '../../telemetry/index.js';
import type { AskedKeys } from '../attribute-columns/index.js';
import type { BackgroundHost } from '../background.js';
import type { CommitWatch } from '../commit-watch.js';
import { DirectFiles, type DirectFile } from '../direct/files.js';
import type { KeptFooters } from '../direct/kept-footers.js';
import { rowsSql, type RowsSource } from '../direct/rows.js';
import { spreadOf } from '../direct/spread.js';
import type { LiveFiles } from '../files/live-files.js';
import { TraceIds } from '../direct/trace-ids.js';
import type { FileDigests } from '../file-digest/index.js';
import { LineTimesCache } from '../line-times/index.js';
import { compactedPrefix, hasPrefix } from '../maintenance/moved.js';
import type { RunSql } from '../run-sql.js';
import type { RecentTable } from '../recent/table.js';
import { SampleCache } from '../samples/index.js';
import { MadeIndexes, searchOf, type Found, type Search, type TokenIndexes } from '../token-index/index.js';
import { AttributeValues } from '../values/index.js';
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
  SeriesFiles,
  SeriesRequest,
  SeriesView,
  ValuesRequest,
} from '../session.js';
import { beginAt, changesSince, type CatalogPlace } from './changes.js';
import { Filling } from './filling.js';
import { Learning } from './learning.js';
import { toldKeys } from './told.js';
import { newKept, total, type Kept, type KeptFile } from './kept.js';
import { layoutOf, metadataKinds, type MetadataKind } from './layout.js';
import { NewFiles } from './new-files.js';
import { Recents, type QuestionReads } from './recents.js';
import { follow, liveFiles } from './snapshots.js';
import { createTables } from './store.js';
import { MetadataView, seriesFiles, wholeListing, type KeptNumbers } from './view.js';

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

/** Where a search may find something. */
interface Sifted extends Found {
  /** Of files without an index of their own, those that have nothing of it. */
  readonly lacking: ReadonlySet<string>;
}

/** Is told which recent rows a question is given. */
type Given = (recent: RecentTable) => void;

/** Of which instance a query has looked for the newest snapshot. */
export interface Look {
  generation: number | null;
}

const defaultWaitMs = 60_000;
const defaultSearchedWaitMs = 360_000;
/** Recent rows of all tables of metrics may take this part of the memory for samples, besides it. */
const recentShare = 2;
const noAttributes: DirectFile['attributes'] = new Map();

/**
 * Keeps in memory which label sets and attribute keys each data file has. Data files never change, so that is read once a
 * file, in the background, once queries ask; a query then reads only what is not kept: new files, rows in the catalog,
 * and hours that its window cuts.
 */
export class MetadataCache {
  #kept: Kept | null = null;
  readonly #filling: Filling;
  readonly #failures: Counter;
  readonly #samples: SampleCache;
  /** Null where the catalog is elsewhere, or no samples are kept. */
  readonly #recents: Recents | null;
  readonly #direct: DirectFiles;
  readonly #values: AttributeValues;
  readonly #traceIds: TraceIds;
  readonly #lineTimes: LineTimesCache;
  readonly #learning: Learning | null;
  readonly #made: MadeIndexes | null;
  /** Files of logs that searches have met. */
  readonly #searched: NewFiles;

  constructor(private readonly options: MetadataCacheOptions) {
    const { host, maxSampleBytes = 0, telemetry } = options;
    this.#direct = new DirectFiles(host, telemetry);
    this.#values = new AttributeValues(host, telemetry);
    this.#traceIds = new TraceIds(host, telemetry);
    this.#lineTimes = new LineTimesCache(host, telemetry);
    this.#searched = new NewFiles(options.searchedWaitMs ?? defaultSearchedWaitMs);
    this.#made = options.tokens ? new MadeIndexes(host, telemetry, options.tokens) : null;
    this.#samples = new SampleCache({ host, maxBytes: maxSampleBytes, telemetry });
    const { smallestSampleFile } = options;
    this.#recents =
      maxSampleBytes > 0 && this.#place === 'here'
        ? new Recents({
            maxBytes: maxSampleBytes / recentShare,
            smallestSampleFile,
            seen: (kept, kind, live) => this.#want(kept, kind, live),
          })
        : null;
    const recentBytes = () => this.#recents?.bytes(this.#kept) ?? 0;
    const registers = [options.telemetry.registry];
    new Gauge({
      name: 'canardstack_recent_samples_bytes',
      help: 'Rows of metrics of the last commits that are kept in memory.',
      registers,
      collect() {
        this.set(recentBytes());
      },
    });
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
          ...{ filling: this.#filling, direct: this.#direct, traceIds: this.#traceIds },
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
    const live = async (kind: MetadataKind) => {
      const files = await liveFiles(kept, this.#place, layoutOf(kind).table, snapshot, run);
      this.#want(kept, kind, files);
      return files;
    };
    const rowsOf = (request: RowsRequest) => this.#rowsOf(kept, request, snapshot, run);
    const spread = (request: RowsRequest) => this.#spread(kept, request, snapshot, run);
    const valuesOf = (request: ValuesRequest) => this.#valuesOf(kept, request, snapshot, run);
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
      (kind, live) => this.#recent(kept, kind, live, given),
    );
  }

  #recent(kept: Kept, kind: MetadataKind, live: LiveFiles, given: Given): RecentTable | null {
    const recent = this.#recents?.of(kept, kind, live) ?? null;
    if (recent) given(recent);
    return recent;
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
    return times?.rest === null || times?.small?.rest === null ? times : null;
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
    const times = this.#lineTimes.of(request, { live, known, direct: this.#directFile('logs', live) });
    return times && { ...times, epoch: kept.epoch, lastId };
  }

  async #rowsOf(kept: Kept, request: RowsRequest, snapshot: bigint, run: RunSql): Promise<RowsSource | null> {
    this.options.asked?.note(request.table, request.keys);
    return this.#rowsIn(request, await liveFiles(kept, this.#place, request.table, snapshot, run), false);
  }

  /** `alone`: null where data files that are read straight do not have all of them. */
  async #rowsIn(request: RowsRequest, files: LiveFiles, alone: boolean): Promise<RowsSource | null> {
    this.#direct.keep(request.table, files.sizes);
    const direct = this.#directFile(request.table, files);
    if (request.traceId !== undefined && request.table === 'spans') {
      const { known, mayHold } = this.#traceIds.finder(request.traceId, files.sizes);
      if (request.located && !known) return null;
      const rows = rowsSql(request, files, direct, { mayHold });
      return alone && !rows?.files ? null : rows;
    }
    const search = this.searchOf(request);
    const found = await this.#found(request, files, direct, search);
    if (found !== null && !alone) this.options.tokens?.note(found);
    // Rows without columns of attributes are as fast from the table when all of them are read, as it tells that none lacks a level.
    const every = request.rowids === undefined && request.first === undefined;
    const all = every && !found?.skipped && !found?.lacking.size;
    if (request.keys.length === 0 && request.table === 'logs' && all) return null;
    const rows = rowsSql(
      request,
      files,
      direct,
      found ? { found: found.rows, mayHold: (path) => !found.lacking.has(path) } : {},
    );
    if (alone && !rows?.files) return null;
    if (found !== null && alone) this.options.tokens?.note(found);
    if (rows === null || rows.sql === '' || found === null) return rows;
    return { ...rows, sql: `/* ${told(found)} */ ${rows.sql}` };
  }

  async #spread(kept: Kept, request: RowsRequest, snapshot: bigint, run: RunSql): Promise<FileSpan[]> {
    return this.#spreadIn(request, await liveFiles(kept, this.#place, request.table, snapshot, run));
  }

  async #spreadIn(request: RowsRequest, files: LiveFiles): Promise<FileSpan[]> {
    const direct = this.#directFile(request.table, files);
    const found = await this.#found(request, files, direct, this.searchOf(request));
    const rows = new Map(found?.rows ?? []);
    for (const path of found?.lacking ?? []) rows.set(path, []);
    return spreadOf(request, files, direct, rows);
  }

  /**
   * The rows of the current snapshot, without a transaction: null unless they are all in data files that are read straight, which stay what
   * they are, and for a trace it is known of every file whether it has some.
   */
  async located(request: RowsRequest, run: RunSql, look: Look): Promise<RowsSource | null> {
    const files = await this.#inFiles(request.table, run, look);
    const rows = files && (await this.#rowsIn(request, files, true));
    if (rows !== null) this.options.asked?.note(request.table, request.keys);
    return rows;
  }

  /** The same of `spread`. */
  async locatedSpread(request: RowsRequest, run: RunSql, look: Look): Promise<FileSpan[] | null> {
    const files = await this.#inFiles(request.table, run, look);
    return files && this.#spreadIn(request, files);
  }

  /** Of the current snapshot; null where the catalog has rows of the table, or that is not known. */
  async #inFiles(table: TableName, run: RunSql, look: Look): Promise<LiveFiles | null> {
    const files = (await this.#newest(run, look))?.filesOf(table);
    return files?.inlined === 0 ? files : null;
  }

  /** What the token index can be asked for; null: nothing. */
  searchOf({ table, words }: RowsRequest): Search | null {
    return table !== 'logs' || words === undefined || !this.options.tokens ? null : searchOf(words);
  }

  async #found(
    { from, until }: RowsRequest,
    { sizes, touched }: LiveFiles,
    direct: (path: string) => DirectFile | null,
    search: Search | null,
  ): Promise<Sifted | null> {
    const { tokens } = this.options;
    if (search === null || !tokens || this.#made === null) return null;
    const others: string[] = [];
    const commits: string[] = [];
    const files = [...sizes.keys()].flatMap((path) => {
      const file = touched.has(path) ? null : direct(path);
      if (file !== null && (file.last < from || file.first >= until)) return [];
      if (file !== null && file.footerAt !== null) return [{ ...file, footerAt: file.footerAt }];
      others.push(path);
      // Compaction's have their own, which may not be known of yet.
      if (!hasPrefix(path, compactedPrefix)) commits.push(path);
      return [];
    });
    const found = await tokens.rows(files, search);
    // What compaction has not taken may stay for a while.
    this.#searched.note([...sizes.keys()]);
    const settled = commits.filter((path) => this.#searched.waits(path) === 0);
    this.#made.want([...found.without, ...settled], { from, until }, sizes);
    const lacking = others.filter((path) => tokens.lacks(path, search));
    return { ...found, lacking: new Set(lacking) };
  }

  async #valuesOf(kept: Kept, request: ValuesRequest, snapshot: bigint, run: RunSql): Promise<string | null> {
    this.options.asked?.note(request.table, [request.key]);
    const files = await liveFiles(kept, this.#place, request.table, snapshot, run);
    return this.#values.source(request, files, this.#directFile(request.table, files));
  }

  /** The same of the current snapshot, without a transaction: null unless all is in data files that are read straight. */
  async valuesOf(request: ValuesRequest, run: RunSql, look: Look): Promise<string | null> {
    const files = await this.#inFiles(request.table, run, look);
    if (files === null) return null;
    const direct = this.#directFile(request.table, files);
    for (const path of files.sizes.keys()) {
      if (files.touched.has(path) || direct(path) === null) return null;
    }
    this.options.asked?.note(request.table, [request.key]);
    return this.#values.source(request, files, direct);
  }

  /** What is known of a file from a look into it, else from the catalog, which knows of no columns of attributes. */
  #directFile(table: TableName, { told, validFrom }: LiveFiles): (path: string) => DirectFile | null {
    return (path) => {
      const looked = this.#direct.get(table, path, validFrom);
      const known = told.get(path);
      if (known === undefined) return looked;
      if (looked) return { ...looked, latestEnd: known.latestEnd };
      return { ...known, path, footerAt: null, attributes: noAttributes };
    };
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
    const { kept, filesOf } = newest;
    const known = this.#wholeSeries(kept, request, (kind) => filesOf(layoutOf(kind).table), given);
    if (known !== null || this.#recents === null) return known;
    const learnt = await this.#recents.learn(kept, request.kinds, reads);
    return learnt && this.#wholeSeries(kept, request, (kind) => learnt.get(kind) ?? null, given);
  }

  #wholeSeries(
    kept: Kept,
    request: SeriesRequest,
    filesOf: (kind: MetadataKind) => LiveFiles | null,
    given: Given,
  ): SeriesView | null {
    const tables: SeriesFiles[] = [];
    for (const kind of request.kinds) {
      const live = filesOf(kind);
      if (live === null) return null;
      const files = kept.files.get(kind) ?? new Map<string, KeptFile>();
      const recent = this.#recent(kept, kind, live, given);
      const table = seriesFiles(kind, live, files, request, this.options.smallestSampleFile, recent);
      if (table.rest !== null) return null;
      tables.push(table);
    }
    return { epoch: kept.epoch, tables };
  }

  /** Null when they are not known any more. */
  recentSets({ epoch, kind, after }: RecentSetsRequest): RecentSets | null {
    const sets = this.#kept?.epoch === epoch ? this.#kept.recent.get(kind)?.sets : undefined;
    if (!sets) return null;
    return { given: sets.given, sets: sets.after(after).map(({ number, cells }) => [number, cells]) };
  }

  /** What is known of the newest snapshot without a transaction; `filesOf`: null where a table's files are not. Null when nothing is kept at all. */
  async #newest(
    run: RunSql,
    look: Look,
  ): Promise<{ kept: Kept; filesOf: (table: TableName) => LiveFiles | null } | null> {
    if (this.options.maxEntries === 0 || this.#filling.closed) return null;
    const kept = this.#current();
    await kept.ready;
    const snapshot = await this.#look(kept, run, look);
    const filesOf = (table: TableName) => {
      const live = kept.live.get(table);
      return live?.snapshot === snapshot ? live.files : null;
    };
    return { kept, filesOf };
  }

  /** The newest snapshot. A query that has looked for it takes what was seen last, which is no older. */
  async #look(kept: Kept, run: RunSql, look: Look): Promise<bigint> {
    if (look.generation === kept.generation && kept.checked !== null) return kept.checked;
    const { commits } = this.options;
    const mark = commits?.mark ?? null;
    let snapshot = kept.checked;
    if (snapshot === null || mark === null || kept.quietSince !== mark) {
      snapshot = follow(kept, await changesSince(kept.checked, this.#place, run));
      // What begins by an older one has to look again: this look knew none, and another that began earlier ended first.
      if (kept.checked === null || kept.checked < snapshot) return snapshot;
      // Otherwise something may have been committed beside the look.
      if (mark !== null && commits?.mark === mark) kept.quietSince = mark;
    }
    look.generation = kept.generation;
    return snapshot;
  }

  /** What is in memory of the metrics that the request names, in the files of its answer. */
  withUnits({ names = [] }: SeriesRequest, view: SeriesView): SeriesView {
    if (names.length === 0) return view;
    const units = view.tables.flatMap(({ files }) =>
      files.flatMap((file) =>
        names.flatMap((name) => {
          const unit = this.#samples.kept(file, { name, part: 'value' });
          return unit ? [{ file, name, unit }] : [];
        }),
      ),
    );
    return { ...view, units };
  }

  /** Null when some of the files' samples are not to be had so. */
  async samples({ epoch, kind, name, part, files, samples }: SamplesRequest): Promise<SharedUnit[] | null> {
    const kept = this.#kept;
    if (kept?.epoch !== epoch) return null;
    const byNumber = new Map(
      [...(kept.files.get(kind) ?? [])].map(([path, file]) => [file.file, { path, ...file }]),
    );
    if (!files.every((file) => this.#samples.has(file, { name, part })) && !this.#samples.takes(samples))
      return null;
    const units: SharedUnit[] = [];
    for (const number of files) {
      const file = byNumber.get(number);
      const unit = file ? await this.#samples.unit({ kind, ...file }, { name, part }) : null;
      if (unit === null) return null;
      units.push(unit);
    }
    return units;
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
    await this.#direct.settled();
    await this.#values.settled();
    await this.#traceIds.settled();
    await this.#lineTimes.settled();
    await this.#made?.settled();
  }

  async close(): Promise<void> {
    await this.#learning?.close();
    await this.#filling.close();
    await this.#samples.close();
    await this.#direct.close();
    await this.#values.close();
    await this.#traceIds.close();
    await this.#lineTimes.close();
    await this.#made?.close();
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

/** For people, in the statement itself. */
function told({ read, skipped, lacking }: Sifted): string {
  const others = lacking.size === 0 ? '' : `, and ${lacking.size} files`;
  return `token index: ${skipped} of ${read + skipped} row groups are left out${others}`;
}
