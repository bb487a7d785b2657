import type { TableName } from '../../../schema/index.js';
import { fillsShare, fitsShare, type DataFile } from './groups.js';

/** A group of this part of the usual that does not fit into memory is not made smaller. */
const leastShare = 1 / 16;
/** After so many groups that fit, larger ones are tried again. */
const fitting = 8;

/** What compaction learns of a table's files and has to know in later runs, until the process ends. */
export class LearnedOfTable {
  #share = 1;
  #fitted = 0;
  readonly #unjoinable = new Set<string>();
  readonly #tooLarge = new Set<string>();

  constructor(private readonly table: TableName) {}

  /** Which part of the usual a group is at most, as more did not fit into memory. */
  get share(): number {
    return this.#share;
  }

  /** Paths of files that can't be joined. */
  get unjoinable(): ReadonlySet<string> {
    return this.#unjoinable;
  }

  /** Paths of files that did not fit into memory alone. */
  get tooLarge(): ReadonlySet<string> {
    return this.#tooLarge;
  }

  /** These were sorted. */
  fitted(files: readonly DataFile[]): void {
    if (this.#share === 1 || !fillsShare(this.table, files, this.#share)) return;
    if (++this.#fitted < fitting) return;
    this.#fitted = 0;
    this.#share *= 2;
  }

  /** These did not fit into memory together. Gives whether fewer of them may. */
  exceeded(files: readonly DataFile[]): boolean {
    const [first, ...others] = files;
    const alone = others.length === 0;
    if (first && alone) this.#tooLarge.add(first.path);
    this.#fitted = 0;
    // A file that is larger than a group may be by now says nothing of such groups.
    const smaller = this.#share > leastShare && (!alone || fitsShare(this.table, files, this.#share));
    if (smaller) this.#share /= 2;
    return smaller && !alone;
  }

  notJoined(paths: readonly string[]): void {
    for (const path of paths) this.#unjoinable.add(path);
  }

  /** Forgets of files other than these. */
  keep(live: ReadonlySet<string>): void {
    for (const known of [this.#unjoinable, this.#tooLarge]) {
      for (const path of known) if (!live.has(path)) known.delete(path);
    }
  }
}

/** By table. */
export class Learned {
  readonly #tables = new Map<TableName, LearnedOfTable>();

  of(table: TableName): LearnedOfTable {
    let known = this.#tables.get(table);
    if (!known) this.#tables.set(table, (known = new LearnedOfTable(table)));
    return known;
  }
}
