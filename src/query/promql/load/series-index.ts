import { seenTable, setsTable } from '../../../lake/metadata/store.js';
import type { ReadSession } from '../../../lake/session.js';
import type { Labels } from '../../series/labels.js';
import type { Yielder } from '../../series/yielder.js';
import type { Extent } from '../../sql/extent.js';
import { BySet, packed, type NumberSet, type PackedNumbers } from '../../sql/number-set.js';
import type { MetricTable, Part } from './sources.js';
import { partSeries, streamColumns, streamOf, type Stream } from './streams.js';
import { targetColumns } from './target-columns.js';
import { targetInfoLabels } from './identity.js';

/** More label sets than this are looked for in the tables, by each query. */
const mostSets = 300_000;
const mostFiles = 4000;
/** Selectors whose streams are remembered, of each table. */
const mostMatched = 200;
/** Of the windows asked for last, what they have in them. */
const mostPresent = 8;

/** A stream that some file has, with what was made of it once. */
export class KnownStream {
  readonly #parts = new Map<Part, readonly Labels[]>();

  constructor(
    readonly stream: Stream,
    /** Of all that this thread knows of the table. */
    readonly number: number,
  ) {}

  series(part: Part): readonly Labels[] {
    let labels = this.#parts.get(part);
    if (labels === undefined) {
      labels = partSeries(part, this.stream);
      this.#parts.set(part, labels);
    }
    return labels;
  }
}

/** A label set as the metadata cache numbers it: that of a stream, with its resource. */
export interface KnownSet {
  readonly known: KnownStream;
  /** Of its resource; null for none. */
  readonly targetInfo: Labels | null;
}

/** Which label sets of one metric a file has, hour by hour. Times are microseconds since the epoch. */
export interface FileMetric extends Extent<number> {
  /** Each once, with its first and last row. */
  readonly spans: ReadonlyMap<KnownSet, Span>;
  readonly records: number;
  readonly sets: KnownSet[];
  /** The first and last row of that hour. */
  readonly first: number[];
  readonly last: number[];
}

interface Span {
  first: number;
  last: number;
}

/** What the files of a window have. The same object as long as it is the same. */
export interface Present {
  readonly streams: readonly KnownStream[];
}

interface FileSeries extends Extent<number> {
  /** By Prometheus name. */
  readonly metrics: ReadonlyMap<string, FileMetric>;
  /** Numbers of all its streams, and its resources. */
  readonly streams: PackedNumbers;
  readonly targets: ReadonlySet<Labels>;
}

const never: Extent<number> = { begin: Infinity, end: -Infinity, begunBy: -Infinity, goesOnTo: Infinity };
const nothing: FileSeries = { metrics: new Map(), streams: new Uint32Array(), targets: new Set(), ...never };

/** Both together. */
function joined(a: Extent<number>, b: Extent<number>): Extent<number> {
  return {
    begin: Math.min(a.begin, b.begin),
    end: Math.max(a.end, b.end),
    begunBy: Math.max(a.begunBy, b.begunBy),
    goesOnTo: Math.min(a.goesOnTo, b.goesOnTo),
  };
}

/** Collects what the rows tell of one metric. */
class MetricRows {
  readonly #spans = new Map<KnownSet, Span>();
  readonly #sets: KnownSet[] = [];
  readonly #first: number[] = [];
  readonly #last: number[] = [];
  #records = 0;

  add(set: KnownSet, first: number, last: number, records: number): void {
    this.#sets.push(set);
    this.#first.push(first);
    this.#last.push(last);
    this.#records += records;
    const span = this.#spans.get(set);
    if (span === undefined) {
      this.#spans.set(set, { first, last });
      return;
    }
    span.first = Math.min(span.first, first);
    span.last = Math.max(span.last, last);
  }

  all(): FileMetric {
    let extent = never;
    for (const { first, last } of this.#spans.values())
      extent = joined(extent, { begin: first, end: last, begunBy: first, goesOnTo: last });
    const [spans, sets, first, last] = [this.#spans, this.#sets, this.#first, this.#last];
    return { ...extent, spans, sets, first, last, records: this.#records };
  }
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
  #matchedStreams = 0;
  #lastId = 0;
  #updating: Promise<boolean> = Promise.resolve(true);

  constructor(
    private readonly table: MetricTable,
    private readonly scope: boolean,
  ) {}

  /** Learns what the files have. False when that is too much to keep. */
  update(session: ReadSession, yielder: Yielder, files: readonly number[]): Promise<boolean> {
    const missing = () => files.filter((file) => !this.#files.has(file));
    const updating = this.#updating
      .catch(() => false)
      .then(async () => missing().length === 0 || (await this.#learn(session, yielder, missing(), files)));
    this.#updating = updating;
    return updating;
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

  file(file: number): FileSeries {
    return this.#files.get(file) ?? nothing;
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
    if (this.#sets.size > mostSets) {
      // Most of them may be of files that are gone.
      this.#forget();
      await this.#learnSets(session, yielder);
      if (this.#sets.size > mostSets) return false;
      missing = wanted;
    }
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
      `LIMIT ${mostSets + 1}`;
    const at = new Map(columns.map((column, i) => [column, i + 1]));
    let last = this.#lastId;
    let fresh = false;
    for await (const chunk of session.stream(sql)) {
      for (let row = 0; row < chunk.rowCount; row++) {
        const cell = (column: string) => chunk.columns[at.get(column) ?? -1]?.[row] ?? null;
        const id = chunk.columns[0]?.[row] as number;
        const key = JSON.stringify(identity.map(cell));
        let known = this.#streams.get(key);
        if (!known) {
          known = new KnownStream(streamOf(this.table, id, cell), this.#numbered.length);
          this.#numbered.push(known);
          this.#streams.set(key, known);
          fresh = true;
          const { name } = known.stream;
          const same = this.#byName.get(name);
          if (same) same.push(known);
          else this.#byName.set(name, [known]);
        }
        this.#sets.set(id, { known, targetInfo: this.#target(cell) });
        last = Math.max(last, id);
        if (yielder.due) await yielder.pause();
      }
    }
    this.#lastId = last;
    if (!fresh) return;
    this.#ordered.clear();
    this.#forgetMatched();
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

  #forget(): void {
    for (const kept of [this.#sets, this.#streams, this.#targets, this.#byName, this.#files, this.#ordered])
      kept.clear();
    this.#numbered.length = 0;
    this.#present.clear();
    this.#forgetMatched();
    this.#lastId = 0;
  }
}

function seriesOf(rows: ReadonlyMap<string, MetricRows>): FileSeries {
  const metrics = new Map([...rows].map(([name, own]) => [name, own.all()]));
  const streams = new Set<number>();
  const targets = new Set<Labels>();
  let extent = never;
  for (const metric of metrics.values()) {
    extent = joined(extent, metric);
    for (const { known, targetInfo } of metric.spans.keys()) {
      streams.add(known.number);
      if (targetInfo) targets.add(targetInfo);
    }
  }
  return { ...extent, metrics, streams: packed(streams), targets };
}

function byLabels(a: KnownStream, b: KnownStream): number {
  const [one] = a.series('value');
  const [other] = b.series('value');
  return one && other ? one.compare(other) : 0;
}

/** By what its numbers mean, and then by table. */
const indexes = new Map<string, Map<MetricTable, SeriesIndex>>();
const mostEpochs = 2;

/** This thread's index of a table. */
export function indexOf(epoch: string, table: MetricTable, scope: boolean): SeriesIndex {
  const key = `${epoch} ${scope}`;
  let tables = indexes.get(key);
  if (!tables) {
    tables = new Map();
    indexes.set(key, tables);
    if (indexes.size > mostEpochs) indexes.delete([...indexes.keys()][0] ?? '');
  }
  let index = tables.get(table);
  if (!index) {
    index = new SeriesIndex(table, scope);
    tables.set(table, index);
  }
  return index;
}
