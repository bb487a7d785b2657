import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { firstLine } from '../../../duckdb/index.js';
import type { Faults } from '../../../faults/index.js';
import type { TableName } from '../../../schema/index.js';
import type { Logger } from '../../../telemetry/index.js';
import { attributeOrigins, type ColumnChoice } from '../../attribute-columns/index.js';
import type { FileStore } from '../../file-store.js';
import { putBeforeFooter } from '../../files/before-footer.js';
import { notedChecksums } from '../../files/checksums.js';
import { finishFile } from '../../files/finish.js';
import type { PendingFiles } from '../../pending-files.js';
import type { IndexBuilder } from '../../token-index/index.js';
import { assertWhole } from '../damage.js';
import type { LakeFiles } from '../inventory.js';
import { compactedPrefix, joinedPrefix } from '../moved.js';
import type { TaskRun } from '../task.js';
import { fileLayout } from './file-layout.js';
import { isIndexed, type DataFile, type Group } from './groups.js';
import { joinFiles, NotJoined } from './join/index.js';
import { orderedNotes } from './notes.js';
import type { Sorter } from './sorter.js';
import { swap } from './swap.js';
import { columnsIn, columnsOf } from './table-files.js';

export interface RewriteOptions {
  readonly lakeFiles: LakeFiles;
  readonly fileStore: FileStore;
  readonly pending: PendingFiles;
  /** Which attributes get columns of their own. */
  readonly columns: (table: TableName) => ColumnChoice;
  /** Files get an index of the tokens of this column. */
  readonly tokens: (table: TableName) => string | null;
  /** Files tell of themselves what questions ask first. */
  readonly digests: boolean;
  readonly faults: Faults;
  readonly log: Logger;
}

export interface Writers {
  readonly sorter: Sorter;
  readonly indexer: IndexBuilder;
}

/**
 * Makes one file of a group's, and puts it into the lake in their place; gives that file. Rejects with NotJoined, SwapRefused, and what keeps its files
 * from being read or written: nothing has changed then, unless the catalog alone knows.
 */
export async function rewrite(
  task: TaskRun,
  table: TableName,
  { files, by }: Group,
  writers: Writers,
  options: RewriteOptions,
): Promise<DataFile> {
  const { fileStore, pending, faults } = options;
  const paths = files.map(({ path }) => path);
  const [first = ''] = paths;
  if (by === 'join') await assertOfTable(task, table, first);
  const prefix = by === 'join' ? joinedPrefix : compactedPrefix;
  const target = `${first.slice(0, first.lastIndexOf('/') + 1)}${prefix}${randomUUID()}.parquet`;
  const targets = new Set([target]);
  await pending.add(target, []);
  const state = { commitSent: false };
  try {
    const written = await fileStore.begin(target);
    const inputs = await fetched(fileStore, paths);
    const indexed = by === 'sort' && isIndexed(table, files, Date.now()) ? options.tokens(table) : null;
    let rows: number;
    try {
      const copies = inputs.map(({ path: local }, i) => ({ path: paths[i] ?? '', local }));
      await assertWhole(options.lakeFiles, await task.retried(() => notedChecksums(task.connection)), copies);
      const local = inputs.map(({ path }) => path);
      rows =
        by === 'join'
          ? await join(task, local, written, writers)
          : await sort(task, table, local, written, indexed !== null, writers, options);
    } finally {
      for (const input of inputs) await input.release();
    }
    const added = (what: string, make: () => Promise<Buffer | null>) =>
      addToFile(task, written, what, make, options.log);
    if (indexed !== null) {
      await added('token index', () => writers.indexer.build(writers.sorter.indexParts(written, indexed)));
    }
    // What is read of each row for it takes more than the join.
    if (options.digests) await added('digest', () => writers.sorter.digest(written, table, by === 'sort'));
    const { size } = await stat(written);
    const named = await finishFile(options, target, written, [], targets);
    await task.syncFiles(table);
    faults?.('maintenance.compacted');
    await task.exclusive((connection) => swap(connection, table, paths, named, rows, faults, state));
    await pending.committed([...targets]);
    return { path: named, bytes: size, rows };
  } catch (error) {
    // Once a COMMIT was sent, only the catalog tells whether the file is the lake's.
    if (state.commitSent) pending.unknown([...targets]);
    else await pending.failed([...targets]);
    throw error;
  }
}

/** A join has the columns of its inputs, each the same: the table takes no file that lacks one of its own. Rejects with NotJoined. */
async function assertOfTable(task: TaskRun, table: TableName, path: string): Promise<void> {
  const there = new Set(await columnsIn(task, path));
  const lacking = (await columnsOf(task, table)).find(({ name }) => !there.has(name));
  if (lacking) throw new NotJoined(`${path} has no column ${lacking.name}`);
}

async function join(
  task: TaskRun,
  inputs: readonly string[],
  output: string,
  { sorter }: Writers,
): Promise<number> {
  const rows = await joinFiles(inputs, output, orderedNotes, task.signal);
  await sorter.assertJoined(inputs, output);
  return rows;
}

async function sort(
  task: TaskRun,
  table: TableName,
  inputs: readonly string[],
  output: string,
  indexed: boolean,
  { sorter }: Writers,
  options: RewriteOptions,
): Promise<number> {
  const origin = attributeOrigins.get(table);
  return sorter.sort(
    inputs,
    output,
    await columnsOf(task, table),
    fileLayout(table, indexed),
    origin === undefined ? null : { origin, ...options.columns(table) },
  );
}

/** A file without it is read as a whole, so what keeps it from having one keeps nothing else. */
async function addToFile(
  task: TaskRun,
  path: string,
  what: string,
  make: () => Promise<Buffer | null>,
  log: Logger,
): Promise<void> {
  let bytes: Buffer | null;
  try {
    bytes = await make();
  } catch (error) {
    task.signal.throwIfAborted();
    log.warn({ err: firstLine(error) }, `a compacted file gets no ${what}`);
    return;
  }
  if (bytes !== null) await putBeforeFooter(path, bytes);
}

interface FetchedFile {
  readonly path: string;
  release(): Promise<void>;
}

async function fetched(fileStore: FileStore, paths: readonly string[]): Promise<FetchedFile[]> {
  const files: FetchedFile[] = [];
  try {
    for (const path of paths) files.push(await fileStore.fetch(path));
    return files;
  } catch (error) {
    for (const file of files) await file.release();
    throw error;
  }
}
