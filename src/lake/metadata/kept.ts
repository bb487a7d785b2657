import { randomUUID } from 'node:crypto';
import type { TableName } from '../../schema/index.js';
import { CatalogFiles } from '../direct/catalog-files.js';
import { InlinedRows } from '../direct/inlined.js';
import type { AttributeKeys } from '../files/keys-note.js';
import type { LiveFiles } from '../files/live-files.js';
import type { CatalogPlace } from './changes.js';
import { metadataKinds, type MetadataKind } from './layout.js';
import { FileLists } from './live.js';
import { NewFiles } from './new-files.js';
import type { RecentLearner } from '../recent/table.js';
import type { FileTimes } from './view.js';

export interface KeptFile extends FileTimes {
  readonly entries: number;
}

/** What is known of one DuckDB instance's tables in memory. */
export interface Kept {
  readonly generation: number;
  readonly epoch: string;
  readonly ready: Promise<void>;
  /** Of the lake's tables. */
  readonly ids: Map<string, TableName>;
  /** The newest snapshot up to which deletions were looked for. */
  checked: bigint | null;
  /** The mark of `CommitWatch` at which that was looked for: nothing is newer as long as it stays. */
  quietSince: number | null;
  readonly validFrom: Map<TableName, bigint>;
  /** Whether the catalog notes deletions of single rows of a table's files, from a snapshot on. */
  readonly deletions: Map<TableName, { readonly snapshot: bigint; readonly some: boolean }>;
  readonly live: Map<TableName, { readonly snapshot: bigint; readonly files: LiveFiles }>;
  /** By path. */
  readonly files: Map<MetadataKind, Map<string, KeptFile>>;
  readonly refused: Map<MetadataKind, Set<string>>;
  readonly fresh: Map<MetadataKind, NewFiles>;
  /** Of tables whose last rows were learnt. */
  readonly recent: Map<MetadataKind, RecentLearner>;
  readonly catalogFiles: CatalogFiles;
  readonly inlinedRows: InlinedRows;
  readonly lists: FileLists;
  /** By table: resolves when the files that it had at first were asked what they tell of themselves. */
  readonly learned: Map<TableName, Promise<void> | 'done'>;
  /** Files that were asked so. */
  readonly looked: Set<string>;
  /** What files that are not kept tell of their keys, by path; null: nothing. */
  readonly told: Map<string, AttributeKeys | null>;
  /** Entries, those of files that are no longer kept included. */
  readonly entries: Map<MetadataKind, number>;
  /** The highest number that a label set may have. */
  readonly lastIds: Map<MetadataKind, number>;
  /** Every file that is kept so far has a number up to this one. */
  lastFile: number;
}

export function newKept(
  generation: number,
  ids: Map<string, TableName>,
  ready: Promise<void>,
  waitMs: number,
  place: CatalogPlace,
): Kept {
  return {
    generation,
    epoch: randomUUID(),
    ids,
    ready,
    checked: null,
    quietSince: null,
    validFrom: new Map(),
    deletions: new Map(),
    recent: new Map(),
    catalogFiles: new CatalogFiles(),
    inlinedRows: new InlinedRows(place === 'quack' ? 'atServer' : 'attached'),
    lists: new FileLists(place),
    learned: new Map(),
    looked: new Set(),
    live: new Map(),
    files: new Map(metadataKinds.map((kind) => [kind, new Map<string, KeptFile>()])),
    refused: new Map(metadataKinds.map((kind) => [kind, new Set<string>()])),
    fresh: new Map(metadataKinds.map((kind) => [kind, new NewFiles(waitMs)])),
    told: new Map(),
    entries: new Map(),
    lastIds: new Map(),
    lastFile: 0,
  };
}

/** Entries of all kinds. */
export function total(kept: Kept): number {
  return [...kept.entries.values()].reduce((sum, entries) => sum + entries, 0);
}

/** The number of a table in the catalog. */
export function idOf(kept: Kept, table: TableName): string | undefined {
  return [...kept.ids].find(([, name]) => name === table)?.[0];
}
