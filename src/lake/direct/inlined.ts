import { ident } from '../../duckdb/index.js';
import { tableDef, type ColumnType, type TableName } from '../../schema/index.js';
import { atServer, lakeMetadata } from '../files/known-files.js';
import type { RunSql } from '../run-sql.js';

/** Rows that DuckLake keeps in tables of its catalog. */
export class InlinedRows {
  /** By such a table, what its columns are in the lake's table; null where that is not known of one. */
  readonly #columns = new Map<string, string | null>();

  /** `atServer`: of a catalog server, which is asked for them by a statement of its own. */
  constructor(private readonly place: 'attached' | 'atServer' = 'attached') {}

  /**
   * What to select the rows of a table from, with `rowid`, that these tables of the catalog held at a snapshot, and not yet at `since`; null where one of them
   * has other columns, or such of types that DuckLake does not put there.
   */
  async sources(
    table: TableName,
    tables: readonly string[],
    snapshot: bigint,
    run: RunSql,
    since: bigint | null = null,
  ): Promise<readonly string[] | null> {
    const sources: string[] = [];
    for (const inlined of tables) {
      let columns = this.#columns.get(inlined);
      if (columns === undefined)
        this.#columns.set(inlined, (columns = await this.#columnsOf(table, inlined, run)));
      if (columns === null) return null;
      const came = since === null ? '' : `begin_snapshot > ${since} AND `;
      const there = `${came}begin_snapshot <= ${snapshot} AND (end_snapshot IS NULL OR end_snapshot > ${snapshot})`;
      sources.push(`(SELECT ${columns}, row_id AS rowid ${this.#from(inlined, there)})`);
    }
    return sources;
  }

  #from(inlined: string, where: string): string {
    if (this.place === 'atServer') return atServer(`SELECT * FROM ${ident(inlined)} WHERE ${where}`);
    return `FROM ${lakeMetadata}.${ident(inlined)} WHERE ${where}`;
  }

  async #columnsOf(table: TableName, inlined: string, run: RunSql): Promise<string | null> {
    const described = (await run(`DESCRIBE SELECT * ${this.#from(inlined, 'FALSE')}`)) as [string, string][];
    const types = new Map(described);
    const columns = tableDef(table).columns.map(({ name, type }) => columnSql(name, type, types.get(name)));
    return columns.includes(null) ? null : columns.join(', ');
  }
}

/** PostgreSQL has no such texts and times as DuckDB, and no lists: DuckLake puts bytes and texts there. */
function columnSql(name: string, type: ColumnType, there: string | undefined): string | null {
  const column = ident(name);
  if (there === type) return column;
  if (type === 'VARCHAR' && there === 'BLOB') return `decode(${column}) AS ${column}`;
  const isText = there === 'VARCHAR' && (type === 'TIMESTAMP' || type.endsWith('[]'));
  return isText ? `${column}::${type} AS ${column}` : null;
}

/** Whether the catalog notes, by itself, that single rows of this table's data files are deleted. */
export async function hasDeletions(id: string, run: RunSql): Promise<boolean> {
  try {
    const [[count] = []] = await run(`SELECT count(*) FROM ${lakeMetadata}.ducklake_inlined_delete_${id}`);
    return Number(count) > 0;
  } catch (error) {
    // DuckLake makes the table with the first of them.
    if (error instanceof Error && /does not exist/.test(error.message)) return false;
    throw error;
  }
}
