import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine, ident, literal } from '../../duckdb/index.js';
import { tableDef, type TableName } from '../../schema/index.js';
import type { Telemetry } from '../../telemetry/index.js';
import type { AttributeColumn } from '../attribute-columns/index.js';
import { BackgroundQueue, type BackgroundHost } from '../background.js';
import { compactedPrefix, hasPrefix } from '../maintenance/moved.js';
import { parquetTail } from '../files/before-footer.js';
import { attributesOf, mixedColumns, timeColumns } from './contents.js';

/** A data file that may be read without DuckLake: it has every column of the table, and no row of it is deleted. */
export interface DirectFile {
  readonly path: string;
  /** `rowid` of its first row. */
  readonly firstRow: bigint;
  /** How many it has. */
  readonly rows: bigint;
  /** Nanoseconds since the epoch, of the first and the last record. */
  readonly first: bigint;
  readonly last: bigint;
  /** Where its footer begins, bytes; null when that is not known. */
  readonly footerAt: number | null;
  /** When the last of its spans ended; null or absent when that is not known. */
  readonly latestEnd?: bigint | null;
  /** By `<origin> <key>`. Columns of numbers have no value in them that is none, of JSON no array. */
  readonly attributes: ReadonlyMap<string, AttributeColumn>;
}

/** As of a snapshot; null: it is to be read through DuckLake. */
export interface Look {
  readonly snapshot: bigint;
  readonly file: DirectFile | null;
}

interface Wanted {
  readonly table: TableName;
  readonly path: string;
}

/** It is not looked at again. */
const never = 2n ** 63n;

/**
 * The data files that may be read straight, of those that compaction has written. Each is looked at once, in the background, after a query could have
 * used it; until then, and where something is amiss, it is read through DuckLake.
 */
export class DirectFiles {
  #generation = -1;
  /** By table, then by path. */
  readonly #known = new Map<TableName, Map<string, Look>>();
  readonly #queue: BackgroundQueue<Wanted, Look>;

  constructor(
    private readonly host: BackgroundHost,
    telemetry: Telemetry,
  ) {
    this.#queue = new BackgroundQueue({
      host,
      read: readFile,
      failed(error) {
        telemetry.log.debug({ err: firstLine(error) }, 'a data file could not be looked at');
        return { snapshot: never, file: null };
      },
      keep: (_, look, { table, path }) => this.#of(table).set(path, look),
    });
  }

  /**
   * A live file of the table, if it is known that it may be read straight, found after `validFrom`, the snapshot of the last
   * deletion of single rows.
   */
  get(table: TableName, path: string, validFrom: bigint): DirectFile | null {
    if (!timeColumns.has(table) || !hasPrefix(path, compactedPrefix)) return null;
    this.#renew();
    const known = this.#of(table).get(path);
    if (known !== undefined && known.snapshot >= validFrom) return known.file;
    this.#queue.add(path, { table, path });
    return null;
  }

  /** Of a file of which its digest tells. */
  learn(table: TableName, path: string, look: Look): void {
    this.#renew();
    this.#of(table).set(path, look);
  }

  #of(table: TableName): Map<string, Look> {
    let known = this.#known.get(table);
    if (!known) this.#known.set(table, (known = new Map<string, Look>()));
    return known;
  }

  #renew(): void {
    if (this.#generation === this.host.generation) return;
    this.#known.clear();
    this.#generation = this.host.generation;
  }

  /** Forgets those of a table's files that are no longer among `live`. */
  keep(table: TableName, live: ReadonlyMap<string, unknown>): void {
    const known = this.#of(table);
    if (known.size <= 2 * live.size + 100) return;
    for (const path of known.keys()) if (!live.has(path)) known.delete(path);
  }

  /** Resolves when every file that was asked for is known. */
  async settled(): Promise<void> {
    await this.#queue.settled();
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

async function readFile(connection: DuckDBConnection, { table, path }: Wanted): Promise<Look> {
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
  // Of before the look: a deletion that comes during it makes it old.
  const [[id] = []] = await rows(`SELECT id FROM ducklake_current_snapshot('lake')`);
  const snapshot = BigInt(id as bigint);
  const time = ident(timeColumns.get(table) ?? '');
  const names = (await rows(`SELECT name FROM parquet_schema(${literal(path)})`)).map(([name]) =>
    String(name),
  );
  const present = new Set(names);
  const [[stored, footerAt] = []] = await rows(
    `SELECT num_rows, (file_size_bytes - footer_size - ${parquetTail})::DOUBLE FROM parquet_file_metadata(${literal(path)})`,
  );
  const starts = await rows(
    `SELECT (rowid - file_row_number)::BIGINT, count(*)::BIGINT, min(${time}), max(${time}), count(${time})::BIGINT
     FROM lake.main.${ident(table)} WHERE filename = ${literal(path)} GROUP BY 1`,
  );
  const [start] = starts as [firstRow: bigint, count: bigint, first: bigint, last: bigint, timed: bigint][];
  const complete = tableDef(table).columns.every(({ name }) => present.has(name));
  if (start === undefined || starts.length > 1 || !complete) return { snapshot, file: null };
  const [firstRow, count, first, last, timed] = start;
  if (count !== stored || timed !== count) return { snapshot, file: null };
  const attributes = attributesOf(names, await mixedColumns(rows, path, names));
  return {
    snapshot,
    file: { path, firstRow, rows: count, first, last, footerAt: footerAt as number, attributes },
  };
}
