import type { LiveFiles } from '../files/live-files.js';
import type { MetadataKind } from '../metadata/layout.js';
import type { SamplePart, SharedUnit } from '../samples/unit.js';
import { LabelSets } from './label-sets.js';
import { makeUnit } from './make-unit.js';
import { RecentMetric, type Segment, type SharedSpans } from './metric.js';
import { Place, readFiles, readRows, type Reads } from './read.js';

/** Larger files are left to the metadata cache. */
const largestFile = 2 * 1024 * 1024;
/** Of files that one question reads. */
const mostBytesAtOnce = 2 * 1024 * 1024;
const mostFilesAtOnce = 64;
/** Rows in the catalog that one question reads. */
const mostRowsAtOnce = 400_000;
/** Label sets that no row has any more are not worth a look before they are this many. */
const fewSets = 10_000;
const restMs = 60_000;

let tables = 0;

/** The recent rows of a table as they are in a snapshot. */
export class RecentTable {
  /** In the place of that of a data file. */
  readonly file = -++tables;

  constructor(
    readonly kind: MetadataKind,
    readonly live: LiveFiles,
    /** Data files whose rows are among them. */
    readonly covers: ReadonlySet<string>,
    /** Whether all rows in the catalog are. */
    readonly inlined: boolean,
    readonly metrics: ReadonlyMap<string, RecentMetric>,
    /** So many numbers of label sets were given. */
    readonly sets: number,
    private readonly widthOf: (set: number) => number | null,
  ) {}

  get empty(): boolean {
    return this.metrics.size === 0;
  }

  /** `names`: of these metrics alone. */
  spans(names: readonly string[] | null): SharedSpans[] {
    if (names === null) return [...this.metrics.values()].map((metric) => metric.spans());
    return names.flatMap((name) => this.metrics.get(name)?.spans() ?? []);
  }

  async unit(name: string, part: SamplePart): Promise<SharedUnit | null> {
    const metric = this.metrics.get(name);
    if (!metric) return null;
    return metric.unit(part, () => makeUnit(this.kind, part, metric.segments, this.widthOf));
  }
}

/** What there is to learn of a table. */
export interface Lesson {
  readonly live: LiveFiles;
  /** Data files that may be read by themselves; none of their rows is deleted. */
  readonly straight: readonly string[];
  /** What to select the rows in the catalog from that came after a snapshot, null for all; null where only DuckLake reads them. */
  readonly inlined: (since: bigint | null) => Promise<readonly string[] | null>;
  readonly snapshot: bigint;
  readonly maxBytes: number;
  readonly reads: Reads;
}

/** Learns the rows of a table that came last, each once. */
export class RecentLearner {
  readonly sets: LabelSets;
  #files = new Map<string, Place>();
  readonly #refused = new Set<string>();
  #catalog: { place: Place; upTo: bigint | null } = { place: new Place(), upTo: null };
  #bytes = 0;
  /** Milliseconds on the monotonic clock. */
  #restsUntil = 0;
  table: RecentTable | null = null;

  constructor(private readonly kind: MetadataKind) {
    this.sets = new LabelSets(kind);
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  async learn(lesson: Lesson): Promise<void> {
    const { live, straight, maxBytes } = lesson;
    if (performance.now() < this.#restsUntil) return;
    const wanted = new Set(straight);
    const files = new Map([...this.#files].filter(([path]) => wanted.has(path)));
    for (const path of this.#refused) if (!live.sizes.has(path)) this.#refused.delete(path);
    await this.#readFiles(files, lesson);
    const catalog = await this.#readCatalog(lesson);
    this.#files = files;
    const places = [...files.values(), ...(catalog ? [this.#catalog.place] : [])];
    this.#bytes = places.reduce((sum, { bytes }) => sum + bytes, this.sets.bytes);
    if (this.#bytes > maxBytes) {
      this.#forget();
      return;
    }
    const covers = new Set(files.keys());
    const { kind, sets } = this;
    const widthOf = (set: number) => sets.widthOf(set);
    this.table = new RecentTable(kind, live, covers, catalog, this.#metrics(places), sets.given, widthOf);
    this.#dropSets(places);
  }

  /** All of it is too much: for a while, what the table has now is read by each question. */
  #forget(): void {
    this.#restsUntil = performance.now() + restMs;
    this.#files = new Map();
    this.#catalog = { place: new Place(), upTo: null };
    this.#bytes = 0;
    this.sets.keepOnly(new Set());
    this.table = null;
  }

  async #readFiles(files: Map<string, Place>, { live, straight, reads }: Lesson): Promise<void> {
    const missing: string[] = [];
    let bytes = 0;
    for (const path of straight.toReversed()) {
      const size = live.sizes.get(path) ?? Infinity;
      if (files.has(path) || this.#refused.has(path) || size > largestFile) continue;
      bytes += size;
      if (bytes > mostBytesAtOnce || missing.length === mostFilesAtOnce) break;
      missing.push(path);
    }
    if (missing.length === 0) return;
    try {
      const places = await readFiles(this.kind, missing, this.sets, reads);
      for (const [i, path] of missing.entries()) files.set(path, places[i] ?? new Place());
    } catch (error) {
      // Of one that lacks a column, only DuckLake knows what is in its place.
      if (!reads.stopped()) for (const path of missing) this.#refused.add(path);
      throw error;
    }
  }

  /** Whether all rows in the catalog are known. */
  async #readCatalog({ live, inlined, snapshot, reads }: Lesson): Promise<boolean> {
    const { upTo, place } = this.#catalog;
    if (live.inlined === 0) {
      this.#catalog = { place: new Place(), upTo: snapshot };
      return true;
    }
    if (live.inlined - place.rows > mostRowsAtOnce) return false;
    const since = upTo === null ? null : await inlined(upTo);
    // Rows only ever come with a new snapshot: where as many are left as were known, these are the same.
    const isMore = (rows: number) => place.rows + rows === live.inlined;
    if (since !== null && (await readRows(this.kind, since, this.sets, reads, place, isMore))) {
      this.#catalog = { place, upTo: snapshot };
      return true;
    }
    const all = await inlined(null);
    const fresh = new Place();
    const isAll = (rows: number) => rows === live.inlined;
    if (all === null || !(await readRows(this.kind, all, this.sets, reads, fresh, isAll))) return false;
    this.#catalog = { place: fresh, upTo: snapshot };
    return true;
  }

  /** Those of which nothing is new stay what they are. */
  #metrics(places: readonly Place[]): Map<string, RecentMetric> {
    const segments = new Map<string, Segment[]>();
    for (const { metrics } of places) {
      for (const [name, rows] of metrics) {
        const own = segments.get(name);
        const segment = { rows, length: rows.length };
        if (own) own.push(segment);
        else segments.set(name, [segment]);
      }
    }
    const before = this.table?.metrics;
    const all = new Map<string, RecentMetric>();
    for (const [name, own] of segments) {
      const known = before?.get(name);
      const same =
        known?.segments.length === own.length &&
        own.every(({ rows, length }, i) => {
          const other = known.segments[i];
          return other?.rows === rows && other.length === length;
        });
      all.set(name, same ? known : new RecentMetric(name, own));
    }
    return all;
  }

  #dropSets(places: readonly Place[]): void {
    if (this.sets.size < fewSets) return;
    const used = new Set<number>();
    for (const { metrics } of places)
      for (const { spans } of metrics.values()) for (const set of spans.keys()) used.add(set);
    if (this.sets.size > 2 * used.size) this.sets.keepOnly(used);
  }
}
