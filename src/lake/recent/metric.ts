import type { SamplePart, SharedUnit } from '../samples/unit.js';
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

  constructor(
    readonly name: string,
    readonly segments: readonly Segment[],
  ) {}

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
      unit = make();
      this.#units.set(part, unit);
      unit.catch(() => this.#units.delete(part));
    }
    return unit;
  }
}
