import { rm } from 'node:fs/promises';
import { firstLine, isOutOfMemory } from '../../../duckdb/index.js';
import type { TableName } from '../../../schema/index.js';
import { IndexBuilder } from '../../token-index/index.js';
import { damagedAmong, keyOf } from '../damage.js';
import type { TaskRun } from '../task.js';
import { nextGroup, type DataFile, type Group } from './groups.js';
import { NotJoined } from './join/index.js';
import { rewrite, type RewriteOptions, type Writers } from './rewrite.js';
import type { SpareCpu } from './spare-cpu.js';
import { Sorter, type SorterOptions } from './sorter.js';
import { countedFiles, liveFiles } from './table-files.js';

export { SpareCpu } from './spare-cpu.js';

export interface CompactionOptions extends RewriteOptions {
  readonly sorter: SorterOptions;
  /** Files of commits after this snapshot are not yet counted in the summary, and wait; null: all are taken. */
  readonly until: number | null;
  /** Starts no further group after so long; the next run goes on. Milliseconds. */
  readonly budgetMs: number;
  /** Pauses after each group, so that commits catch up, and sorts less where it tells that there is no CPU to spare; null: does all there is to do. */
  readonly pace: SpareCpu | null;
  /** By table, which part of the usual a group is at most, as more did not fit into memory; kept from run to run. */
  readonly shares: Map<TableName, number>;
  /** Called after each group that became one file. */
  readonly observe: (group: Group, rows: number) => void;
}

/** Of the time that a group took, how long is paused. */
const pauses = { sort: 1, join: 0.25 } as const;
/** A group of this part of the usual that does not fit into memory is not made smaller. */
const leastShare = 1 / 16;

/**
 * Makes one file of small files of one day: sorted and with Bloom filters, or, beside much else, of their row groups as they are. The new file is written first, aside of
 * the lake; then one transaction between two commits takes the old files out of the table and puts the new one in, so a
 * kill at any point leaves either the old or the new. The old files stay for queries that began before, until their
 * snapshots expire. Done by ourselves because DuckLake's own merge has no options for the writer and takes several times
 * the memory (docs/decisions).
 */
export async function compact(
  task: TaskRun,
  tables: readonly TableName[],
  options: CompactionOptions,
): Promise<void> {
  let writers: Writers | null = null;
  const deadline = performance.now() + options.budgetMs;
  const interrupt = () => writers?.sorter.interrupt();
  task.signal.addEventListener('abort', interrupt, { once: true });
  try {
    for (const table of tables) {
      const run = new TableRun(task, table, options, deadline);
      for (let group = await run.next(); group !== null; group = await run.next()) {
        const begun = performance.now();
        options.pace?.worked('begins');
        writers ??= { sorter: await Sorter.open(options.sorter), indexer: new IndexBuilder() };
        await run.take(group, writers);
        options.pace?.worked('ends');
        if (options.pace) await task.pause((performance.now() - begun) * pauses[group.by]);
      }
    }
  } finally {
    task.signal.removeEventListener('abort', interrupt);
    options.pace?.worked('ends');
    writers?.sorter.close();
    await writers?.indexer.close();
    await rm(options.sorter.temporary, { recursive: true, force: true });
  }
}

/** The files of one table. */
class TableRun {
  /** Those that are there now; null: to be looked for. */
  #files: readonly DataFile[] | null = null;
  #counted: ((path: string) => boolean) | null = null;
  readonly #failed = new Set<string>();
  readonly #unjoinable = new Set<string>();

  constructor(
    private readonly task: TaskRun,
    private readonly table: TableName,
    private readonly options: CompactionOptions,
    /** By `performance.now()`. */
    private readonly deadline: number,
  ) {}

  async next(): Promise<Group | null> {
    const { options, table, task } = this;
    if (performance.now() >= this.deadline) return null;
    task.signal.throwIfAborted();
    this.#counted ??= await countedFiles(task, table, options.until);
    this.#files ??= await liveFiles(task, options.lakeFiles.catalogKind, table);
    const { damaged } = options.lakeFiles;
    const counted = this.#counted;
    const whole = this.#files.filter(
      ({ path }) => counted(path) && damaged.get(keyOf(options.lakeFiles, path)) === undefined,
    );
    return nextGroup(table, whole, {
      skip: this.#failed,
      unjoinable: this.#unjoinable,
      busy: options.pace?.isShort() ?? false,
      share: options.shares.get(table) ?? 1,
    });
  }

  async take(group: Group, writers: Writers): Promise<void> {
    const { options, table, task } = this;
    const paths = group.files.map(({ path }) => path);
    try {
      const file = await rewrite(task, table, group, writers, options);
      options.observe(group, file.rows);
      this.#files = [...(this.#files ?? []).filter(({ path }) => !paths.includes(path)), file];
    } catch (error) {
      task.signal.throwIfAborted();
      this.#files = null;
      const what = { table, files: paths.length, err: firstLine(error) };
      if (error instanceof NotJoined) {
        for (const path of paths) this.#unjoinable.add(path);
        options.log.debug(what, 'files are sorted, as they can not be joined');
        return;
      }
      const share = options.shares.get(table) ?? 1;
      if (isOutOfMemory(error) && paths.length > 1 && share > leastShare) {
        options.shares.set(table, share / 2);
        options.log.info(what, 'fewer files are compacted at once, as these did not fit into memory');
        return;
      }
      // A file that can't be read must not keep the others from being compacted.
      const bad = await damagedAmong(task, options.lakeFiles, paths).catch(() => []);
      // Those that are damaged are out from now on, and the others may be compacted.
      for (const path of bad.length > 0 ? bad : paths) this.#failed.add(path);
      options.log.warn(what, 'files were not compacted');
    }
  }
}
