import { ident, literal } from '../../duckdb/index.js';
import type { TableName } from '../../schema/index.js';
import { atServer } from '../files/known-files.js';
import type { RunSql } from '../run-sql.js';
import type { CatalogSight, SeenTable } from './catalog-sight.js';
import { changesSince } from './changes.js';
import { idOf, type Kept } from './kept.js';
import { follow, keepListed } from './snapshots.js';

/** Tables of a catalog change their columns seldom, and have their first deletion once. */
const attempts = 3;

/** Tables of the catalog that tell of a table of the lake. */
interface Places {
  /** Of rows. */
  readonly inlined: readonly string[];
  /** Of deletions of single rows. */
  readonly deletions: readonly string[];
}

/** What is told, its name, and up to four of its properties. */
type Row = readonly [
  what: string,
  name: string | null,
  at: bigint,
  a: bigint,
  b: bigint,
  c: boolean,
  d: boolean,
];

/**
 * On a catalog server no transaction holds its tables still: all of a table is told by one statement that the server runs by itself, with the
 * newest snapshot, which is to be the one that is looked at. What is there then of it, later statements find by its snapshot; of rows that
 * are taken away meanwhile fewer are found than were told.
 */
export class ServerSight implements CatalogSight {
  /** By table of the lake, those that were there last; what a statement tells is taken only where they still are. */
  readonly #places = new Map<TableName, Places>();

  async begin(kept: Kept, looked: boolean, run: RunSql): Promise<bigint> {
    if (looked && kept.checked !== null) return kept.checked;
    return follow(kept, await changesSince(kept.checked, 'quack', run));
  }

  async table(
    kept: Kept,
    table: TableName,
    snapshot: bigint,
    since: bigint | null,
    run: RunSql,
  ): Promise<SeenTable | 'newer' | null> {
    const id = idOf(kept, table);
    if (id === undefined) return null;
    for (let attempt = 0; attempt < attempts; attempt++) {
      const places = this.#places.get(table) ?? { inlined: [], deletions: [] };
      // A place may be gone by now.
      this.#places.delete(table);
      const rows = (await run(atServer(tableSql(id, places, since)))) as unknown as Row[];
      const of = (what: string) => rows.filter(([own]) => own === what).sort(inOrder);
      const named = (what: string) => of(what).flatMap(([, name]) => name ?? []);
      const now = { inlined: named('inlined'), deletions: named('deletions') };
      this.#places.set(table, now);
      if (of('snapshot')[0]?.[3] !== snapshot) return 'newer';
      if (now.inlined.join() !== places.inlined.join() || now.deletions.join() !== places.deletions.join())
        continue;
      const count = (what: string, property: 3 | 4) =>
        of(what).reduce((sum, row) => sum + Number(row[property]), 0);
      const files = kept.lists.within(
        table,
        of('file').map(([, path, , bytes, count, deleted, relative]) => [
          path ?? '',
          deleted,
          bytes,
          count,
          relative,
        ]),
      );
      if (files === null) return null;
      const held = of('rows').filter((row) => row[3] > 0n);
      const inlinedTables = held.flatMap(([, name]) => name ?? []);
      const listed = { ...files, inlined: count('rows', 3), inlinedTables };
      const live = await keepListed(kept, 'quack', { table, id, snapshot, files: listed }, run);
      return {
        live,
        fresh: count('rows', 4),
        hasRenamed: () => Promise.resolve(count('renamed', 3) > 0),
        hasDeletions: () => Promise.resolve(count('deleted', 3) > 0),
      };
    }
    return null;
  }

  async end(): Promise<void> {
    // Nothing was begun.
  }
}

/** Files in the order in which they came. */
function inOrder([, name, at]: Row, [, other, after]: Row): number {
  if (at !== after) return at < after ? -1 : 1;
  return (name ?? '') < (other ?? '') ? -1 : 1;
}

/** In the server's own names. All that is not at its end is of the newest snapshot. */
function tableSql(id: string, { inlined, deletions }: Places, since: bigint | null): string {
  const ofTable = `table_id = ${id}`;
  const deleted = `SELECT data_file_id FROM ducklake_delete_file WHERE ${ofTable} AND end_snapshot IS NULL`;
  const part = (what: string, columns: string, from: string) =>
    `SELECT ${literal(what)}, ${columns} FROM ${from}`;
  return [
    `SELECT 'snapshot' AS what, NULL::VARCHAR AS name, 0::BIGINT AS at, max(snapshot_id)::BIGINT AS a, 0::BIGINT AS b, FALSE AS c, FALSE AS d FROM ducklake_snapshot`,
    part(
      'file',
      `path, data_file_id, file_size_bytes, record_count, coalesce(data_file_id IN (${deleted}), FALSE), path_is_relative`,
      `ducklake_data_file WHERE ${ofTable} AND end_snapshot IS NULL`,
    ),
    part(
      'renamed',
      'NULL, 0, count(*), 0, FALSE, FALSE',
      `ducklake_column WHERE ${ofTable} AND end_snapshot IS NOT NULL`,
    ),
    part('inlined', 'table_name, 0, 0, 0, FALSE, FALSE', `ducklake_inlined_data_tables WHERE ${ofTable}`),
    part(
      'deletions',
      'table_name, 0, 0, 0, FALSE, FALSE',
      `duckdb_tables() WHERE table_name = 'ducklake_inlined_delete_${id}'`,
    ),
    ...inlined.map((name) =>
      part(
        'rows',
        `${literal(name)}, 0, count(*), count(*) FILTER (WHERE begin_snapshot > ${since ?? -1n}), FALSE, FALSE`,
        `${ident(name)} WHERE end_snapshot IS NULL`,
      ),
    ),
    ...deletions.map((name) => part('deleted', 'NULL, 0, count(*), 0, FALSE, FALSE', ident(name))),
  ].join(' UNION ALL ');
}
