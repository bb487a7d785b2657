import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, literal, qualified } from '../duckdb/index.js';
import type { TableDef } from '../schema/index.js';
import type { DataFile } from './data-files.js';

/**
 * Whether rows of a file are in the lake already: two rows are the same one when they agree in every column, the
 * microsecond of receipt included. A spool that is replayed gives the very same rows again, and compaction copies
 * them; a client that sends a request twice does so at another time.
 */
export function rowsOf(file: Pick<DataFile, 'path' | 'table' | 'facts'>): string {
  const columns = file.table.columns.map(({ name, type }) => {
    const value = file.facts.columns.has(name) ? `CAST(${ident(name)} AS ${type})` : `NULL::${type}`;
    return `${value} AS ${ident(name)}`;
  });
  return `SELECT ${columns.join(', ')} FROM read_parquet(${literal(file.path)}, hive_partitioning = false)`;
}

function keyed(table: TableDef, from: string): string {
  const columns = table.columns.map(({ name }) => ident(name)).join(', ');
  return `SELECT *, hash(${columns}) AS row_hash FROM (${from})`;
}

/** Only those rows of the lake's table that can be in the file. */
function lakeRows({ table, facts }: DataFile): string {
  const bounds: string[] = [];
  for (const [column, range] of [
    ['timestamp', facts.timestamp],
    ['ingested_at', facts.ingestedAt],
  ] as const) {
    if (range !== null) {
      bounds.push(`${ident(column)} BETWEEN make_timestamp(${range.min}) AND make_timestamp(${range.max})`);
    }
  }
  const where = bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`;
  const columns = table.columns.map(({ name }) => ident(name)).join(', ');
  return `SELECT ${columns} FROM ${qualified('lake', 'main', table.name)}${where}`;
}

const matches = 'f.row_hash = l.row_hash AND f.ingested_at = l.ingested_at AND f.timestamp = l.timestamp';

/** Rows of the file that the lake has. */
export async function heldRows(connection: DuckDBConnection, file: DataFile): Promise<number> {
  const reader = await connection.runAndReadAll(
    `SELECT count(*) FROM (${keyed(file.table, rowsOf(file))}) f
     SEMI JOIN (${keyed(file.table, lakeRows(file))}) l ON ${matches}`,
  );
  return Number(reader.getRows()[0]?.[0]);
}

/** The rows of the file that the lake does not have, in the table's columns. */
export function missingRows(file: DataFile): string {
  const columns = file.table.columns.map(({ name }) => `f.${ident(name)}`).join(', ');
  return `SELECT ${columns} FROM (${keyed(file.table, rowsOf(file))}) f
     ANTI JOIN (${keyed(file.table, lakeRows(file))}) l ON ${matches}`;
}
