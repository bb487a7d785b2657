import type { SampleUnit } from '../../../lake/samples/unit.js';
import type { KnownStream } from './known-stream.js';
import type { SeriesIndex } from './series-index.js';

/** Numbers of all places together, in each thread: 4 bytes each. */
const mostNumbers = 8_000_000;

/** Where the streams of a list are in a unit. */
export interface Places {
  /** Of each its first run, or -1. */
  readonly first: Int32Array;
  /** By the place in the list, further runs of the few that have several label sets. */
  readonly others: ReadonlyMap<number, readonly number[]>;
}

interface OfList {
  readonly inOrder: boolean;
  readonly at: ReadonlyMap<KnownStream, number>;
  readonly units: Map<number, Places>;
}

let lists = new WeakMap<readonly KnownStream[], OfList>();
let numbers = 0;

/** By stream its place in the list. */
export function numbersIn(streams: readonly KnownStream[]): ReadonlyMap<KnownStream, number> {
  return ofList(streams).at;
}

/** Whether their labels are in order, and no two the same. */
export function inOrder(streams: readonly KnownStream[]): boolean {
  return ofList(streams).inOrder;
}

function isAfter(known: KnownStream, before: KnownStream | undefined): boolean {
  const [one] = known.series('value');
  const [other] = before?.series('value') ?? [];
  return one !== undefined && other !== undefined && other.compare(one) < 0;
}

/** Neither the list nor the unit ever changes, so it is found once. */
export function placesOf(streams: readonly KnownStream[], unit: SampleUnit, index: SeriesIndex): Places {
  const list = ofList(streams);
  let places = list.units.get(unit.id);
  if (places === undefined) {
    places = find(streams.length, list.at, unit, index);
    list.units.set(unit.id, places);
    numbers += streams.length + 20;
  }
  return places;
}

function ofList(streams: readonly KnownStream[]): OfList {
  if (numbers > mostNumbers) {
    lists = new WeakMap();
    numbers = 0;
  }
  let list = lists.get(streams);
  if (list === undefined) {
    list = {
      at: new Map(streams.map((known, i) => [known, i])),
      units: new Map(),
      inOrder: streams.every((known, i) => i === 0 || isAfter(known, streams[i - 1])),
    };
    lists.set(streams, list);
    numbers += streams.length * 4;
  }
  return list;
}

function find(
  length: number,
  at: ReadonlyMap<KnownStream, number>,
  { sets }: SampleUnit,
  index: SeriesIndex,
): Places {
  const first = new Int32Array(length).fill(-1);
  const others = new Map<number, number[]>();
  for (let run = 0; run < sets.length; run++) {
    // Those behind it are its buckets, or quantiles.
    if (run > 0 && sets[run] === sets[run - 1]) continue;
    const known = index.streamOf(sets[run] ?? 0);
    const place = known && at.get(known);
    if (place === undefined) continue;
    if (first[place] === -1) first[place] = run;
    else others.set(place, [...(others.get(place) ?? []), run]);
  }
  return { first, others };
}
