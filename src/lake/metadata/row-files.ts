import type { TableName } from '../../schema/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import type { AskedKeys } from '../attribute-columns/index.js';
import type { BackgroundHost } from '../background.js';
import { DirectFiles, type DirectFile } from '../direct/files.js';
import { rowsSql, type RowsSource } from '../direct/rows.js';
import type { CountedSource } from '../values/source.js';
import { spreadOf } from '../direct/spread.js';
import { TraceIds } from '../direct/trace-ids.js';
import type { LiveFiles } from '../files/live-files.js';
import { LineTimesCache } from '../line-times/index.js';
import { compactedPrefix, hasPrefix } from '../maintenance/moved.js';
import type { FileSpan, LineTimesRequest, LineTimesView, RowsRequest, ValuesRequest } from '../session.js';
import { MadeIndexes, searchOf, type Found, type Search, type TokenIndexes } from '../token-index/index.js';
import { AttributeValues } from '../values/index.js';
import { NewFiles } from './new-files.js';
import type { FileTimes } from './view.js';

export interface RowFilesOptions {
  readonly host: BackgroundHost;
  readonly telemetry: Telemetry;
  /** Is told which attributes queries ask for. */
  readonly asked?: AskedKeys | undefined;
  /** Null: they are not used. */
  readonly tokens?: TokenIndexes | null | undefined;
  /** How long the lines of a commit's file are left without an index. */
  readonly searchedWaitMs: number;
}

/** Where a search may find something. */
interface Sifted extends Found {
  /** Of files without an index of their own, those that have nothing of it. */
  readonly lacking: ReadonlySet<string>;
}

const noAttributes: DirectFile['attributes'] = new Map();

/** What is known of the rows in data files, whatever snapshot they are of: how to read those of them that a question wants. */
export class RowFiles {
  readonly direct: DirectFiles;
  readonly traceIds: TraceIds;
  readonly #values: AttributeValues;
  readonly #lineTimes: LineTimesCache;
  readonly #made: MadeIndexes | null;
  /** Files of logs that searches have met. */
  readonly #searched: NewFiles;

  constructor(private readonly options: RowFilesOptions) {
    const { host, telemetry, tokens } = options;
    this.direct = new DirectFiles(host, telemetry);
    this.traceIds = new TraceIds(host, telemetry);
    this.#values = new AttributeValues(host, telemetry);
    this.#lineTimes = new LineTimesCache(host, telemetry);
    this.#searched = new NewFiles(options.searchedWaitMs);
    this.#made = tokens ? new MadeIndexes(host, telemetry, tokens) : null;
  }

  /** As `ReadSession.rowsOf` tells. `alone`: null where data files that are read straight do not have all of them. */
  async rowsOf(request: RowsRequest, files: LiveFiles, alone: boolean): Promise<RowsSource | null> {
    const rows = await this.#rowsOf(request, files, alone);
    if (rows !== null || !alone) this.options.asked?.note(request.table, request.keys);
    return rows;
  }

  async #rowsOf(request: RowsRequest, files: LiveFiles, alone: boolean): Promise<RowsSource | null> {
    this.direct.keep(request.table, files.sizes);
    const direct = this.#directFile(request.table, files);
    if (request.traceId !== undefined && request.table === 'spans') {
      const { known, mayHold } = this.traceIds.finder(request.traceId, files.sizes);
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

  /** As `ReadSession.spread` tells. */
  async spread(request: RowsRequest, files: LiveFiles): Promise<FileSpan[]> {
    const direct = this.#directFile(request.table, files);
    const found = await this.#found(request, files, direct, this.searchOf(request));
    const rows = new Map(found?.rows ?? []);
    for (const path of found?.lacking ?? []) rows.set(path, []);
    return spreadOf(request, files, direct, rows);
  }

  /** What the token index can be asked for; null: nothing. */
  searchOf({ table, words }: RowsRequest): Search | null {
    return table !== 'logs' || words === undefined || !this.options.tokens ? null : searchOf(words);
  }

  async #found(
    { from, until }: RowsRequest,
    { sizes, touched, told }: LiveFiles,
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
    this.#searched.note([...sizes.keys()], told);
    const settled = commits.filter((path) => this.#searched.waits(path) === 0);
    this.#made.want([...found.without, ...settled], { from, until }, sizes);
    const lacking = others.filter((path) => tokens.lacks(path, search));
    return { ...found, lacking: new Set(lacking) };
  }

  /** What to select an attribute's values from, as `ReadSession.valuesOf` tells. `alone`: null unless all is in data files that are read straight. */
  async valuesOf(request: ValuesRequest, files: LiveFiles, alone: boolean): Promise<CountedSource | null> {
    const direct = this.#directFile(request.table, files);
    const isStraight = (path: string) => !files.touched.has(path) && direct(path) !== null;
    if (alone && ![...files.sizes.keys()].every(isStraight)) return null;
    this.options.asked?.note(request.table, [request.key]);
    return this.#values.source(request, files, direct);
  }

  /** As `ReadSession.lineTimes` tells, but for what numbers mean. `known`: of a file whose label sets are kept. */
  lineTimes(
    request: LineTimesRequest,
    live: LiveFiles,
    known: (path: string) => FileTimes | undefined,
  ): Omit<LineTimesView, 'epoch' | 'lastId'> | null {
    return this.#lineTimes.of(request, { live, known, direct: this.#directFile('logs', live) });
  }

  /** What is known of a file from a look into it, else from the catalog, which knows of no columns of attributes. */
  #directFile(table: TableName, { told, validFrom }: LiveFiles): (path: string) => DirectFile | null {
    return (path) => {
      const looked = this.direct.get(table, path, validFrom);
      const known = told.get(path);
      if (known === undefined) return looked;
      if (looked) return { ...looked, latestEnd: known.latestEnd };
      return { ...known, path, footerAt: null, attributes: noAttributes };
    };
  }

  /** Resolves when every file that was asked for was read, or refused. */
  async settled(): Promise<void> {
    await this.direct.settled();
    await this.#values.settled();
    await this.traceIds.settled();
    await this.#lineTimes.settled();
    await this.#made?.settled();
  }

  async close(): Promise<void> {
    await this.direct.close();
    await this.#values.close();
    await this.traceIds.close();
    await this.#lineTimes.close();
    await this.#made?.close();
  }
}

/** For people, in the statement itself. */
function told({ read, skipped, lacking }: Sifted): string {
  const others = lacking.size === 0 ? '' : `, and ${lacking.size} files`;
  return `token index: ${skipped} of ${read + skipped} row groups are left out${others}`;
}
