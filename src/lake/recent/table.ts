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
/** Of files and the catalog, that one question reads: files that compress well have many, and each takes microseconds. */
export const mostRowsAtOnce = 100_000;
/** Label sets that no row has any more are not worth a look before they are this many. */
const fewSets = 10_000;
/** No unit may take more than this part of the memory. */
const unitShare = 4;
const restMs = 60_000;
/** After a question that ended before its lesson did. */
const shortRestMs = 10_000;

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
    private readonly known: LabelSets,
    private readonly maxBytes: number,
    /** Of all rows and what was made of them. */
    private readonly bytes: () => number,
  ) {}

  /** So many numbers of label sets were given: with those of rows that came later, which spans may have too. */
  get sets(): number {
    return this.known.given;
  }

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
    const bytes = metric.bytesFor(part);
    if (bytes > 0 && (bytes > this.maxBytes / unitShare || this.bytes() + bytes > this.maxBytes)) return null;
    return metric.unit(part, () =>
      makeUnit(this.kind, part, metric.segments, (set) => this.known.widthOf(set)),
    );
  }
}

/** What there is to learn of a table. */
export interface Lesson {
  readonly live: LiveFiles;
  /** Data files that may be read by themselves; none of their rows is deleted. */
  readonly straight: readonly string[];
  /** How many of the rows in the catalog came after those that are known; null: that is not told. */
  readonly fresh: number | null;
  /** What to select the rows in the catalog from that came after a snapshot, null for all; null where only DuckLake reads them. */
  readonly inlined: (since: bigint | null) => Promise<readonly string[] | null>;
  readonly snapshot: bigint;
  readonly maxBytes: number;
  /** What is left for the question to read. */
  readonly budget: { rows: number };
  readonly reads: Reads;
}

/** Learns the rows of a table that came last, each once. */
export class RecentLearner {
  readonly sets: LabelSets;
  #files = new Map<string, Place>();
  readonly #refused = new Set<string>();
  /** Some of these can't be read: each is read by itself. */
  readonly #suspects = new Set<string>();
  #catalog: { place: Place; upTo: bigint | null } = { place: new Place(), upTo: null };
  #bytes = 0;
  /** Milliseconds on the monotonic clock. */
  #restsUntil = 0;
  table: RecentTable | null = null;

  constructor(private readonly kind: MetadataKind) {
    this.sets = new LabelSets(kind);
  }

  get bytes(): number {
    let bytes = this.#bytes;
    for (const metric of this.table?.metrics.values() ?? []) bytes += metric.bytes;
    return bytes;
  }

  /** Rows in the catalog are known up to this snapshot; null: none. */
  get upTo(): bigint | null {
    return this.#catalog.upTo;
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  async learn(lesson: Lesson): Promise<void> {
    const { live, straight, maxBytes, reads } = lesson;
    if (this.#resting) return;
    const wanted = new Set(straight);
    const files = new Map([...this.#files].filter(([path]) => wanted.has(path)));
    for (const paths of [this.#refused, this.#suspects])
      for (const path of paths) if (!live.sizes.has(path)) paths.delete(path);
    let catalog: boolean;
    try {
      await this.#readFiles(files, lesson);
      catalog = await this.#readCatalog(lesson);
    } catch (error) {
      // Else each of the next questions would do the same in vain.
      this.#rest(reads.stopped() ? shortRestMs : restMs);
      throw error;
    } finally {
      // Of rows at one time, those count that came last.
      this.#files = new Map([...live.sizes.keys()].flatMap((path) => placeOf(path, files)));
      this.#dropSets();
      this.#bytes = this.#places.reduce((sum, { bytes }) => sum + bytes, this.sets.bytes);
      if (this.#bytes > maxBytes) this.#forget();
    }
    if (this.#resting) return;
    const covers = new Set(files.keys());
    const { kind, sets } = this;
    const bytes = () => this.bytes;
    const places = catalog ? this.#places : [...this.#files.values()];
    this.table = new RecentTable(
      kind,
      live,
      covers,
      catalog,
      this.#metrics(places, maxBytes),
      sets,
      maxBytes,
      bytes,
    );
  }

  get #places(): Place[] {
    return [...this.#files.values(), this.#catalog.place];
  }

  get #resting(): boolean {
    return performance.now() < this.#restsUntil;
  }

  #rest(ms: number): void {
    this.#restsUntil = performance.now() + ms;
  }

  /** All of it is too much: for a while, what the table has now is read by each question. */
  #forget(): void {
    this.#rest(restMs);
    this.#files = new Map();
    this.#catalog = { place: new Place(), upTo: null };
    this.#bytes = 0;
    this.sets.keepOnly(new Set());
    this.table = null;
  }

  async #readFiles(files: Map<string, Place>, lesson: Lesson): Promise<void> {
    const missing = this.#missing(files, lesson);
    const together = missing.filter((path) => !this.#suspects.has(path));
    const alone = missing.filter((path) => this.#suspects.has(path));
    if (together.length === 1) alone.push(...together);
    else if (together.length > 1) {
      try {
        await this.#add(together, files, lesson);
      } catch (error) {
        if (lesson.reads.stopped()) throw error;
        for (const path of together) this.#suspects.add(path);
        alone.push(...together);
      }
    }
    for (const path of alone) {
      try {
        await this.#add([path], files, lesson);
        this.#suspects.delete(path);
      } catch (error) {
        // Of one that lacks a column, only DuckLake knows what is in its place. Others may be had the next time.
        if (lesson.reads.stopped() || !isOfFile(error)) throw error;
        this.#refused.add(path);
        this.#suspects.delete(path);
      }
    }
  }

  /** The newest files that are not known, as far as one question reads them. */
  #missing(files: ReadonlyMap<string, Place>, { live, straight, budget }: Lesson): string[] {
    const missing: string[] = [];
    let [bytes, rows] = [0, 0];
    for (const path of straight.toReversed()) {
      const size = live.sizes.get(path) ?? Infinity;
      const count = live.rows.get(path) ?? Infinity;
      if (files.has(path) || this.#refused.has(path)) continue;
      if (size > largestFile || count > mostRowsAtOnce) continue;
      bytes += size;
      rows += count;
      if (bytes > mostBytesAtOnce || rows > budget.rows || missing.length === mostFilesAtOnce) break;
      missing.push(path);
    }
    return missing.toReversed();
  }

  async #add(paths: readonly string[], files: Map<string, Place>, { reads, budget }: Lesson): Promise<void> {
    const places = await readFiles(this.kind, paths, this.sets, reads);
    for (const [i, path] of paths.entries()) {
      const place = places[i] ?? new Place();
      files.set(path, place);
      budget.rows -= place.rows;
    }
  }

  /** Whether all rows in the catalog are known. */
  async #readCatalog({ live, fresh, inlined, snapshot, budget, reads }: Lesson): Promise<boolean> {
    const { upTo, place } = this.#catalog;
    if (live.inlined === 0) {
      this.#catalog = { place: new Place(), upTo: snapshot };
      return true;
    }
    const before = place.rows;
    if (live.inlined - before > budget.rows) return false;
    const since = upTo === null ? null : await inlined(upTo);
    // Rows only ever come with a new snapshot: where as many are left as were known, these are the same.
    const isMore = (rows: number) => before + rows === live.inlined && (fresh === null || rows === fresh);
    try {
      if (since !== null && (await readRows(this.kind, since, this.sets, reads, place, isMore))) {
        this.#catalog = { place, upTo: snapshot };
        budget.rows -= place.rows - before;
        return true;
      }
    } catch (error) {
      // Some of them may have been added.
      if (place.rows !== before) this.#catalog = { place: new Place(), upTo: null };
      throw error;
    }
    if (live.inlined > budget.rows) {
      // Those that are known went, at least in part.
      this.#catalog = { place: new Place(), upTo: null };
      return false;
    }
    const all = await inlined(null);
    const anew = new Place();
    const isAll = (rows: number) => rows === live.inlined;
    if (all === null || !(await readRows(this.kind, all, this.sets, reads, anew, isAll))) return false;
    this.#catalog = { place: anew, upTo: snapshot };
    budget.rows -= anew.rows;
    return true;
  }

  /** Those of which nothing is new stay what they are. */
  #metrics(places: readonly Place[], maxBytes: number): Map<string, RecentMetric> {
    const segments = new Map<string, Segment[]>();
    for (const { metrics } of places) {
      for (const [name, rows] of metrics) {
        const own = segments.get(name);
        const segment = { rows, length: rows.length };
        if (own) own.push(segment);
        else segments.set(name, [segment]);
      }
    }
    // Where that is too much, what was made of them is let go.
    const before = this.bytes > maxBytes ? undefined : this.table?.metrics;
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

  #dropSets(): void {
    if (this.sets.size < fewSets) return;
    const used = new Set<number>();
    for (const { metrics } of this.#places)
      for (const { spans } of metrics.values()) for (const set of spans.keys()) used.add(set);
    if (this.sets.size > 2 * used.size) this.sets.keepOnly(used);
  }
}

function placeOf(path: string, files: ReadonlyMap<string, Place>): [string, Place][] {
  const place = files.get(path);
  return place ? [[path, place]] : [];
}

/** Not of the way to it, nor of the transaction. */
function isOfFile(error: unknown): boolean {
  return (
    error instanceof Error && /^(Binder|Invalid Input|Conversion|Out of Range) Error/.test(error.message)
  );
}
