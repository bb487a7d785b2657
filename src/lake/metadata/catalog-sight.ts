import type { TableName } from '../../schema/index.js';
import { lakeMetadata } from '../files/known-files.js';
import type { LiveFiles } from '../files/live-files.js';
import type { RunSql } from '../run-sql.js';
import { beginCatalog, type CatalogPlace } from './changes.js';
import { idOf, type Kept } from './kept.js';
import { follow, liveInCatalog, someDeleted } from './snapshots.js';

/** A table in a snapshot, as the catalog's own tables tell of it. */
export interface SeenTable {
  readonly live: LiveFiles;
  /** How many of the rows in the catalog came after the snapshot that was named; null: that is not told. */
  readonly fresh: number | null;
  /** A column was dropped, or has another name or type: names in files and in the catalog may mean others. */
  readonly hasRenamed: () => Promise<boolean>;
  /** Single rows of its data files are noted as deleted in the catalog alone. */
  readonly hasDeletions: () => Promise<boolean>;
}

/** What a question sees of the catalog's own tables: one snapshot, until it ends. */
export interface CatalogSight {
  /** The newest snapshot, followed in what is kept. `looked`: the question has looked for it just now. */
  begin(kept: Kept, looked: boolean, run: RunSql): Promise<bigint>;
  /**
   * `since`: up to this snapshot, rows in the catalog are known. Null where only DuckLake tells of the table's files, and `newer` where the
   * snapshot is not to be seen any more.
   */
  table(
    kept: Kept,
    table: TableName,
    snapshot: bigint,
    since: bigint | null,
    run: RunSql,
  ): Promise<SeenTable | 'newer' | null>;
  end(run: RunSql): Promise<void>;
}

/** Where all statements of a transaction see one state of the catalog's tables. */
export class TransactionSight implements CatalogSight {
  constructor(private readonly place: CatalogPlace) {}

  async begin(kept: Kept, _looked: boolean, run: RunSql): Promise<bigint> {
    return follow(kept, await beginCatalog(kept.checked, this.place, run));
  }

  async table(
    kept: Kept,
    table: TableName,
    snapshot: bigint,
    _since: bigint | null,
    run: RunSql,
  ): Promise<SeenTable | null> {
    const live = await liveInCatalog(kept, this.place, table, snapshot, run);
    const id = idOf(kept, table);
    if (live === null || id === undefined) return null;
    return {
      live,
      fresh: null,
      hasRenamed: () => columnsEnded(id, run),
      hasDeletions: () => someDeleted(kept, table, id, snapshot, run),
    };
  }

  async end(run: RunSql): Promise<void> {
    await run('ROLLBACK');
  }
}

async function columnsEnded(id: string, run: RunSql): Promise<boolean> {
  const [[count] = []] = await run(
    `SELECT count(*) FROM ${lakeMetadata}.ducklake_column WHERE table_id = ${id} AND end_snapshot IS NOT NULL`,
  );
  return Number(count) > 0;
}
