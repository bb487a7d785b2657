import { rm } from 'node:fs/promises';
import { firstLine, isOutOfMemory } from '../../../duckdb/index.js';
import type { TableName } from '../../../schema/index.js';
import { IndexBuilder } from '../../token-index/index.js';
import { damagedAmong, keyOf } from '../damage.js';
import { rewrittenSince } from '../deletions.js';
import type { TaskRun } from '../task.js';
import { isJoined, nextGroup, type DataFile, type Group } from './groups.js';
import { NotJoined } from './join/index.js';
import type { Learned, LearnedOfTable } from './learned.js';
import { rewrite, type RewriteOptions, type Writers } from './rewrite.js';
import type { SpareCpu } from './spare-cpu.js';
import { Sorter, type SorterOptions } from './sorter.js';
import { countedFiles, liveFiles, tablesWithFiles } from './table-files.js';

export { Learned } from './learned.js';
export { SpareCpu } from './spare-cpu.js';

export interface CompactionOptions extends RewriteOptions {
  readonly sorter: SorterOptions;
  /** Files of commits after this snapshot are not yet counted in the summary, and wait; null: all are taken. */
  readonly until: number | null;
  /** Starts no further group after so long; the next run goes on. Milliseconds. */
  readonly budgetMs: number;
  /** Pauses after each group, so that commits catch up, and sorts less where it tells that there is no CPU to spare; null: does all there is to do. */
  readonly pace: SpareCpu | null;
  /** Kept from run to run. */
  readonly learned: Learned;
  /** Called after each group that became one file. */
  readonly observe: (group: Group, rows: number) => void;
  /** Called for each table that was looked at, with its files that were joined and not yet sorted. */
  readonly joined: (table: TableName, files: readonly DataFile[]) => void;
}

/** Of the time that a group took, how long is paused. */
const pauses = { sort: 1, join: 0.25 } as const;

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
    const { lakeFiles, until } = options;
    const filled = await tablesWithFiles(task, lakeFiles.catalogKind);
    const rewritten =
      until === null ? new Map<string, number[]>() : await rewrittenSince(task, lakeFiles.catalogKind, until);
    const runs = tables.map(
      (table) => new TableRun(task, table, options, deadline, filled.has(table), rewritten),
    );
    // A backlog of files that are rewritten alone keeps no table's others waiting.
    for (const alone of [false, true]) {
      for (let left = runs; left.length > 0;) {
        const more: TableRun[] = [];
        for (const run of left) {
          const group = await run.next(alone);
          if (group === null) continue;
          more.push(run);
          const begun = performance.now();
          options.pace?.worked('begins');
          writers ??= { sorter: await Sorter.open(options.sorter), indexer: new IndexBuilder() };
          await run.take(group, writers);
          options.pace?.worked('ends');
          if (options.pace) await task.pause((performance.now() - begun) * pauses[group.by]);
        }
        left = more;
      }
    }
    for (const run of runs) run.tell();
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
  readonly #learned: LearnedOfTable;

  constructor(
    private readonly task: TaskRun,
    private readonly table: TableName,
    private readonly options: CompactionOptions,
    /** By `performance.now()`. */
    private readonly deadline: number,
    filled: boolean,
    /** See `rewrittenSince`. */
    private readonly rewritten: ReadonlyMap<string, readonly number[]>,
  ) {
    this.#learned = options.learned.of(table);
    if (filled) return;
    this.#files = [];
    this.#learned.keep(new Set());
  }

  /** Null when nothing is to do, or no time is left; `alone`: what is rewritten alone is to be done too. */
  async next(alone: boolean): Promise<Group | null> {
    const { options, table, task } = this;
    if (performance.now() >= this.deadline) return null;
    task.signal.throwIfAborted();
    if (this.#files?.length === 0) return null;
    this.#counted ??= await countedFiles(
      task,
      options.lakeFiles.catalogKind,
      table,
      options.until,
      this.rewritten,
    );
    if (this.#files === null) {
      this.#files = await liveFiles(task, options.lakeFiles.catalogKind, table);
      this.#learned.keep(new Set(this.#files.map(({ path }) => path)));
    }
    const { damaged } = options.lakeFiles;
    const counted = this.#counted;
    const whole = this.#files.filter(
      ({ path }) => counted(path) && damaged.get(keyOf(options.lakeFiles, path)) === undefined,
    );
    return nextGroup(table, whole, {
      // On demand, all that there is to do is tried again.
      skip: options.pace ? new Set([...this.#failed, ...this.#learned.tooLarge]) : this.#failed,
      unjoinable: this.#learned.unjoinable,
      busy: options.pace?.isShort() ?? false,
      share: this.#learned.share,
      alone,
      nowMs: Date.now(),
    });
  }

  async take(group: Group, writers: Writers): Promise<void> {
    const { options, table, task } = this;
    const paths = group.files.map(({ path }) => path);
    try {
      const file = await rewrite(task, table, group, writers, options);
      options.observe(group, file.rows);
      if (group.by === 'sort') this.#learned.fitted(group.files);
      this.#files = [...(this.#files ?? []).filter(({ path }) => !paths.includes(path)), file];
    } catch (error) {
      task.signal.throwIfAborted();
      this.#files = null;
      const what = { table, files: paths.length, err: firstLine(error) };
      if (error instanceof NotJoined) {
        this.#learned.notJoined(paths);
        options.log.debug(what, 'files are sorted, as they can not be joined');
        return;
      }
      if (isOutOfMemory(error)) {
        if (this.#learned.exceeded(group.files)) {
          options.log.info(what, 'fewer files are compacted at once, as these did not fit into memory');
          return;
        }
        for (const path of paths) this.#failed.add(path);
        options.log.warn(what, 'files were not compacted, as they did not fit into memory');
        return;
      }
      // A file that can't be read must not keep the others from being compacted.
      const bad = await damagedAmong(task, options.lakeFiles, paths).catch(() => []);
      // Those that are damaged are out from now on, and the others may be compacted.
      for (const path of bad.length > 0 ? bad : paths) this.#failed.add(path);
      options.log.warn(what, 'files were not compacted');
    }
  }

  /** Tells of what is left, where it was looked. */
  tell(): void {
    if (this.#files) this.options.joined(this.table, this.#files.filter(isJoined));
  }
}
