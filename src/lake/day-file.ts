import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { ident, literal, timestampLiteral } from '../duckdb/index.js';
import type { TableName } from '../schema/index.js';
import { keysNote, type AttributeKeys } from './files/keys-note.js';
import type { StreamProgress } from './types.js';

/**
 * Key of the note in a file's metadata, JSON: `[{stream, from, to}]`, the stretches of the spool's streams whose rows
 * the commit put into the lake. A catalog that is made anew finds its watermarks by it.
 */
export const streamsKey = 'canardstack_streams';

/**
 * Key of the note of a file whose rows lie in an order, and the only one: runs of the rows of one process, sorted by service, instance,
 * attributes of the resource and the time of a run's first row (`process-order.ts`). The rows of a process need not be sorted by time.
 */
export const orderKey = 'canardstack_order';
const processOrder = 'process';

/**
 * Smaller row groups keep the writer's dictionaries in the processor's cache; compaction writes large ones.
 */
const rowGroupRows = 40_960;
/** As many as of compaction: what lies in order is good for questions, and row groups may be taken as they are. */
const orderedRowGroupRows = 20_480;
const dayMs = 86_400_000;
/** Of strings and values before they are encoded. Bounds the writer's memory where records are large. */
const rowGroupBytes = 32 * 1024 * 1024;
/** Columns with more values than this in a row group, as trace ids, are not worth trying a dictionary on. */
const dictionaryValues = 2000;

/** One Parquet file in a table's folder of one day, and the statements that write it and make it the lake's. */
export interface DayFile {
  /** Its name until its checksum is known. */
  readonly path: string;
  /** The COPY that writes it to `path`. */
  readonly write: (path: string) => string;
  /** The statement that makes `path`, where the file is by now, the lake's. */
  readonly add: (path: string) => string;
}

/**
 * The rows of a commit nearly always lie in one day, or in a few. Written by COPY straight into the day's folder they cost
 * half of what DuckLake's partitioned INSERT costs, which first copies all rows apart by partition.
 * `day` is a midnight UTC in ms; `dataPath` ends with a slash. `ordered`: `select` gives the rows by process.
 */
export function dayFile(
  dataPath: string,
  table: TableName,
  day: number,
  select: string,
  progress: readonly StreamProgress[],
  keys: AttributeKeys = new Map(),
  ordered = false,
): DayFile {
  const order = ordered ? { [orderKey]: processOrder } : {};
  const all = notes({ ...streamsNote(progress), ...keysNote(keys), ...order });
  const options = `ROW_GROUP_SIZE_BYTES ${rowGroupBytes}${all}`;
  const rows = ordered ? orderedRowGroupRows : rowGroupRows;
  return tableFile(dataPath, { table, day, prefix: 'canardstack-', select, options, rowGroupRows: rows });
}

/** A file of any table; `day` null: in the table's own folder, for tables without partitions. */
export function tableFile(
  dataPath: string,
  file: {
    readonly table: string;
    readonly day: number | null;
    readonly prefix: string;
    readonly select: string;
    /** More of COPY's. */
    readonly options?: string;
    readonly rowGroupRows?: number;
  },
): DayFile {
  const { table, day, select } = file;
  const parts = ['main', table, ...(day === null ? [] : dayFolders(day))];
  const folder = dataPath.includes('://') ? dataPath + parts.join('/') : join(dataPath, ...parts);
  const path = `${folder}/${file.prefix}${randomUUID()}.parquet`;
  const more = file.options === undefined ? '' : `, ${file.options}`;
  const options = `FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2, ROW_GROUP_SIZE ${file.rowGroupRows ?? rowGroupRows}, DICTIONARY_SIZE_LIMIT ${dictionaryValues}${more}`;
  return {
    path,
    write: (to) => `COPY (${select}) TO ${literal(to)} (${options})`,
    add: (at) =>
      `CALL ducklake_add_data_files('lake', ${literal(table)}, ${literal(at)}, schema => 'main', hive_partitioning => ${day !== null})`,
  };
}

function dayFolders(day: number): string[] {
  const date = new Date(day);
  return [`year=${date.getUTCFullYear()}`, `month=${date.getUTCMonth() + 1}`, `day=${date.getUTCDate()}`];
}

export function insertStatement(table: TableName, columns: readonly string[], select: string): string {
  return `INSERT INTO lake.main.${ident(table)} (${columns.map(ident).join(', ')}) ${select}`;
}

/** The rows of one day; `day` is a midnight UTC in ms. */
export function ofDay(select: string, day: number): string {
  return `SELECT * FROM (${select}) WHERE timestamp >= ${timestampLiteral(day)} AND timestamp < ${timestampLiteral(day + dayMs)}`;
}

function notes(texts: Readonly<Record<string, string>>): string {
  const entries = Object.entries(texts).map(([name, text]) => `${name}: ${literal(text)}`);
  return entries.length === 0 ? '' : `, KV_METADATA {${entries.join(', ')}}`;
}

/** Nothing when it is not known where the rows of each stream begin. */
function streamsNote(progress: readonly StreamProgress[]): Record<string, string> {
  const streams = progress.flatMap(({ stream, from, position }) =>
    from === undefined ? [] : [{ stream, from, to: position }],
  );
  if (streams.length === 0 || streams.length < progress.length) return {};
  return { [streamsKey]: JSON.stringify(streams) };
}
