import type { DuckDBConnection } from '@duckdb/node-api';
import { z } from 'zod';
import { listLiteral } from '../duckdb/index.js';
import { streamsKey } from '../lake/day-file.js';

export interface Range {
  readonly min: bigint;
  readonly max: bigint;
}

/** A stretch of one spool stream whose rows, as far as they belong to the table, are in a file. */
export interface StreamRange {
  readonly stream: string;
  readonly from: number;
  readonly to: number;
}

/** What a Parquet file's footer tells. */
export interface ParquetFacts {
  readonly rows: number;
  /** Top-level columns and their field ids. */
  readonly columns: ReadonlyMap<string, number | null>;
  /** Microseconds since the epoch; null when the footer does not say. */
  readonly ingestedAt: Range | null;
  readonly timestamp: Range | null;
  /** Null when no commit of canardstack wrote the file: DuckLake's INSERT, flush and merge note nothing. */
  readonly streams: readonly StreamRange[] | null;
  /** Greatest snapshot id that DuckLake noted beside a row; null without that column. */
  readonly maxSnapshot: number | null;
  /** Greatest row id that DuckLake noted beside a row; null without that column. */
  readonly maxRowId: number | null;
}

/** Columns that DuckLake adds when rows come from several snapshots. */
export const internalColumns = {
  snapshot: '_ducklake_internal_snapshot_id',
  row: '_ducklake_internal_row_id',
} as const;

const streamsSchema = z.array(z.object({ stream: z.string(), from: z.number(), to: z.number() }));
const batch = 100;

/** Facts of files by path; null for a file that is no whole Parquet file. Reads footers only. */
export async function parquetFacts(
  connection: DuckDBConnection,
  paths: readonly string[],
  onProgress: (done: number) => void = () => undefined,
): Promise<Map<string, ParquetFacts | null>> {
  const found = new Map<string, ParquetFacts | null>();
  for (let at = 0; at < paths.length; at += batch) {
    const some = paths.slice(at, at + batch);
    try {
      await readFooters(connection, some, found);
    } catch {
      // One damaged file fails them all.
      for (const path of some) {
        await readFooters(connection, [path], found).catch((error: unknown) => {
          if (!isDamage(error)) throw error;
          found.set(path, null);
        });
      }
    }
    onProgress(Math.min(at + batch, paths.length));
  }
  return found;
}

/** Those of the paths that are no whole Parquet files, as far as their footers tell. */
export async function unreadable(
  connection: DuckDBConnection,
  paths: readonly string[],
): Promise<ReadonlySet<string>> {
  const read = (some: readonly string[]) =>
    connection.run(`SELECT count(num_rows) FROM parquet_file_metadata(${listLiteral(some)})`);
  const broken = new Set<string>();
  for (let at = 0; at < paths.length; at += batch) {
    const some = paths.slice(at, at + batch);
    try {
      await read(some);
    } catch {
      // One damaged file fails them all.
      for (const path of some) {
        await read([path]).catch((error: unknown) => {
          if (!isDamage(error)) throw error;
          broken.add(path);
        });
      }
    }
  }
  return broken;
}

/** Of the file itself; storage that is away is another matter. */
function isDamage(error: unknown): boolean {
  const message = error instanceof Error ? error.message : String(error);
  return !/HTTP|connection|timeout|Permission denied|No such file/i.test(message);
}

async function readFooters(
  connection: DuckDBConnection,
  paths: readonly string[],
  into: Map<string, ParquetFacts | null>,
): Promise<void> {
  const list = listLiteral(paths);
  const rowsOf = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjects();
  const files = await rowsOf(`SELECT file_name, num_rows FROM parquet_file_metadata(${list})`);
  const schema = await rowsOf(
    `SELECT file_name, name, field_id FROM parquet_schema(${list}) WHERE name <> 'duckdb_schema'`,
  );
  const micros = (name: string, which: 'min' | 'max') =>
    `CASE WHEN count(*) FILTER (path_in_schema = '${name}' AND (stats_min_value IS NULL OR stats_max_value IS NULL)) = 0
     THEN ${which}(epoch_us(TRY_CAST(stats_${which}_value AS TIMESTAMP))) FILTER (path_in_schema = '${name}') END`;
  const greatest = (name: string) =>
    `max(TRY_CAST(stats_max_value AS BIGINT)) FILTER (path_in_schema = '${name}')`;
  const stats = await rowsOf(
    `SELECT file_name, ${micros('ingested_at', 'min')} AS i0, ${micros('ingested_at', 'max')} AS i1,
            ${micros('timestamp', 'min')} AS t0, ${micros('timestamp', 'max')} AS t1,
            ${greatest(internalColumns.snapshot)} AS s, ${greatest(internalColumns.row)} AS r
     FROM parquet_metadata(${list}) GROUP BY file_name`,
  );
  const notes = await rowsOf(
    `SELECT file_name, decode(value) AS value FROM parquet_kv_metadata(${list}) WHERE decode(key) = '${streamsKey}'`,
  );
  const range = (min: unknown, max: unknown): Range | null =>
    typeof min === 'bigint' && typeof max === 'bigint' ? { min, max } : null;
  for (const { file_name: name, num_rows: rows } of files) {
    const path = String(name);
    const of = stats.find((row) => row['file_name'] === name);
    const note = notes.find((row) => row['file_name'] === name);
    into.set(path, {
      rows: Number(rows),
      columns: new Map(
        schema
          .filter((row) => row['file_name'] === name)
          .map((row) => [String(row['name']), row['field_id'] === null ? null : Number(row['field_id'])]),
      ),
      ingestedAt: range(of?.['i0'], of?.['i1']),
      timestamp: range(of?.['t0'], of?.['t1']),
      streams: note === undefined ? null : parseStreams(String(note['value'])),
      maxSnapshot: typeof of?.['s'] === 'bigint' ? Number(of['s']) : null,
      maxRowId: typeof of?.['r'] === 'bigint' ? Number(of['r']) : null,
    });
  }
}

function parseStreams(text: string): StreamRange[] | null {
  try {
    return streamsSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
