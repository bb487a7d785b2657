import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { firstLine, ident, inTransaction, literal } from '../duckdb/index.js';
import type { TableDef } from '../schema/index.js';
import type { DataFile } from './data-files.js';
import { columnNumbers, continueNumbers, readByNumber } from '../lake/metadata-edits.js';
import { internalColumns, type Range, type StreamRange } from './parquet-facts.js';
import { heldRows, missingRows, rowsOf } from './same-rows.js';
import { count } from './table-counts.js';

export interface ImportOptions {
  /** Has the lake attached as `lake`, for writing; nobody else writes it. */
  readonly connection: DuckDBConnection;
  readonly files: readonly DataFile[];
  /** Files that the lake has already. */
  readonly present: readonly DataFile[];
  /** Tables of which the lake has rows in no file. */
  readonly inlined: ReadonlySet<string>;
  /** Writes no Parquet. */
  readonly dryRun: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ImportReport {
  /** Files that are the lake's now. */
  readonly added: number;
  /** Files all of whose rows were there: leftovers of compaction and of commits that were tried again. */
  readonly copies: number;
  /** Files of which only some rows were missing; these were inserted. */
  readonly partly: number;
  /** Rows that came, by table. */
  readonly rows: Readonly<Record<string, number>>;
  readonly failed: readonly { key: string; error: string }[];
  /** Files that were written anew, because their columns are numbered otherwise. */
  readonly rewritten: number;
}

/** What a file or the catalog itself may share rows with. */
interface Presence {
  readonly folder: string;
  readonly ingestedAt: Range | null;
  readonly streams: readonly StreamRange[] | null;
}

const perTransaction = 100;

/**
 * Makes files the lake's so that each row is there once: the largest first, which is what compaction made; then each
 * other file is compared, row by row, with what is there, unless times of receipt or stream positions rule out that
 * they share any. See docs/decisions/0008-recovery.md.
 */
export async function importFiles(options: ImportOptions): Promise<ImportReport> {
  const { connection, onProgress = () => undefined } = options;
  const files = [...options.files].sort(
    (a, b) =>
      b.facts.rows - a.facts.rows || Number(lineage(b)) - Number(lineage(a)) || (a.key < b.key ? -1 : 1),
  );
  const presences = options.present.map(presenceOf);
  const everything: Presence[] = [...options.inlined].map((table) => ({
    folder: `main/${table}/`,
    ingestedAt: null,
    streams: null,
  }));
  await continueNumbers(connection, options.files);
  const columnIds = await columnNumbers(connection);
  const rows: Record<string, number> = {};
  const failed: { key: string; error: string }[] = [];
  let [added, copies, partly, rewritten, done] = [0, 0, 0, 0, 0];
  let open: DataFile[] = [];
  const flush = async () => {
    if (open.length === 0) return;
    const batch = open;
    open = [];
    const good = await addTogether(connection, batch).catch(() => null);
    for (const file of good === null ? batch : []) {
      try {
        await addTogether(connection, [file]);
      } catch (error) {
        failed.push({ key: file.key, error: firstLine(error) });
        added--;
        rows[file.table.name] = (rows[file.table.name] ?? 0) - file.facts.rows;
      }
    }
  };
  for (const file of files) {
    onProgress(done++, files.length);
    const sharing = [...presences, ...everything].some((other) => mayShare(presenceOf(file), other));
    let missing = file.facts.rows;
    if (sharing) {
      await flush();
      missing -= await heldRows(connection, file);
    }
    if (missing === 0) {
      copies++;
      continue;
    }
    presences.push(presenceOf(file));
    rows[file.table.name] = (rows[file.table.name] ?? 0) + missing;
    if (missing < file.facts.rows) {
      partly++;
      if (!options.dryRun) await insert(connection, file);
    } else {
      added++;
      const fits = !lineage(file) || numberedAlike(file, columnIds.get(file.table.name));
      if (!fits) rewritten++;
      if (fits) open.push(file);
      else if (!options.dryRun) open.push(await rewrite(connection, file));
      if (open.length >= perTransaction) await flush();
    }
  }
  await flush();
  onProgress(files.length, files.length);
  return { added, copies, partly, rows, failed, rewritten };
}

function presenceOf({ key, facts }: DataFile): Presence {
  return { folder: `${dirname(key)}/`, ingestedAt: facts.ingestedAt, streams: facts.streams };
}

function mayShare(a: Presence, b: Presence): boolean {
  if (!a.folder.startsWith(b.folder)) return false;
  const [x, y] = [a.ingestedAt, b.ingestedAt];
  if (x !== null && y !== null && (x.max < y.min || y.max < x.min)) return false;
  const [s, t] = [a.streams, b.streams];
  if (s === null || t === null) return true;
  return s.some((one) =>
    t.some((other) => one.stream === other.stream && one.from < other.to && other.from < one.to),
  );
}

/** True when DuckLake noted snapshots or row ids beside the rows; it can't read such a file by column names. */
function lineage({ facts }: DataFile): boolean {
  return Object.values(internalColumns).some((name) => facts.columns.has(name));
}

function numberedAlike(file: DataFile, ids: ReadonlyMap<string, number> | undefined): boolean {
  const known = new Set(file.table.columns.map(({ name }) => name));
  return [...file.facts.columns].every(([name, id]) => !known.has(name) || ids?.get(name) === id);
}

async function addTogether(connection: DuckDBConnection, files: readonly DataFile[]): Promise<true> {
  await inTransaction(connection, async () => {
    for (const { table, path } of files) {
      await connection.run(
        `CALL ducklake_add_data_files('lake', ${literal(table.name)}, ${literal(path)}, schema => 'main',
           hive_partitioning => true, allow_missing => true, ignore_extra_columns => true)`,
      );
    }
  });
  await readByNumber(connection, files.filter(lineage), ({ facts }) =>
    facts.columns.has(internalColumns.row),
  );
  return true;
}

async function insert(connection: DuckDBConnection, file: DataFile): Promise<void> {
  const columns = columnList(file.table);
  await connection.run(`INSERT INTO lake.main.${ident(file.table.name)} (${columns}) ${missingRows(file)}`);
}

/** The same rows in a file of their own. */
async function rewrite(connection: DuckDBConnection, file: DataFile): Promise<DataFile> {
  const folder = file.path.slice(0, file.path.lastIndexOf('/'));
  const path = `${folder}/canardstack-${randomUUID()}.parquet`;
  await connection.run(
    `COPY (${rowsOf(file)}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)`,
  );
  const rows = await count(
    connection,
    `SELECT count(*) FROM read_parquet(${literal(path)}, hive_partitioning = false)`,
  );
  if (rows !== file.facts.rows) throw new Error(`${path} has ${rows} rows instead of ${file.facts.rows}`);
  const columns = new Map(file.table.columns.map(({ name }) => [name, null]));
  return {
    ...file,
    path,
    key: file.key.replace(/[^/]*$/, path.slice(folder.length + 1)),
    facts: { ...file.facts, columns },
  };
}

function columnList(table: TableDef): string {
  return table.columns.map(({ name }) => ident(name)).join(', ');
}
