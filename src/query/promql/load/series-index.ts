import { layoutOf } from '../../../lake/metadata/layout.js';
import { seenTable, setsTable } from '../../../lake/metadata/store.js';
import { spanWidth, type SharedSpans } from '../../../lake/recent/metric.js';
import type { ReadSession, SeriesFiles } from '../../../lake/session.js';
import type { Labels } from '../../series/labels.js';
import type { Yielder } from '../../series/yielder.js';
import { BySet, type NumberSet } from '../../sql/number-set.js';
import {
  always,
  MetricRows,
  seriesOf,
  type FileMetric,
  type FileSeries,
  type KnownSet,
  type SeriesOfFiles,
} from './file-series.js';
import { KnownStream } from './known-stream.js';
import type { MetricTable } from './sources.js';
import { streamColumns, streamOf } from './streams.js';
import { targetColumns } from './target-columns.js';
import { targetInfoLabels } from './identity.js';

/** More label sets than this are looked for in the tables, by each query. */
const mostSets = 300_000;
const mostFiles = 4000;
/** Selectors whose streams are remembered, of each table. */
const mostMatched = 200;
/** Of the windows asked for last, what they have in them. */
const mostPresent = 8;
/** Metrics of recent rows. */
const mostRecent = 10_000;

/** What the files of a window have. The same object as long as it is the same. */
export interface Present {
  readonly streams: readonly KnownStream[];
}

/**
 * The series of one table as the metadata cache keeps them, as objects: read once by each thread, and then only what is
 * new.
 */
export class SeriesIndex {
  readonly #sets = new Map<number, KnownSet>();
  readonly #streams = new Map<string, KnownStream>();
  readonly #targets = new Map<string, Labels | null>();
  readonly #byName = new Map<string, KnownStream[]>();
  readonly #files = new Map<number, FileSeries>();
  readonly #ordered = new Map<string, readonly KnownStream[]>();
  readonly #matched = new Map<string, readonly KnownStream[]>();
  readonly #numbered: KnownStream[] = [];
  readonly #present = new BySet<Present>(mostPresent);
  /** Of recent rows, those that were asked for last, by metric. */
  readonly #recent = new Map<string, { readonly id: number; readonly metric: FileMetric }>();
  #matchedStreams = 0;
  #lastId = 0;
  #lastRecent = 0;
  #updating: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly table: MetricTable,
    private readonly scope: boolean,
    private readonly most = mostSets,
  ) {}

  /**
   * What the files of a view have, whatever is learnt or let go of later; `epoch` is that of the view. Null where it is not known, 'full'
   * when it is too much to keep beside what is kept.
   */
  update(
    session: ReadSession,
    yielder: Yielder,
    epoch: string,
    view: Pick<SeriesFiles, 'files' | 'recent'>,
  ): Promise<SeriesOfFiles | null | 'full'> {
    const updating = this.#updating
      .catch(() => undefined)
      .then(() => this.#updated(session, yielder, epoch, view));
    this.#updating = updating;
    return updating;
  }

  async #updated(
    session: ReadSession,
    yielder: Yielder,
    epoch: string,
    { files, recent }: Pick<SeriesFiles, 'files' | 'recent'>,
  ): Promise<SeriesOfFiles | null | 'full'> {
    const kept = files.filter((file) => file !== recent?.file);
    const missing = kept.filter((file) => !this.#files.has(file));
    if (missing.length > 0 && !(await this.#learn(session, yielder, missing, kept))) return 'full';
    const all = new Map<number, FileSeries>();
    for (const file of kept) {
      const own = this.#files.get(file);
      if (own === undefined) return null;
      all.set(file, own);
    }
    if (recent === undefined) return all;
    if (recent.sets > this.#lastRecent && !(await this.#learnRecent(session, yielder, epoch))) return null;
    if (this.#sets.size > this.most) return 'full';
    const own = await this.#recentSeries(yielder, recent.spans);
    if (own === null) return null;
    return all.set(recent.file, own);
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  named(name: string): readonly KnownStream[] {
    return this.#byName.get(name) ?? [];
  }

  /** Those that `matches`, which `key` stands for: what it said is kept as long as no stream is new. */
  matched(name: string, key: string, matches: (known: KnownStream) => boolean): readonly KnownStream[] {
    const kept = this.#matched.get(key);
    if (kept) return kept;
    let streams = this.#ordered.get(name);
    if (streams === undefined) {
      streams = this.named(name).toSorted(byLabels);
      this.#ordered.set(name, streams);
    }
    const found = streams.filter(matches);
    this.#matchedStreams += found.length;
    if (this.#matched.size >= mostMatched || this.#matchedStreams > mostSets) this.#forgetMatched();
    this.#matched.set(key, found);
    return found;
  }

  present(numbers: NumberSet): Present {
    return this.#present.get(numbers, () => ({
      streams: numbers.numbers().flatMap((number) => this.#numbered[number] ?? []),
    }));
  }

  streamOf(set: number): KnownStream | undefined {
    return this.#sets.get(set)?.known;
  }

  async #learn(
    session: ReadSession,
    yielder: Yielder,
    missing: readonly number[],
    wanted: readonly number[],
  ): Promise<boolean> {
    await this.#learnSets(session, yielder);
    if (this.#sets.size > this.most) return false;
    if (this.#files.size + missing.length > mostFiles) {
      const keep = new Set(wanted);
      for (const file of this.#files.keys()) if (!keep.has(file)) this.#files.delete(file);
    }
    const found = new Map(missing.map((file) => [file, new Map<string, MetricRows>()]));
    const sql =
      `SELECT file, id, first::DOUBLE / 1000, last::DOUBLE / 1000, records::DOUBLE FROM ${seenTable(this.table)} ` +
      `WHERE file IN (${missing.join(', ')})`;
    for await (const { columns, rowCount } of session.stream(sql)) {
      for (let row = 0; row < rowCount; row++) {
        const [file = 0, id = 0, first = 0, last = 0, records = 0] = columns.map(
          (column) => column[row] as number,
        );
        const set = this.#sets.get(id);
        const metrics = found.get(file);
        if (!set || !metrics) continue;
        const { name } = set.known.stream;
        let metric = metrics.get(name);
        if (!metric) {
          metric = new MetricRows();
          metrics.set(name, metric);
        }
        metric.add(set, first, last, records);
      }
      if (yielder.due) await yielder.pause();
    }
    for (const [file, metrics] of found) {
      if (yielder.due) await yielder.pause();
      this.#files.set(file, seriesOf(metrics));
    }
    return true;
  }

  async #learnSets(session: ReadSession, yielder: Yielder): Promise<void> {
    const identity = streamColumns(this.table, this.scope);
    const columns = [...new Set([...identity, ...targetColumns])];
    const sql =
      `SELECT id, ${columns.join(', ')} FROM ${setsTable(this.table)} WHERE id > ${this.#lastId} ` +
      `LIMIT ${this.most + 1}`;
    const at = new Map(columns.map((column, i) => [column, i + 1]));
    let last = this.#lastId;
    const before = this.#numbered.length;
    for await (const chunk of session.stream(sql)) {
      for (let row = 0; row < chunk.rowCount; row++) {
        const cell = (column: string) => chunk.columns[at.get(column) ?? -1]?.[row] ?? null;
        const id = chunk.columns[0]?.[row] as number;
        this.#addSet(id, identity, cell);
        last = Math.max(last, id);
        if (yielder.due) await yielder.pause();
      }
    }
    this.#lastId = last;
    this.#notice(before);
  }

  #addSet(id: number, identity: readonly string[], cell: (column: string) => unknown): void {
    const key = JSON.stringify(identity.map(cell));
    let known = this.#streams.get(key);
    if (!known) {
      known = new KnownStream(streamOf(this.table, id, cell), this.#numbered.length);
      this.#numbered.push(known);
      this.#streams.set(key, known);
      const { name } = known.stream;
      const same = this.#byName.get(name);
      if (same) same.push(known);
      else this.#byName.set(name, [known]);
    }
    this.#sets.set(id, { known, targetInfo: this.#target(cell) });
  }

  /** Whether streams are new since there were so many. */
  #notice(before: number): void {
    if (this.#numbered.length === before) return;
    this.#ordered.clear();
    this.#forgetMatched();
  }

  async #learnRecent(session: ReadSession, yielder: Yielder, epoch: string): Promise<boolean> {
    const { table } = this;
    const found = await session.recentSets?.({ epoch, kind: table, after: this.#lastRecent });
    if (!found) return false;
    const identity = streamColumns(table, this.scope);
    const at = new Map(layoutOf(table).columns.map(({ name }, i) => [name, i]));
    const before = this.#numbered.length;
    for (const [number, cells] of found.sets) {
      if (this.#sets.size > this.most) break;
      this.#addSet(number, identity, (column) => cells[at.get(column) ?? -1] ?? null);
      if (yielder.due) await yielder.pause();
    }
    this.#lastRecent = found.given;
    this.#notice(before);
    return true;
  }

  /** Null where a label set is not known. */
  async #recentSeries(yielder: Yielder, spans: readonly SharedSpans[]): Promise<FileSeries | null> {
    const metrics = new Map<string, FileMetric>();
    for (const { id, name, numbers } of spans) {
      if (yielder.due) await yielder.pause();
      const kept = this.#recent.get(name);
      if (kept?.id === id) {
        metrics.set(name, kept.metric);
        continue;
      }
      const rows = new MetricRows();
      const view = new Float64Array(numbers);
      for (let i = 0; i < view.length; i += spanWidth) {
        const [number = 0, first = 0, last = 0, records = 0] = view.subarray(i, i + spanWidth);
        const set = this.#sets.get(number);
        if (!set) return null;
        rows.add(set, first, last, records);
      }
      const metric = rows.all();
      metrics.set(name, metric);
      if (this.#recent.size >= mostRecent) this.#recent.clear();
      this.#recent.set(name, { id, metric });
    }
    return { ...always, metrics, streams: new Uint32Array(), targets: new Set() };
  }

  #forgetMatched(): void {
    this.#matched.clear();
    this.#matchedStreams = 0;
  }

  #target(cell: (column: string) => unknown): Labels | null {
    const key = JSON.stringify(targetColumns.map(cell));
    let labels = this.#targets.get(key);
    if (labels === undefined) {
      labels = targetInfoLabels((column) => cell(column) as string | null);
      this.#targets.set(key, labels);
    }
    return labels;
  }
}

function byLabels(a: KnownStream, b: KnownStream): number {
  const [one] = a.series('value');
  const [other] = b.series('value');
  return one && other ? one.compare(other) : 0;
}

/** By what its numbers mean, and then by table. */
const indexes = new Map<string, Map<MetricTable, SeriesIndex>>();
const mostEpochs = 2;

/** This thread's index of a table. In place of `full`, another one that knows nothing yet, as most of what is kept there may be of files that are gone. */
export function indexOf(epoch: string, table: MetricTable, scope: boolean, full?: SeriesIndex): SeriesIndex {
  const key = `${epoch} ${scope}`;
  let tables = indexes.get(key);
  if (!tables) {
    tables = new Map();
    indexes.set(key, tables);
    if (indexes.size > mostEpochs) indexes.delete([...indexes.keys()][0] ?? '');
  }
  let index = tables.get(table);
  if (!index || index === full) {
    index = new SeriesIndex(table, scope);
    tables.set(table, index);
  }
  return index;
}
