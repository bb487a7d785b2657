import type { Labels } from '../../series/labels.js';
import type { Extent } from '../../sql/extent.js';
import { packed, type PackedNumbers } from '../../sql/number-set.js';
import type { KnownStream } from './known-stream.js';

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

export interface FileSeries extends Extent<number> {
  /** By Prometheus name. */
  readonly metrics: ReadonlyMap<string, FileMetric>;
  /** Numbers of all its streams, and its resources. */
  readonly streams: PackedNumbers;
  readonly targets: ReadonlySet<Labels>;
}

/** Of the files of a window. */
export type SeriesOfFiles = ReadonlyMap<number, FileSeries>;

const never: Extent<number> = { begin: Infinity, end: -Infinity, begunBy: -Infinity, goesOnTo: Infinity };
/** That only each metric by itself tells of times. */
export const always: Extent<number> = {
  begin: -Infinity,
  end: Infinity,
  begunBy: Infinity,
  goesOnTo: -Infinity,
};

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
export class MetricRows {
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

export function seriesOf(rows: ReadonlyMap<string, MetricRows>): FileSeries {
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
