import { tableDef, type TableName } from '../../../schema/index.js';

/** How the rows of a compacted file lie. */
export interface FileLayout {
  /** Columns of the table, by their names, and SQL expressions over them; `source` is what has all rows of the file. */
  readonly orderBy: (source: string) => readonly string[];
  /** Few enough that a lookup by a Bloom filter reads little, enough for dictionaries and statistics to pay. */
  readonly rowGroupRows: number;
  /**
   * Column chunks with more distinct values than this are not dictionary-encoded. DuckDB gives a Bloom filter only to
   * those that are; but to read one value of a dictionary is to decode all of it.
   */
  readonly dictionaryLimit: number;
  /** Bytes: nor are texts whose dictionary would be larger. */
  readonly dictionaryBytes?: number;
  /** Of zstd. */
  readonly level: number;
  /** Of the values that a column chunk lacks, how many its Bloom filter does not tell; DuckDB's own is a hundredth. */
  readonly filterErrs?: number;
}

const pointRowGroupRows = 61_440;
/**
 * Of log records and spans, whose rows are wide: of a row group with a wanted row each column is decompressed, as it is one page. With
 * half as many rows more is read of the footer than is saved.
 */
const wideRowGroupRows = 20_480;

const quick = 1;

/** The spans of a trace lie together, within a minute that few row groups hold, so each column of a trace is read in one place. */
const spans: FileLayout = {
  orderBy: () => [`date_trunc('minute', timestamp)`, 'trace_id', 'start_time_unix_nano'],
  rowGroupRows: wideRowGroupRows,
  dictionaryLimit: wideRowGroupRows / 2,
  level: quick,
};

/**
 * The points of a series lie together, so that what tells series apart is one run of a dictionary, times and values are close to
 * those before them, and one series is in one or two row groups. Nothing is looked up by a Bloom filter, and dictionaries of
 * as many values as rows take more than the values.
 */
const points: FileLayout = {
  orderBy: () => ['prometheus_name', 'service_name', 'service_instance_id', 'metric_attributes', 'timestamp'],
  rowGroupRows: pointRowGroupRows,
  dictionaryLimit: pointRowGroupRows / 10,
  level: quick,
};

/** Dictionaries of as many values as rows for ids and what is as short, as they are looked up: not for lines and JSON text. */
const idBytes = 40;

/** What is rewritten soon, or can't be looked up in an index. */
const logs: FileLayout = {
  orderBy: () => tableDef('logs').sortedBy,
  rowGroupRows: wideRowGroupRows,
  dictionaryLimit: wideRowGroupRows + 1,
  dictionaryBytes: wideRowGroupRows * idBytes,
  level: quick,
};

/** Of texts that occur at least twice each. The writer reserves as much for each column of text. */
const textBytes = 64;

/**
 * The lines of one process lie together: lines and attributes of a row group are more alike than those of a service, so its
 * dictionaries are small, and a selector of an instance or pod reads few row groups. Three hours from the first line on bound
 * what a short range reads of a day's file. Level 2 finds what repeats in twice the distance for the same time; those above it
 * take more, and make hexadecimal ids larger.
 */
const indexedLogs: FileLayout = {
  orderBy: (source) => [
    'service_name',
    `time_bucket(INTERVAL 3 HOURS, timestamp, (SELECT min(timestamp) FROM ${source}))`,
    'service_instance_id',
    'hash(resource_attributes)',
    'timestamp',
  ],
  rowGroupRows: wideRowGroupRows,
  dictionaryLimit: wideRowGroupRows / 2,
  dictionaryBytes: wideRowGroupRows * textBytes,
  level: 2,
  // Each dictionary gets one, of use or not, and half its size is as good where the index has the ids.
  filterErrs: 0.1,
};

/** `indexed`: the file gets an index, in which values are looked up that are too many for a dictionary. */
export function fileLayout(table: TableName, indexed: boolean): FileLayout {
  if (table === 'spans') return spans;
  if (tableDef(table).signal === 'metrics') return points;
  return indexed ? indexedLogs : logs;
}
