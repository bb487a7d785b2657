import type { DuckDBConnection } from '@duckdb/node-api';
import { ident, inTransaction, literal } from '../../src/duckdb/index.js';
import { attributeOrigins } from '../../src/lake/attribute-columns/index.js';
import { fileLayout } from '../../src/lake/maintenance/compaction/file-layout.js';
import { joinFiles } from '../../src/lake/maintenance/compaction/join/index.js';
import { joinedNotes } from '../../src/lake/maintenance/compaction/notes.js';
import {
  compactedPrefix,
  hasPrefix,
  joinedPrefix,
  rewrittenPrefix,
} from '../../src/lake/maintenance/moved.js';
import { Sorter } from '../../src/lake/maintenance/compaction/sorter.js';
import { putBeforeFooter } from '../../src/lake/files/before-footer.js';
import { IndexBuilder } from '../../src/lake/token-index/index.js';
import { tableDef, type TableName } from '../../src/schema/index.js';

/** Puts rows into a table in the states in which users have theirs. */
export class LakeStates {
  #sorter: Promise<Sorter> | null = null;
  readonly #indexer = new IndexBuilder();
  #files = 0;

  constructor(
    private readonly connection: DuckDBConnection,
    private readonly temporary: string,
  ) {}

  /**
   * The first third of the rows (SQL tuples) comes into a file as compaction writes it, the second into one as a commit
   * does, the rest is inlined in the catalog.
   */
  async insert(table: TableName, rows: readonly string[]): Promise<void> {
    const third = Math.floor(rows.length / 3);
    await this.#compacted(table, rows.slice(0, third));
    await this.#committed(table, rows.slice(third, 2 * third));
    await this.#insert(table, rows.slice(2 * third), 1_000_000);
    await this.connection.run('RESET SESSION ducklake_default_data_inlining_row_limit');
  }

  async close(): Promise<void> {
    (await this.#sorter)?.close();
    await this.#indexer.close();
  }

  async #insert(table: TableName, rows: readonly string[], inlinedRows: number): Promise<void> {
    if (rows.length === 0) return;
    await this.connection.run(`SET SESSION ducklake_default_data_inlining_row_limit = ${inlinedRows}`);
    await this.connection.run(`INSERT INTO lake.main.${ident(table)} VALUES ${rows.join(', ')}`);
  }

  async #compacted(table: TableName, rows: readonly string[]): Promise<void> {
    for (const file of await this.#inserted(table, rows)) await this.#rewrite(table, [file]);
  }

  async #committed(table: TableName, rows: readonly string[]): Promise<void> {
    for (const file of await this.#inserted(table, rows)) await this.#commit(table, file);
  }

  async #commit(table: TableName, file: string): Promise<void> {
    const target = `${folderOf(file)}canardstack-${this.#files++}.parquet`;
    await this.connection.run(
      `COPY (FROM read_parquet(${literal(file)}, hive_partitioning => false)) TO ${literal(target)} (FORMAT parquet)`,
    );
    await this.#swap(table, [file], target);
  }

  /** Files that DuckLake has written become as commits write theirs. */
  async commit(table: TableName): Promise<void> {
    for (const file of await this.#list(table)) {
      if (hasPrefix(file, rewrittenPrefix)) await this.#commit(table, file);
    }
  }

  /** The files that these rows have come into. */
  async #inserted(table: TableName, rows: readonly string[]): Promise<string[]> {
    const before = new Set(await this.#list(table));
    await this.#insert(table, rows, 0);
    return (await this.#list(table)).filter((file) => !before.has(file));
  }

  /** All files of a day become one, as compaction writes it. */
  async compact(table: TableName): Promise<void> {
    for (const files of byDay(await this.#list(table))) await this.#rewrite(table, files);
  }

  /** The files of commits of a day become one, as compaction joins them. */
  async join(table: TableName): Promise<void> {
    const commits = (await this.#list(table)).filter(
      (file) => !hasPrefix(file, compactedPrefix) && !hasPrefix(file, rewrittenPrefix),
    );
    for (const files of byDay(commits)) {
      const target = `${folderOf(files[0] ?? '')}${joinedPrefix}${this.#files++}.parquet`;
      await joinFiles(files, target, joinedNotes);
      const sorter = await this.#opened();
      await sorter.assertJoined(files, target);
      const digest = await sorter.digest(target, table, false);
      if (digest) await putBeforeFooter(target, digest);
      await this.#swap(table, files, target);
    }
  }

  async #list(table: TableName): Promise<string[]> {
    const found = await this.connection.runAndReadAll(
      `SELECT data_file FROM ducklake_list_files('lake', ${literal(table)}, schema => 'main') WHERE delete_file IS NULL`,
    );
    return found.getRows().map(([file]) => String(file));
  }

  async #rewrite(table: TableName, files: readonly string[]): Promise<void> {
    const [first = ''] = files;
    const { columns } = tableDef(table);
    const target = `${folderOf(first)}${compactedPrefix}${this.#files++}.parquet`;
    const origin = attributeOrigins.get(table);
    const attributes = origin === undefined ? null : { origin, most: 12, pinned: [], asked: [] };
    const sorter = await this.#opened();
    // Few rows, of which an index can leave out some all the same.
    const layout = { ...fileLayout(table, true), rowGroupRows: 2048, dictionaryLimit: 100 };
    await sorter.sort(files, target, columns, layout, attributes);
    if (table === 'logs')
      await putBeforeFooter(target, await this.#indexer.build(sorter.indexParts(target, 'body')));
    // Every second file is as those of before.
    const digest = this.#files % 2 === 0 ? null : await sorter.digest(target, table, true);
    if (digest) await putBeforeFooter(target, digest);
    await this.#swap(table, files, target);
  }

  #opened(): Promise<Sorter> {
    return (this.#sorter ??= Sorter.open({
      memoryLimitBytes: 256 * 1024 * 1024,
      mostMemoryBytes: 256 * 1024 * 1024,
      temporary: this.temporary,
    }));
  }

  async #swap(table: TableName, files: readonly string[], target: string): Promise<void> {
    await inTransaction(this.connection, async () => {
      const names = files.map(literal).join(', ');
      await this.connection.run(`DELETE FROM lake.main.${ident(table)} WHERE filename IN (${names})`);
      await this.connection.run(
        `CALL ducklake_add_data_files('lake', ${literal(table)}, ${literal(target)}, schema => 'main', hive_partitioning => true,
           ignore_extra_columns => true)`,
      );
    });
  }
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf('/') + 1);
}

function byDay(files: readonly string[]): string[][] {
  const days = new Map<string, string[]>();
  for (const file of files) days.set(folderOf(file), [...(days.get(folderOf(file)) ?? []), file]);
  return [...days.values()];
}
