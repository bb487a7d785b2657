import type { TableName } from '../../schema/index.js';
import { timeColumns } from '../direct/contents.js';
import { hasDeletions } from '../direct/inlined.js';
import type { LiveFiles } from '../files/live-files.js';
import type { RunSql } from '../run-sql.js';
import type { CatalogPlace, Changes } from './changes.js';
import { idOf, type Kept } from './kept.js';
import { layoutOf, metadataKinds } from './layout.js';
import type { ListedFiles } from './live.js';

/**
 * The lists of files of tables without a change stay as they are. Single deletions from a data file may be noted in the catalog
 * alone, where no list of files shows them: only the record of changes does.
 */
export function follow(kept: Kept, { since, snapshot, unknown, changed, deleted }: Changes): bigint {
  if (since === null) {
    kept.checked ??= snapshot;
    return snapshot;
  }
  if (snapshot > since) {
    const named = (ids: readonly string[]) =>
      new Set(unknown ? kept.ids.values() : ids.flatMap((id) => kept.ids.get(id) ?? []));
    const touched = named(changed);
    for (const [table, live] of kept.live) {
      if (live.snapshot === since && !touched.has(table)) kept.live.set(table, { ...live, snapshot });
    }
    // A rewrite may have left none.
    for (const table of touched) if (kept.deletions.get(table)?.some) kept.deletions.delete(table);
    const lost = named(deleted);
    for (const table of lost) kept.deletions.delete(table);
    for (const table of lost) kept.validFrom.set(table, later(kept.validFrom.get(table), snapshot));
    if (lost.size > 0) forget(kept, lost);
  }
  // Only now, as queries beside this one go by it.
  kept.checked = later(kept.checked, snapshot);
  return snapshot;
}

/** They are read again when they are next asked for. */
function forget(kept: Kept, tables: ReadonlySet<TableName>): void {
  for (const kind of metadataKinds) {
    if (!tables.has(layoutOf(kind).table)) continue;
    kept.files.get(kind)?.clear();
    kept.refused.get(kind)?.clear();
  }
}

/** Which files the snapshot has of a table, and what its catalog tells of them. */
export async function liveFiles(
  kept: Kept,
  place: CatalogPlace,
  table: TableName,
  snapshot: bigint,
  run: RunSql,
): Promise<LiveFiles> {
  const known = kept.live.get(table);
  if (known?.snapshot === snapshot) return known.files;
  const id = idOf(kept, table);
  const files = await kept.lists.of(table, id, snapshot, run);
  return keepListed(kept, place, { table, id, snapshot, files }, run);
}

/** The same of what the catalog's own tables tell; null where only DuckLake does. */
export async function liveInCatalog(
  kept: Kept,
  place: CatalogPlace,
  table: TableName,
  snapshot: bigint,
  run: RunSql,
): Promise<LiveFiles | null> {
  const known = kept.live.get(table);
  if (known?.snapshot === snapshot) return known.files;
  const id = idOf(kept, table);
  const files = await kept.lists.inCatalog(table, id, snapshot, run);
  return files && keepListed(kept, place, { table, id, snapshot, files }, run);
}

interface Listed {
  readonly table: TableName;
  readonly id: string | undefined;
  readonly snapshot: bigint;
  readonly files: ListedFiles;
}

/** What the catalog tells of these files beside, and is known from then on. */
export async function keepListed(
  kept: Kept,
  place: CatalogPlace,
  { table, id, snapshot, files }: Listed,
  run: RunSql,
): Promise<LiveFiles> {
  const paths = [...files.sizes.keys()].filter((path) => !files.touched.has(path));
  const live: LiveFiles = {
    ...files,
    inlinedSources:
      timeColumns.has(table) && place === 'here'
        ? await kept.inlinedRows.sources(table, files.inlinedTables, snapshot, run)
        : null,
    told:
      id === undefined ||
      !kept.catalogFiles.knows(table) ||
      (await someDeleted(kept, table, id, snapshot, run))
        ? new Map()
        : await kept.catalogFiles.of(table, id, paths, run),
    validFrom: kept.validFrom.get(table) ?? 0n,
  };
  kept.live.set(table, { snapshot, files: live });
  return live;
}

/** Whether single rows of the table's files are noted as deleted in the catalog alone. */
export async function someDeleted(
  kept: Kept,
  table: TableName,
  id: string,
  snapshot: bigint,
  run: RunSql,
): Promise<boolean> {
  const known = kept.deletions.get(table);
  if (known !== undefined && known.snapshot <= snapshot) return known.some;
  const some = await hasDeletions(id, run);
  // Of an older snapshot than others have looked at, it is true of that alone.
  if (snapshot >= (kept.checked ?? snapshot)) kept.deletions.set(table, { snapshot, some });
  return some;
}

function later(a: bigint | null | undefined, b: bigint): bigint {
  return a !== null && a !== undefined && a > b ? a : b;
}
