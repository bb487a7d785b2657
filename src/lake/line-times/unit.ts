/** The times of a data file's log lines, by label set and by what one attribute is there: in memory that all threads share. */
export interface SharedTimes {
  readonly buffer: SharedArrayBuffer;
  /** Values of the attribute, each once; none where no attribute was asked for. */
  readonly values: readonly string[];
  readonly groups: number;
  readonly slices: number;
  readonly lines: number;
  /** Unix milliseconds that its times count from. */
  readonly base: number;
  /** Milliseconds after `base` of the last of them. */
  readonly last: number;
}

/**
 * Milliseconds after `base`; of lines rounded up: a time is at or before a whole millisecond if and only if it is so rounded. Rounded down it
 * is before one if and only if it is so rounded.
 */
export interface LineTimes {
  readonly base: number;
  readonly last: number;
  /** Of each group of lines the number of their label set (`metadata/store`). */
  readonly sets: Int32Array;
  /** And which of `SharedTimes.values` their attribute has; -1: they have none. */
  readonly valueOf: Int32Array;
  /** Group g has the slices `sliceStarts[g]` to `sliceStarts[g + 1] - 1`. */
  readonly sliceStarts: Uint32Array;
  /** Of each slice the upper half of its times, and where its lines begin; one more for the end. */
  readonly uppers: Uint16Array;
  readonly lineStarts: Uint32Array;
  /** The lower half of each line's time, ascending within a slice. */
  readonly lowers: Uint16Array;
}

type Size = Pick<SharedTimes, 'groups' | 'slices' | 'lines'>;

/** With the texts of the attribute, which lie beside them. */
export function heldBytes(times: SharedTimes): number {
  return timesBytes(times) + times.values.reduce((sum, text) => sum + 2 * text.length, 0);
}

function timesBytes({ groups, slices, lines }: Size): number {
  return groups * 8 + (groups + 1) * 4 + (slices + 1) * 4 + slices * 2 + lines * 2;
}

export function timesOf({ buffer, groups, slices, lines, base, last }: SharedTimes): LineTimes {
  let at = 0;
  const next = (bytes: number): number => {
    const begin = at;
    at += bytes;
    return begin;
  };
  return {
    base,
    last,
    sets: new Int32Array(buffer, next(groups * 4), groups),
    valueOf: new Int32Array(buffer, next(groups * 4), groups),
    sliceStarts: new Uint32Array(buffer, next((groups + 1) * 4), groups + 1),
    lineStarts: new Uint32Array(buffer, next((slices + 1) * 4), slices + 1),
    uppers: new Uint16Array(buffer, next(slices * 2), slices),
    lowers: new Uint16Array(buffer, next(lines * 2), lines),
  };
}

/** Puts times together that come group by group, each group's in order. */
export class TimesBuilder {
  readonly #lowers: Uint16Array;
  #lines = 0;
  readonly #sets: number[] = [];
  readonly #valueOf: number[] = [];
  readonly #sliceStarts: number[] = [];
  readonly #uppers: number[] = [];
  readonly #lineStarts: number[] = [];
  #last = 0;

  constructor(
    private readonly base: number,
    lines: number,
  ) {
    this.#lowers = new Uint16Array(lines);
  }

  add(sets: Int32Array, values: Int32Array, times: Uint32Array): void {
    if (this.#lines + sets.length > this.#lowers.length) throw new Error('more lines than the metadata tell');
    for (let i = 0; i < sets.length; i++) {
      const [set, value, time] = [sets[i] ?? 0, values[i] ?? -1, times[i] ?? 0];
      const upper = time >>> 16;
      const begins = set !== this.#sets.at(-1) || value !== this.#valueOf.at(-1);
      if (begins) {
        this.#sets.push(set);
        this.#valueOf.push(value);
        this.#sliceStarts.push(this.#uppers.length);
      }
      if (begins || upper !== this.#uppers.at(-1)) {
        this.#uppers.push(upper);
        this.#lineStarts.push(this.#lines);
      }
      this.#lowers[this.#lines++] = time & 0xffff;
      if (time > this.#last) this.#last = time;
    }
  }

  /** Null where there are other lines than were announced. */
  built(values: readonly string[]): SharedTimes | null {
    if (this.#lines !== this.#lowers.length) return null;
    const size = { groups: this.#sets.length, slices: this.#uppers.length, lines: this.#lines };
    const shared: SharedTimes = {
      ...size,
      values,
      buffer: new SharedArrayBuffer(timesBytes(size)),
      ...{ base: this.base, last: this.#last },
    };
    const times = timesOf(shared);
    times.sets.set(this.#sets);
    times.valueOf.set(this.#valueOf);
    times.sliceStarts.set([...this.#sliceStarts, size.slices]);
    times.lineStarts.set([...this.#lineStarts, size.lines]);
    times.uppers.set(this.#uppers);
    times.lowers.set(this.#lowers);
    return shared;
  }
}

/** How many lines of group `g` are at or before a time. */
export function linesUntil(times: LineTimes, g: number, time: number): number {
  const { sliceStarts, uppers, lineStarts, lowers } = times;
  const [first, end] = [sliceStarts[g] ?? 0, sliceStarts[g + 1] ?? 0];
  const begin = lineStarts[first] ?? 0;
  if (time < 0) return 0;
  if (time >= times.last) return (lineStarts[end] ?? 0) - begin;
  const upper = time >>> 16;
  let [from, to] = [first, end];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((uppers[middle] ?? 0) < upper) from = middle + 1;
    else to = middle;
  }
  if (from === end || uppers[from] !== upper) return (lineStarts[from] ?? 0) - begin;
  const lower = time & 0xffff;
  [from, to] = [lineStarts[from] ?? 0, lineStarts[from + 1] ?? 0];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((lowers[middle] ?? 0) <= lower) from = middle + 1;
    else to = middle;
  }
  return from - begin;
}
