import { listLiteral, literal } from '../../duckdb/index.js';
import type { RowsSource } from '../direct/rows.js';
import type { CountedSource } from '../values/source.js';
import type { AttributeKeys } from '../files/keys-note.js';
import type { LiveFiles } from '../files/live-files.js';
import { isInlined } from '../inlining.js';
import type { RecentTable } from '../recent/table.js';
import type { RunSql } from '../run-sql.js';
import type {
  FileSpan,
  LineTimesRequest,
  LineTimesView,
  ListingView,
  MetadataRequest,
  RowsRequest,
  SeriesFiles,
  SeriesRequest,
  ValuesRequest,
} from '../session.js';
import { layoutOf, type MetadataKind } from './layout.js';
import { hourNs } from './stage.js';
import { filesTable, hourSql, seenTable, setsTable } from './store.js';

export interface FileTimes {
  readonly file: number;
  /** Nanoseconds since the epoch, of its first and last row. */
  readonly first: bigint;
  readonly last: bigint;
}

interface KeptFile extends FileTimes {
  readonly path: string;
}

interface FileEntries extends FileTimes {
  readonly entries: number;
}

/** Of one kind, what is kept at some moment. */
export interface KeptNumbers {
  readonly files: ReadonlyMap<string, FileEntries>;
  /** Files and label sets of higher numbers came later. */
  readonly lastFile: number;
  readonly lastId: number;
}

const cheapBytes = 2 * 1024 * 1024;
const cheapRows = 20_000;

function isCheap({ sizes, inlined }: LiveFiles, unread: readonly string[]): boolean {
  const bytes = unread.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
  return inlined <= cheapRows && bytes <= cheapBytes;
}

/** Samples of smaller files, where there are many of them, are read with those of files that are not kept. */
export const smallBytes = 64 * 1024;
export const fewSmallFiles = 16;

/** What a view of series says of one table. */
export function seriesFiles(
  kind: MetadataKind,
  live: LiveFiles,
  kept: ReadonlyMap<string, FileTimes>,
  { from, until, samples, only = null }: SeriesRequest,
  smallest = smallBytes,
  recent: RecentTable | null = null,
): SeriesFiles {
  const files: number[] = [];
  const small: { readonly path: string; readonly file: number }[] = [];
  const unread: string[] = [];
  for (const [path, bytes] of live.sizes) {
    if (recent?.covers.has(path)) continue;
    const file = live.touched.has(path) ? undefined : kept.get(path);
    if (file === undefined) unread.push(path);
    else if (file.last < from || file.first >= until) continue;
    else if (samples && bytes < smallest) small.push({ path, file: file.file });
    else files.push(file.file);
  }
  if (small.length <= fewSmallFiles) files.push(...small.map(({ file }) => file));
  else unread.push(...small.map(({ path }) => path));
  const rest = [
    ...(unread.length > 0 ? [`filename IN ${textList(unread)}`] : []),
    ...(live.inlined > 0 && !recent?.inlined ? [isInlined] : []),
  ];
  const of = recent !== null && !recent.empty ? recent : null;
  if (of !== null) files.push(of.file);
  return {
    kind,
    files,
    rest: rest.length === 0 ? null : rest.join(' OR '),
    ...(of && { recent: { file: of.file, sets: of.sets, spans: of.spans(only) } }),
  };
}

/** Files of a window by what is kept of them; those whose rows are all outside of it are left out. */
function filesOf<F extends FileTimes>(
  live: LiveFiles,
  kept: (path: string) => F | undefined,
  { from, until }: MetadataRequest,
): { readonly inside: F[]; readonly partial: F[]; readonly unkept: string[] } {
  const [inside, partial, unkept]: [F[], F[], string[]] = [[], [], []];
  for (const path of live.sizes.keys()) {
    const file = live.touched.has(path) ? undefined : kept(path);
    if (file === undefined) unkept.push(path);
    else if (file.first >= from && file.last < until) inside.push(file);
    else if (file.last >= from && file.first < until) partial.push(file);
  }
  return { inside, partial, unkept };
}

/** What a view tells as numbers where all of it is kept; null where something has to be read beside. */
export function wholeListing(
  live: LiveFiles,
  { files, lastId }: KeptNumbers,
  epoch: string,
  request: MetadataRequest,
): ListingView | null {
  const { inside, partial, unkept } = filesOf(live, (path) => files.get(path), request);
  if (unkept.length > 0 || live.inlined > 0) return null;
  return {
    epoch,
    whole: numbersOf(inside),
    cut: numbersOf(partial),
    lastId,
    entries: entriesOf([...inside, ...partial]),
    unread: [],
    told: [],
    rest: null,
  };
}

function numbersOf(files: readonly FileTimes[]): number[] {
  return files.map(({ file }) => file);
}

function entriesOf(files: readonly FileEntries[]): number {
  return files.reduce((sum, { entries }) => sum + entries, 0);
}

/** The metadata of one snapshot: what is kept of its files, and which of them must be read. */
export class MetadataView {
  readonly #kept = new Map<MetadataKind, ReadonlyMap<string, KeptFile>>();

  constructor(
    private readonly run: RunSql,
    private readonly live: (kind: MetadataKind) => Promise<LiveFiles>,
    /** As `ReadSession.rowsOf` tells. */
    readonly rowsOf: (request: RowsRequest) => Promise<RowsSource | null>,
    /** As `ReadSession.spread` tells. */
    readonly spread: (request: RowsRequest) => Promise<readonly FileSpan[]>,
    /** As `ReadSession.valuesOf` tells. */
    readonly valuesOf: (request: ValuesRequest) => Promise<CountedSource | null>,
    /** As `ReadSession.lineTimes` tells. */
    readonly lineTimes: (request: LineTimesRequest) => Promise<LineTimesView | null>,
    readonly epoch: string,
    /** Of files that are not kept: the keys that they tell of themselves, by path. */
    private readonly told: (
      kind: MetadataKind,
      paths: readonly string[],
    ) => Promise<ReadonlyMap<string, AttributeKeys>>,
    /** As of when its snapshot was taken. */
    private readonly numbers: (kind: MetadataKind) => KeptNumbers,
    private readonly smallest?: number,
    /** The recent rows of these files, where they are known. */
    private readonly recent: (kind: MetadataKind, live: LiveFiles) => RecentTable | null = () => null,
  ) {}

  /** As `ReadSession.listing` tells. */
  async listing(request: MetadataRequest): Promise<ListingView | null> {
    const { kind } = request;
    const live = await this.live(kind);
    const { files, lastFile, lastId } = this.numbers(kind);
    const known = (path: string) => {
      const file = files.get(path);
      return file !== undefined && file.file <= lastFile ? file : undefined;
    };
    const { inside, partial, unkept } = filesOf(live, known, request);
    const found = await this.#unread(request, live, unkept);
    if (found === null || (request.cheaply && !isCheap(live, found.unread))) return null;
    const { from, until } = request;
    const isWhole = (path: string) => {
      const file = live.told.get(path);
      return file !== undefined && file.first >= from && file.last < until;
    };
    const others = found.unread.filter((path) => !isWhole(path));
    const rest = [...filesRows(request, live, others), ...inlinedRows(request, live)];
    return {
      epoch: this.epoch,
      whole: numbersOf(inside),
      cut: numbersOf(partial),
      lastId,
      entries: entriesOf([...inside, ...partial]),
      unread: found.unread.filter(isWhole),
      told: [...found.told].flatMap(([origin, keys]) => [...keys].map((key) => [origin, key] as const)),
      rest: rest.length === 0 ? null : `(${rest.join(' UNION ALL ')})`,
    };
  }

  /** Of files that are not kept, rows that they tell of themselves, and those to read; null when the table is as good. */
  async #unread(
    { kind, cheaply }: MetadataRequest,
    live: LiveFiles,
    unkept: readonly string[],
  ): Promise<{ readonly told: ReadonlyMap<string, ReadonlySet<string>>; readonly unread: string[] } | null> {
    // They may tell of keys that are outside of the window, which is good enough for what asks so.
    const told: ReadonlyMap<string, AttributeKeys> =
      cheaply && unkept.length > 0 ? await this.told(kind, unkept) : new Map();
    const unread = unkept.filter((path) => !told.has(path));
    const nothingKept = unread.length === live.sizes.size && unread.length > 0;
    if (nothingKept && !unread.every((path) => live.told.has(path))) return null;
    return { told: keysOf(told.values()), unread };
  }

  /** Something to select from, as `unkept` gives it; null when nothing is kept yet. */
  async source(request: MetadataRequest): Promise<string | null> {
    const { kind } = request;
    const live = await this.live(kind);
    if (live.sizes.size === 0 && live.inlined === 0) return nothing(kind);
    const kept = await this.#keptFiles(kind, live.validFrom);
    const { inside: within, partial, unkept } = filesOf(live, (path) => kept.get(path), request);
    const inside = numbersOf(within);
    const found = await this.#unread(request, live, unkept);
    if (found === null) return null;
    const { told, unread } = found;
    const parts = request.weighed
      ? await this.#weighed(request, inside, partial)
      : await this.#present(request, inside, partial, unread);
    if (request.cheaply && !isCheap(live, unread)) return null;
    parts.push(...toldRows(told), ...filesRows(request, live, unread), ...inlinedRows(request, live));
    return parts.length === 0 ? nothing(kind) : `(${parts.join(' UNION ALL ')})`;
  }

  async series(request: SeriesRequest): Promise<SeriesFiles[]> {
    const tables: SeriesFiles[] = [];
    for (const kind of request.kinds) {
      const live = await this.live(kind);
      const kept = await this.#keptFiles(kind, live.validFrom);
      tables.push(seriesFiles(kind, live, kept, request, this.smallest, this.recent(kind, live)));
    }
    return tables;
  }

  async #keptFiles(kind: MetadataKind, validFrom: bigint): Promise<ReadonlyMap<string, KeptFile>> {
    let kept = this.#kept.get(kind);
    if (kept === undefined) {
      const found = await this.run(
        `SELECT file, path, first, last FROM ${filesTable} WHERE kind = ${literal(kind)} AND snapshot >= ${validFrom}`,
      );
      kept = new Map(
        found.map(([file, path, first, last]) => [
          path as string,
          { file: file as number, path: path as string, first: first as bigint, last: last as bigint },
        ]),
      );
      this.#kept.set(kind, kept);
    }
    return kept;
  }

  /** Whether a set is there: its first or its last row of an hour tells, unless the window lies between the two. */
  async #present(
    { kind, from, until }: MetadataRequest,
    inside: readonly number[],
    partial: readonly KeptFile[],
    unread: string[],
  ): Promise<string[]> {
    const numbers = partial.map(({ file }) => file);
    if (partial.length > 0 && until - from < hourNs) {
      const between = new Set(
        (
          await this.run(
            `SELECT DISTINCT file FROM ${seenTable(kind)}
             WHERE file IN ${numberList(numbers)} AND first < ${from} AND last >= ${until}`,
          )
        ).map(([file]) => file as number),
      );
      for (const { file, path } of partial) if (between.has(file)) unread.push(path);
    }
    const within = (column: string) => `${column} >= ${from} AND ${column} < ${until}`;
    const seen = [
      ...(inside.length > 0 ? [`file IN ${numberList(inside)}`] : []),
      ...(numbers.length > 0
        ? [`file IN ${numberList(numbers)} AND (${within('first')} OR ${within('last')})`]
        : []),
    ];
    if (seen.length === 0) return [];
    const names = layoutOf(kind).columns.map(({ name }) => name);
    return [
      `SELECT ${names.join(', ')}, 1 AS records, 0 AS bytes FROM ${setsTable(kind)} ` +
        `WHERE id IN (SELECT id FROM ${seenTable(kind)} WHERE ${seen.map((sql) => `(${sql})`).join(' OR ')})`,
    ];
  }

  /** How many rows and bytes: of whole hours from what is kept, of an hour at the window's edge from the rows. */
  async #weighed(
    request: MetadataRequest,
    inside: readonly number[],
    partial: readonly KeptFile[],
  ): Promise<string[]> {
    const { kind, from, until } = request;
    const seen = inside.length > 0 ? [`file IN ${numberList(inside)}`] : [];
    const parts: string[] = [];
    if (partial.length > 0) {
      const numbers = numberList(partial.map(({ file }) => file));
      const hours = await this.run(
        `SELECT hour, list(file) FROM (
           SELECT file, first // ${hourNs} AS hour, min(first) AS first, max(last) AS last FROM ${seenTable(kind)}
           WHERE file IN ${numbers} GROUP BY ALL)
         WHERE (first < ${from} OR last >= ${until}) AND last >= ${from} AND first < ${until} GROUP BY hour`,
      );
      const edges = hours.map(([hour, files]) => ({
        hour: hour as bigint,
        files: [...(files as Iterable<number>)],
      }));
      const edge = edges.map(
        ({ hour, files }) => `first // ${hourNs} = ${hour} AND file IN ${numberList(files)}`,
      );
      const whole = [`file IN ${numbers}`, `first >= ${from}`, `last < ${until}`];
      seen.push([...whole, ...edge.map((sql) => `NOT (${sql})`)].join(' AND '));
      for (const { hour, files } of edges) {
        const paths = partial.filter(({ file }) => files.includes(file)).map(({ path }) => path);
        parts.push(rows(request, `filename IN ${textList(paths)} AND ${hourSql(hour)}`, hour));
      }
    }
    if (seen.length === 0) return parts;
    const names = layoutOf(kind).columns.map(({ name }) => name);
    return [
      `SELECT ${names.join(', ')}, records, bytes FROM (` +
        `SELECT id, sum(records)::BIGINT AS records, sum(bytes)::BIGINT AS bytes FROM ${seenTable(kind)} ` +
        `WHERE ${seen.map((sql) => `(${sql})`).join(' OR ')} GROUP BY id) JOIN ${setsTable(kind)} USING (id)`,
      ...parts,
    ];
  }
}

/** By column. */
function keysOf(files: Iterable<AttributeKeys>): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>();
  for (const file of files) {
    for (const [column, keys] of file) {
      const known = all.get(column) ?? new Set();
      for (const key of keys) known.add(key);
      all.set(column, known);
    }
  }
  return all;
}

/** In the words of `unkept` for kinds of keys. */
function toldRows(all: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  return [...all]
    .filter(([, keys]) => keys.size > 0)
    .map(
      ([column, keys]) =>
        `SELECT ${literal(column)} AS origin, unnest(${listLiteral([...keys])}) AS key, 1 AS records, 0 AS bytes`,
    );
}

function nothing(kind: MetadataKind): string {
  return `(SELECT *, 1 AS records, 0 AS bytes FROM ${setsTable(kind)} WHERE FALSE)`;
}

/** Of files that are not kept: straight where the catalog tells enough of them, in one scan. */
function filesRows(request: MetadataRequest, { told }: LiveFiles, paths: readonly string[]): string[] {
  const { from, until } = request;
  const others = paths.filter((path) => !told.has(path));
  const straight = paths.filter((path) => {
    const file = told.get(path);
    return file !== undefined && file.last >= from && file.first < until;
  });
  const parquet = `read_parquet(${listLiteral(straight)}, hive_partitioning => false)`;
  return [
    ...(straight.length > 0 ? [rows(request, 'TRUE', undefined, parquet)] : []),
    ...(others.length > 0 ? [rows(request, `filename IN ${textList(others)}`)] : []),
  ];
}

function inlinedRows(request: MetadataRequest, { inlined, inlinedSources }: LiveFiles): string[] {
  if (inlined === 0) return [];
  if (inlinedSources === null) return [rows(request, isInlined)];
  return inlinedSources.map((source) => rows(request, 'TRUE', undefined, source));
}

/** Of the table itself, those of the window and of `where`; of one hour only where it is given. */
function rows({ kind, where }: MetadataRequest, which: string, hour?: bigint, from?: string): string {
  const { columns, select } = layoutOf(kind);
  const names = columns.map(({ name }) => name).join(', ');
  const hours = hour === undefined ? '' : ` WHERE t // ${hourNs} = ${hour}`;
  return `SELECT ${names}, 1 AS records, bytes FROM (${select(`(${where}) AND ${which}`, from)})${hours}`;
}

function textList(values: readonly string[]): string {
  return `(${values.map(literal).join(', ')})`;
}

function numberList(values: readonly number[]): string {
  return `(${values.join(', ')})`;
}
