/** What the query languages need from the lake. Implemented by `lake/`; SQL is read-only. */
import type { StatementFigures } from './explain/figures.js';
import type { MetadataKind } from './metadata/layout.js';
import type { TableName } from '../schema/index.js';
import type { Needle } from './token-index/index.js';
import { QueryError } from './query-error.js';
import type { SharedTimes } from './line-times/unit.js';
import type { SharedSpans } from './recent/metric.js';
import type { SamplePart, SharedUnit } from './samples/unit.js';

export type { Needle } from './token-index/index.js';

export type SqlValue = string | number | bigint | boolean | null;

/** An array, or a typed array where no value is null. */
export type SqlColumn = ArrayLike<unknown> & Iterable<unknown>;

export interface ResultChunk {
  readonly rowCount: number;
  /** Column-major values: `columns[c][r]`. BIGINT comes as bigint, DOUBLE and INTEGER as number, VARCHAR as string, LIST as array. */
  readonly columns: readonly SqlColumn[];
}

export type RawKind =
  | 'boolean'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'int128'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'float'
  | 'double'
  | 'text'
  | 'list'
  | 'null';

/** A vector in the chunk's buffer: where its values lie in DuckDB's own layout, and its validity bits (-1: all valid). */
export interface RawColumn {
  readonly kind: RawKind;
  readonly count: number;
  readonly data: number;
  readonly validity: number;
  /** The values of all lists of a list column. */
  readonly child: RawColumn | null;
}

/** A result chunk not yet made into JS values, which another thread can do (`chunkValues`). */
export interface RawChunk {
  readonly rowCount: number;
  readonly columns: readonly RawColumn[];
  readonly buffer: ArrayBuffer;
  /** Keep a reference to it until the chunk was read. */
  readonly hold: unknown;
}

/** Which label sets or attribute keys rows of a window have (`lake/metadata`). */
export interface MetadataRequest {
  readonly kind: MetadataKind;
  /** Nanoseconds since the epoch: from (included) and until (not included). */
  readonly from: bigint;
  readonly until: bigint;
  /** The same window as a condition on rows. */
  readonly where: string;
  /** How many rows and bytes each has is asked too. */
  readonly weighed: boolean;
  /** Only of use where next to nothing has to be read for it. */
  readonly cheaply?: boolean;
}

/** Which of the files of a window are kept with their label sets or keys (`lake/metadata/store`), and what is in none of them. */
export interface ListingView {
  /** Numbers of files and label sets mean the same as long as it is the same. */
  readonly epoch: string;
  /** Of all files whose rows are within the window, and of those that have others too. */
  readonly whole: readonly number[];
  readonly cut: readonly number[];
  /** No label set of theirs has a higher number. */
  readonly lastId: number;
  /** How many label sets or keys are kept of all these files, those of each hour counted. */
  readonly entries: number;
  /** Paths of files that are not kept, which may be read straight, and have no rows outside of the window. */
  readonly unread: readonly string[];
  /** Columns of attributes, and keys that files which are not kept tell of theirs. */
  readonly told: readonly (readonly [origin: string, key: string])[];
  /** What to select the rest from, as `metadata` tells; null when there is none. */
  readonly rest: string | null;
}

/** Rows of a table of a window, with attributes of theirs as columns (`lake/direct`). */
export interface RowsRequest {
  readonly table: TableName;
  /** Nanoseconds since the epoch: from (included) and until (not included). No more than these rows are asked for. */
  readonly from: bigint;
  readonly until: bigint;
  /** Nor than spans that end at this moment or later. */
  readonly endsFrom?: bigint;
  /** Nor than spans of this trace, lower-case hex; the answer is empty where there are none. */
  readonly traceId?: string;
  /**
   * Spans of a trace: of use only where it is known of every file whether it has some. Lines with `words`: several answers need not be of one
   * snapshot, and none of their rows is asked for by its `rowid`.
   */
  readonly located?: boolean;
  /** A few rows are asked for, from this end: files come in this order, so that the last of them are opened, but not read. */
  readonly first?: 'newest' | 'oldest';
  /** The answer is empty where there are no rows to read at all. */
  readonly orNothing?: boolean;
  /** Keys of attributes, as the records have them. */
  readonly keys: readonly string[];
  /** Of some of them the JSON text of a scalar: only rows are asked for that have it, alone or in an array. */
  readonly equal?: readonly (string | null)[];
  /** Only these rows are asked for, by their `rowid`, as the session gave them since it looked for a table's files (`spread`). */
  readonly rowids?: readonly bigint[];
  /** Only rows of logs are asked for whose body has one text of each of these lists. */
  readonly words?: readonly (readonly Needle[])[];
}

/** A data file that may have wanted rows. */
export interface FileSpan {
  /** Nanoseconds since the epoch, of its first and its last row. */
  readonly first: bigint;
  readonly last: bigint;
  /** About how many row groups of it may have some. */
  readonly groups: number;
  /** Of the whole file. */
  readonly bytes: number;
}

/** How often each value of an attribute occurs in a window. */
export interface ValuesRequest {
  /** One whose attributes have types (`isTyped`). */
  readonly table: TableName;
  /** Nanoseconds since the epoch: from (included) and until (not included). */
  readonly from: bigint;
  readonly until: bigint;
  /** The same window as a condition on rows. */
  readonly where: string;
  readonly key: string;
}

export interface ValuesSource {
  /** To select `value` (VARCHAR, JSON text) and `records` (how many rows have it) from; a value may come more than once. */
  readonly sql: string;
  /** Files are read for it of which nothing is counted yet. */
  readonly reads: boolean;
}

/** When lines of logs were written, by label set. */
export interface LineTimesRequest {
  /** Nanoseconds since the epoch: from (included) and until (not included). No other lines are counted. */
  readonly from: bigint;
  readonly until: bigint;
  /** An attribute of log records by which they are told apart too. */
  readonly key?: string;
  /** Files of commits are not read by themselves, but with the rest. */
  readonly noCommits?: boolean;
}

/** A data file that may be read straight and never changes. */
export interface LinesFile {
  readonly path: string;
  /** How many it has. */
  readonly lines: number;
}

export interface LineTimesView {
  /** Numbers of label sets (`metadata/store`) mean the same as long as it is the same. */
  readonly epoch: string;
  /** No label set of theirs has a higher number. */
  readonly lastId: number;
  /** Of each file a part of which is in the window, all of its lines. */
  readonly units: readonly SharedTimes[];
  /** Files of commits, joined or not, whose rows are in none of them. */
  readonly commits: readonly LinesFile[];
  /** What to select the rows from that are in neither, as `rowsOf` gives them with the attribute; null when there are none. */
  readonly rest: string | null;
}

/** Which series have rows in a window. */
export interface SeriesRequest {
  readonly kinds: readonly MetadataKind[];
  /** Nanoseconds since the epoch: from (included) and until (not included). */
  readonly from: bigint;
  readonly until: bigint;
  /** Their samples are read too, for which very small files count as rest where there are many. */
  readonly samples: boolean;
  /** Metrics of which what is in memory comes with the answer. */
  readonly names?: readonly string[];
  /** No others are of interest; null for all. */
  readonly only?: readonly string[] | null;
  /** It is asked for next: what `listing` tells comes with the answer. */
  readonly listing?: MetadataRequest;
}

/** Rows that came last: those of small commits, and of files not yet known to the metadata cache (`lake/recent`). */
interface RecentSeries {
  /** In the place of a file, below zero. */
  readonly file: number;
  /** So many numbers were given to label sets of such rows, each below the one before. */
  readonly sets: number;
  /** Of the metrics that are of interest. */
  readonly spans: readonly SharedSpans[];
}

/** Label sets of recent rows of a table. */
export interface RecentSetsRequest {
  readonly epoch: string;
  readonly kind: MetadataKind;
  /** Those of which the numbers were given after so many. */
  readonly after: number;
}

export interface RecentSets {
  /** So many numbers were given, though not all of them are of use any more. */
  readonly given: number;
  /** Of each its number, and its cells in the order of the kind's columns. */
  readonly sets: readonly (readonly [number: number, cells: readonly unknown[]])[];
}

export interface SeriesFiles {
  readonly kind: MetadataKind;
  /** Numbers of the files with rows in or about the window whose series are kept (`metadata/store`). */
  readonly files: readonly number[];
  /** A condition on the table's rows that are in no file whose series are kept; null when there are none. */
  readonly rest: string | null;
  /** Their rows are not among the rest. */
  readonly recent?: RecentSeries;
}

export interface SeriesView {
  /** Numbers of files and label sets mean the same as long as it is the same. */
  readonly epoch: string;
  readonly tables: readonly SeriesFiles[];
  readonly units?: readonly KeptUnit[];
  /** Of the listing that was asked for beside it. */
  readonly listing?: ListingView | null;
}

/** The samples of a metric in a file. */
export interface KeptUnit {
  readonly file: number;
  readonly name: string;
  readonly unit: SharedUnit;
}

export interface SamplesRequest {
  readonly epoch: string;
  readonly kind: MetadataKind;
  readonly name: string;
  readonly part: SamplePart;
  /** Those below zero are recent rows of a view that this session was given. */
  readonly files: readonly number[];
  /** At most so many are in them. */
  readonly samples: number;
}

/** Is told how a statement ran that has come to its end; null when that is not known. Costs time: only for `explain`. */
export type FiguresOf = (figures: StatementFigures | null) => void;

/** Answers of a `LIMIT` up to this are held rather than streamed, so that their statements are planned once. */
export const mostHeldRows = 10_000;

export interface ReadSession {
  /** Of the query. */
  readonly signal?: AbortSignal | undefined;
  /** All rows at once, column names as keys; refuses with a QueryLimitError beyond `maxRows` (default from settings). */
  rows(
    sql: string,
    params?: readonly SqlValue[],
    maxRows?: number,
    figures?: FiguresOf,
  ): Promise<Record<string, unknown>[]>;
  /**
   * Streams result chunks of up to 2,048 rows; stop iterating to cancel. `whole`: its rows are few enough to be held, as those of a
   * small `LIMIT` always are, which saves planning it twice.
   */
  stream(
    sql: string,
    params?: readonly SqlValue[],
    figures?: FiguresOf,
    whole?: boolean,
  ): AsyncIterable<ResultChunk>;
  /** As `stream`, but leaves making JS values to another thread, where this method is absent. */
  raw?(sql: string, params?: readonly SqlValue[], figures?: FiguresOf, whole?: boolean): Promise<RawResult>;
  /**
   * What to select the metadata from, in the words of `unkept`; null when only the table itself has them. Every statement
   * after it reads the same snapshot.
   */
  metadata?(request: MetadataRequest): Promise<string | null>;
  /** The same as numbers of what is kept; null when `metadata` is to be asked. */
  listing?(request: MetadataRequest): Promise<ListingView | null>;
  /** Which files' series are kept; null when they have to be found in the tables. */
  series?(request: SeriesRequest): Promise<SeriesView | null>;
  /** The samples of a metric in files of that view, in their order; null when they are to be read from the table. */
  samples?(request: SamplesRequest): Promise<readonly SharedUnit[] | null>;
  /** Label sets of recent rows; null when they are not known. */
  recentSets?(request: RecentSetsRequest): Promise<RecentSets | null>;
  /**
   * What to select rows from in place of the table: its columns, `rowid`, and for the attribute of number i `attribute_i`
   * (VARCHAR: its value), `number_i` (DOUBLE: the same as a number), `faulty_i` (it has a value that is no number),
   * `empty_i` (the value is empty) and `text_i` (VARCHAR: JSON text that holds the value, NULL where there is none to
   * search); in spans, where types matter, those of `typedColumn` instead. Null: only the table itself has them. Every statement after it reads the same snapshot.
   */
  rowsOf?(request: RowsRequest): Promise<string | null>;
  /**
   * Which data files may have these rows, for a choice of what to read first; there may be rows elsewhere, of any time of the window. Every
   * statement after it reads the same snapshot.
   */
  spread?(request: RowsRequest): Promise<readonly FileSpan[] | null>;
  /** The times of a window's lines; null when too little of them is in memory. Every statement after it reads the same snapshot. */
  lineTimes?(request: LineTimesRequest): Promise<LineTimesView | null>;
  /** Null: they are to be found in the rows. Every statement after it reads the same snapshot. */
  valuesOf?(request: ValuesRequest): Promise<ValuesSource | null>;
}

export interface RawResult {
  readonly names: readonly string[];
  readonly chunks: AsyncIterable<RawChunk>;
}

export interface ReadPool {
  /** Runs `work` on one connection; when `signal` aborts, the running DuckDB query is interrupted. */
  withSession<T>(signal: AbortSignal, work: (session: ReadSession) => Promise<T>): Promise<T>;
}

/** The rows of result chunks as objects; refuses more than `maxRows` with QueryError('limit'). */
export class RowCollector {
  readonly rows: Record<string, unknown>[] = [];

  constructor(private readonly maxRows: number) {}

  add(names: readonly string[], chunk: ResultChunk): void {
    if (this.rows.length + chunk.rowCount > this.maxRows) {
      throw new QueryError('limit', `the query gives more than ${this.maxRows} rows`);
    }
    for (let r = 0; r < chunk.rowCount; r++) {
      const row: Record<string, unknown> = {};
      for (const [c, name] of names.entries()) row[name] = chunk.columns[c]?.[r];
      this.rows.push(row);
    }
  }
}
