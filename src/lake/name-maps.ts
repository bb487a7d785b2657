import type { DuckDBConnection } from '@duckdb/node-api';
import { inTransaction, literal, qualified } from '../duckdb/index.js';
import { lakeMetadata } from './files/known-files.js';
import { lastSnapshot, snapshotAfter } from './metadata-edits.js';

/** A column's name in files, and the numbers of that column and of the one that it is nested in. */
interface MappedColumn {
  readonly source: string;
  readonly target: bigint;
  readonly parent: bigint | null;
}

const of = (table: string) => qualified(lakeMetadata, table);

/**
 * Gives each table that has none the map of column names that `ducklake_add_data_files` would make with the table's first
 * file, all in one snapshot. DuckLake 1.0 crashes over Quack when maps come one after another: a reader loads those of
 * later snapshots too, loads them again with the next, and follows a pointer to the one it has freed
 * (duckdb/ducklake#1431). The caller owns the catalog, and nobody else has it open.
 */
export async function ensureNameMaps(connection: DuckDBConnection): Promise<void> {
  const known = await knownMaps(connection);
  const missing = [...(await columnsOf(connection))].filter(
    ([table, columns]) => !known.has(`${table} ${JSON.stringify(columns.map(named))}`),
  );
  if (missing.length === 0) return;
  const last = await lastSnapshot(connection);
  const [schemaVersion = 0, nextCatalogId = 0, firstId = 0] = last.counters;
  const counters = [schemaVersion, nextCatalogId, firstId + missing.length];
  await inTransaction(connection, async () => {
    for (const statement of snapshotAfter({ ...last, counters }, last.id + 1, '')) {
      await connection.run(statement);
    }
    for (const [i, [table, columns]] of missing.entries()) {
      await connection.run(
        `INSERT INTO ${of('ducklake_column_mapping')} (mapping_id, table_id, type) VALUES (${firstId + i}, ${table}, 'map_by_name')`,
      );
      // A map counts its columns from 0.
      const places = new Map(columns.map(({ target }, place) => [target, place]));
      const rows = columns.map(({ source, target, parent }, place) => {
        const outer = parent === null ? 'NULL' : places.get(parent);
        return `(${firstId + i}, ${place}, ${literal(source)}, ${target}, ${outer}, false)`;
      });
      await connection.run(
        `INSERT INTO ${of('ducklake_name_mapping')} (mapping_id, column_id, source_name, target_field_id, parent_column, is_partition)
         VALUES ${rows.join(', ')}`,
      );
    }
  });
}

function named({ source, target }: MappedColumn): string {
  return `${target} ${source}`;
}

async function columnsOf(connection: DuckDBConnection): Promise<Map<bigint, MappedColumn[]>> {
  const reader = await connection.runAndReadAll(
    `SELECT c.table_id, c.column_id, c.parent_column, c.column_name, p.column_type = 'list'
     FROM ${of('ducklake_column')} c JOIN ${of('ducklake_table')} t ON t.table_id = c.table_id AND t.end_snapshot IS NULL
     LEFT JOIN ${of('ducklake_column')} p ON p.table_id = c.table_id AND p.column_id = c.parent_column AND p.end_snapshot IS NULL
     WHERE c.end_snapshot IS NULL ORDER BY c.table_id, c.column_id`,
  );
  const tables = new Map<bigint, MappedColumn[]>();
  for (const row of reader.getRows()) {
    const [table, target, parent, name, inList] = row as [
      bigint,
      bigint,
      bigint | null,
      string,
      boolean | null,
    ];
    const columns = tables.get(table) ?? [];
    // Parquet's own name for what a list holds.
    columns.push({ source: inList === true ? 'list' : name, target, parent });
    tables.set(table, columns);
  }
  return tables;
}

/** Each as its table and its columns in the order of their targets. */
async function knownMaps(connection: DuckDBConnection): Promise<Set<string>> {
  const reader = await connection.runAndReadAll(
    `SELECT m.table_id, list(n.target_field_id || ' ' || n.source_name ORDER BY n.target_field_id)::VARCHAR[]
     FROM ${of('ducklake_column_mapping')} m JOIN ${of('ducklake_name_mapping')} n USING (mapping_id)
     WHERE NOT n.is_partition GROUP BY m.mapping_id, m.table_id`,
  );
  const rows = reader.getRowsJson() as [string, string[]][];
  return new Set(rows.map(([table, columns]) => `${table} ${JSON.stringify(columns)}`));
}
