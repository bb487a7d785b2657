import { ident } from '../../duckdb/index.js';
import { tableDef, type TableName } from '../../schema/index.js';
import { lakeMetadata } from '../files/known-files.js';
import type { RunSql } from '../run-sql.js';

/** Rows that DuckLake keeps in tables of its catalog. */
export class InlinedRows {
  /** By such a table, whether it has the columns of the lake's table as they are there. */
  readonly #alike = new Map<string, boolean>();

  /**
   * What to select the rows of a table from, with `rowid`, that these tables of the catalog held at a snapshot, and not yet at `since`; null where one of them
   * has other columns or types, as in a catalog that is no DuckDB.
   */
  async sources(
    table: TableName,
    tables: readonly string[],
    snapshot: bigint,
    run: RunSql,
    since: bigint | null = null,
  ): Promise<readonly string[] | null> {
    const names = tableDef(table)
      .columns.map(({ name }) => ident(name))
      .join(', ');
    const sources: string[] = [];
    for (const inlined of tables) {
      const source = `${lakeMetadata}.${ident(inlined)}`;
      let alike = this.#alike.get(inlined);
      if (alike === undefined) this.#alike.set(inlined, (alike = await isAlike(table, source, run)));
      if (!alike) return null;
      sources.push(
        `(SELECT ${names}, row_id AS rowid FROM ${source} ` +
          `WHERE ${since === null ? '' : `begin_snapshot > ${since} AND `}begin_snapshot <= ${snapshot} AND (end_snapshot IS NULL OR end_snapshot > ${snapshot}))`,
      );
    }
    return sources;
  }
}

async function isAlike(table: TableName, source: string, run: RunSql): Promise<boolean> {
  const described = (await run(`DESCRIBE SELECT * FROM ${source}`)) as [string, string][];
  const types = new Map(described.map(([name, type]) => [name, type]));
  return tableDef(table).columns.every(({ name, type }) => types.get(name) === type);
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
