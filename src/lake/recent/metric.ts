import { unitBytes, type SamplePart, type SharedUnit } from '../samples/unit.js';
import type { MetricRows, Span } from './metric-rows.js';

/** The first rows of a metric that are in one place. */
export interface Segment {
  readonly rows: MetricRows;
  readonly length: number;
}

/** Which label sets a metric has: of each its number, its first and last time (microseconds) and its rows, one behind the other. */
export interface SharedSpans {
  /** Of no other spans of this process. */
  readonly id: number;
  readonly name: string;
  readonly numbers: SharedArrayBuffer;
}

export const spanWidth = 4;
let spans = 0;

const toMillisecond = (micros: number) => Math.floor(micros / 1000) * 1000;

/** The recent rows of a metric at some moment. */
export class RecentMetric {
  readonly #units = new Map<SamplePart, Promise<SharedUnit | null>>();
  #spans: SharedSpans | null = null;
  #unitBytes = 0;

  constructor(
    readonly name: string,
    readonly segments: readonly Segment[],
  ) {}

  /** Of what was made of its rows. */
  get bytes(): number {
    return this.#unitBytes + (this.#spans?.numbers.byteLength ?? 0);
  }

  /** At most about what a unit takes that is still to make; 0 for one that is made. */
  bytesFor(part: SamplePart): number {
    if (this.#units.has(part)) return 0;
    const samples = (rows: MetricRows, length: number) => Math.max(length, rows.lists[length] ?? 0);
    return this.segments.reduce((sum, { rows, length }) => sum + 28 * samples(rows, length), 0);
  }

  /** Of these rows, and of later ones at most. */
  spans(): SharedSpans {
    if (this.#spans !== null) return this.#spans;
    const all = new Map<number, Span>();
    for (const { rows } of this.segments) {
      for (const [set, { first, last, records }] of rows.spans) {
        const known = all.get(set);
        if (!known) all.set(set, { first, last, records });
        else {
          known.first = Math.min(known.first, first);
          known.last = Math.max(known.last, last);
          known.records += records;
        }
      }
    }
    const numbers = new SharedArrayBuffer(all.size * spanWidth * 8);
    const view = new Float64Array(numbers);
    let at = 0;
    for (const [set, { first, last, records }] of all) {
      view[at++] = set;
      view[at++] = toMillisecond(first);
      view[at++] = toMillisecond(last);
      view[at++] = records;
    }
    return (this.#spans = { id: ++spans, name: this.name, numbers });
  }

  /** Made once. */
  unit(part: SamplePart, make: () => Promise<SharedUnit | null>): Promise<SharedUnit | null> {
    let unit = this.#units.get(part);
    if (unit === undefined) {
      const about = this.bytesFor(part);
      unit = make();
      this.#units.set(part, unit);
      this.#unitBytes += about;
      unit.then(
        (made) => (this.#unitBytes += (made ? unitBytes(made) : 0) - about),
        () => {
          this.#units.delete(part);
          this.#unitBytes -= about;
        },
      );
    }
    return unit;
  }
}
