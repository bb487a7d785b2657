import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, isOutOfMemory, listLiteral, literal, openDatabase } from '../../../duckdb/index.js';
import type { ColumnDef, TableName } from '../../../schema/index.js';
import {
  chooseColumns,
  columnsSql,
  parseColumnName,
  sampleSql,
  valuesSql,
  type AttributeColumn,
  type ColumnChoice,
} from '../../attribute-columns/index.js';
import { buildDigest } from '../../file-digest/index.js';
import { idColumns, indexParts, type IndexPart } from '../../token-index/index.js';
import { carriedRows } from './carried.js';
import type { FileLayout } from './file-layout.js';
import { joinedChunksSql, joinProblem } from './join/chunks.js';
import type { Notes } from './join/index.js';
import { joinedNotes, notedKeys } from './notes.js';

export interface SorterOptions {
  /** Bytes; what a sort needs beyond goes to `temporary`. */
  readonly memoryLimitBytes: number;
  /** For a sort that can do with no less, as few of its rows go into memory at once. */
  readonly mostMemoryBytes: number;
  /** A folder that nothing else uses; it may not be there yet. */
  readonly temporary: string;
}

/** Which attributes of a column of JSON text get columns of their own. */
export interface AttributeChoice extends ColumnChoice {
  readonly origin: string;
}

/** Of a row group: so many that most others lack a value, and Parquet's filters, which err often, would have them read for it. */
const manyValues = 256;

/** Whether queries compare the column's values. */
function isLookedUp(column: string): boolean {
  return idColumns.some((id) => id === column) || parseColumnName(column)?.kind === 'text';
}

/** Below it the writer alone has too little. */
const leastMemoryBytes = 160 * 1024 * 1024;
/** How many times what a sort has in memory its rows may be: with three times as many each of them is written to disk several times. */
const inMemoryPart = 2.5;

/** Bytes, to be tried one after the other: what rows of so many bytes are likely to need, the usual limit and the highest one. */
export function memoryLimits(
  { memoryLimitBytes: usual, mostMemoryBytes }: Omit<SorterOptions, 'temporary'>,
  rowBytes: number,
): readonly number[] {
  const small = Math.max(leastMemoryBytes, rowBytes / inMemoryPart);
  return [...(small < usual ? [small] : []), usual, ...(mostMemoryBytes > usual ? [mostMemoryBytes] : [])];
}

/** No table has a column of this name. */
const attributeValues = 'canardstack_attribute_values';

/**
 * A DuckDB of its own that sorts data files into one. Apart from the lake's, because a sort takes all the memory that
 * it is given, and queries and commits must go on beside it; with one thread, to leave them a core.
 */
export class Sorter {
  private constructor(
    private readonly connection: DuckDBConnection,
    private readonly options: SorterOptions,
    private readonly shut: () => void,
  ) {}

  static async open(options: SorterOptions): Promise<Sorter> {
    const database = await openDatabase({
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      memory_limit: `${options.memoryLimitBytes}B`,
      temp_directory: options.temporary,
      threads: '1',
      // Each file is read once, so what is kept of it only takes memory from the sort.
      enable_external_file_cache: 'false',
    });
    try {
      const { connection } = await database.connect();
      return new Sorter(connection, options, () => database.instance.closeSync());
    } catch (error) {
      database.instance.closeSync();
      throw error;
    }
  }

  /**
   * Writes the rows of `inputs` (local Parquet files) to `output`, laid out as `layout` says, and gives their number.
   * Columns that a file lacks are NULL. `attributes`: what gets columns beside those of the table. Rejects when the output
   * does not hold exactly as many rows as the inputs.
   */
  async sort(
    inputs: readonly string[],
    output: string,
    columns: readonly ColumnDef[],
    layout: FileLayout,
    attributes: AttributeChoice | null = null,
  ): Promise<number> {
    const source = `read_parquet(${listLiteral(inputs)}, union_by_name => true, hive_partitioning => false)`;
    const present = new Set((await this.#rows(`DESCRIBE FROM ${source}`)).map(([name]) => String(name)));
    const rows = await carriedRows((sql) => this.#rows(sql), { source, inputs, present }, columns);
    const carried = rows.columns.flatMap((column) => column.carried ?? []);
    const order = layout.orderBy(source).map((key) => rows.keys.get(key) ?? key);
    const sorted = `SELECT ${carried.join(', ')} FROM ${source} ORDER BY ${order.join(', ')}`;
    const restored = `SELECT ${rows.columns.map((column) => column.restored).join(', ')} FROM (${sorted})`;
    const chosen =
      attributes !== null && present.has(attributes.origin) ? await this.#chosen(inputs, attributes) : [];
    const select =
      attributes === null || chosen.length === 0
        ? restored
        : `SELECT ${[...columns.map(({ name }) => ident(name)), ...columnsSql(chosen, attributeValues)].join(', ')}
           FROM (SELECT *, ${valuesSql(attributes.origin, chosen)} AS ${attributeValues} FROM (${restored}))`;
    const notes = Object.entries(joinedNotes(await this.#notes(inputs))).map(
      ([key, text]) => `${key}: ${literal(text)}`,
    );
    const options = [
      'FORMAT parquet',
      'COMPRESSION zstd',
      `COMPRESSION_LEVEL ${layout.level}`,
      'PARQUET_VERSION v2',
      `ROW_GROUP_SIZE ${layout.rowGroupRows}`,
      `DICTIONARY_SIZE_LIMIT ${layout.dictionaryLimit}`,
      ...(layout.dictionaryBytes === undefined
        ? []
        : [`STRING_DICTIONARY_PAGE_SIZE_LIMIT ${layout.dictionaryBytes}`]),
      ...(layout.filterErrs === undefined ? [] : [`BLOOM_FILTER_FALSE_POSITIVE_RATIO ${layout.filterErrs}`]),
      ...(notes.length === 0 ? [] : [`KV_METADATA {${notes.join(', ')}}`]),
    ];
    await this.#sparing(`COPY (${select}) TO ${literal(output)} (${options.join(', ')})`, rows.bytes);
    const [read, written] = [await this.#count(inputs), await this.#count([output])];
    if (read !== written) throw new Error(`${read} rows were to be sorted, ${written} were written`);
    return written;
  }

  /** What those who ask would read of a file before they read its rows, or of it what the `whole` is not read for; null for more than is worth keeping. */
  digest(path: string, table: TableName, whole: boolean): Promise<Buffer | null> {
    const scratch = join(this.options.temporary, 'digest');
    return buildDigest(this.connection, { path, table, scratch, whole });
  }

  /** Rejects unless `output` has the column chunks of `inputs`, each as it was but for its place, as DuckDB reads their footers. */
  async assertJoined(inputs: readonly string[], output: string): Promise<void> {
    const [read, written] = [await this.#count(inputs), await this.#count([output])];
    if (read !== written) throw new Error(`${read} rows were to be joined, ${written} were written`);
    const problem = joinProblem(await this.#rows(joinedChunksSql(inputs, output)));
    if (problem !== null) throw new Error(`files were not joined as they are: ${problem}`);
  }

  /**
   * What the index of a file is made of, row group by row group: the texts of `column`, and the values of ids and
   * attributes of which row groups have many, or too many for a Bloom filter of Parquet's.
   */
  async *indexParts(path: string, column: string): AsyncIterable<IndexPart> {
    const chunks = await this.#rows(
      `SELECT path_in_schema, count(*) > count(bloom_filter_offset) OR coalesce(max(stats_distinct_count), 0) >= ${manyValues}
       FROM parquet_metadata(${literal(path)}) GROUP BY ALL`,
    );
    const values = chunks
      .filter(([name, many]) => many === true && isLookedUp(String(name)))
      .map(([name]) => String(name));
    yield* indexParts(this.connection, path, { texts: [column], values });
  }

  async #sparing(sql: string, rowBytes: number): Promise<void> {
    const limits = memoryLimits(this.options, rowBytes);
    try {
      for (const [i, limit] of limits.entries()) {
        try {
          await this.#limit(limit);
          await this.connection.run(sql);
          return;
        } catch (error) {
          if (i === limits.length - 1 || !isOutOfMemory(error)) throw error;
        }
      }
    } finally {
      await this.#limit(this.options.memoryLimitBytes);
    }
  }

  async #limit(bytes: number): Promise<void> {
    await this.connection.run(`SET memory_limit = '${Math.round(bytes)}B'`);
  }

  interrupt(): void {
    this.connection.interrupt();
  }

  close(): void {
    this.connection.closeSync();
    this.shut();
  }

  async #chosen(
    inputs: readonly string[],
    { origin, ...choice }: AttributeChoice,
  ): Promise<AttributeColumn[]> {
    if (choice.most === 0) return [];
    const rows = await this.#rows(sampleSql(inputs, origin));
    const facts = rows.map(([, key, records, distinct, numeric, length]) => ({
      key: String(key),
      records: Number(records),
      distinct: Number(distinct),
      numeric: numeric === true,
      length: Number(length),
    }));
    return chooseColumns(origin, Number(rows[0]?.[0] ?? 0), facts, choice);
  }

  async #count(files: readonly string[]): Promise<number> {
    const [row] = await this.#rows(`SELECT sum(num_rows) FROM parquet_file_metadata(${listLiteral(files)})`);
    return Number(row?.[0]);
  }

  async #notes(inputs: readonly string[]): Promise<Notes[]> {
    const rows = await this.#rows(
      `SELECT file_name, decode(key), decode(value) FROM parquet_kv_metadata(${listLiteral(inputs)})
       WHERE decode(key) IN (${notedKeys.map(literal).join(', ')})`,
    );
    return inputs.map(
      (path) =>
        new Map(rows.flatMap(([file, key, text]) => (file === path ? [[String(key), String(text)]] : []))),
    );
  }

  async #rows(sql: string): Promise<unknown[][]> {
    return (await this.connection.runAndReadAll(sql)).getRows();
  }
}
