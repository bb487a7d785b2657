/** First and last time of a label set's rows, microseconds since the epoch, and how many there are. */
export interface Span {
  first: number;
  last: number;
  records: number;
}

export interface Row {
  readonly set: number;
  /** Microseconds since the epoch: of rows at one millisecond, the last one counts. */
  readonly time: number;
  /** It is no sample: its series ends here. */
  readonly ended: boolean;
  /** Null where the row has none. */
  readonly numbers: readonly (number | null)[];
  readonly list: ArrayLike<number | null> | null;
}

/** Rows of one metric that are in one place. More are added, none is changed, so that the first n of them are always the same. */
export class MetricRows {
  length = 0;
  sets = new Int32Array(8);
  times = new Float64Array(8);
  ended = new Uint8Array(8);
  /** One behind the other, NaN where there is none; the bits of `present` tell these. */
  numbers: Float64Array;
  present: Uint8Array;
  /** The list of row n begins at n; NaN where it has a NULL. */
  lists = new Uint32Array(9);
  values = new Float64Array(0);
  readonly spans = new Map<number, Span>();

  constructor(readonly width: number) {
    this.numbers = new Float64Array(8 * width);
    this.present = new Uint8Array(8);
  }

  get bytes(): number {
    return (
      this.sets.length * (4 + 8 + 1 + 1 + 4) +
      (this.numbers.length + this.values.length) * 8 +
      this.spans.size * 100
    );
  }

  add({ set, time, ended, numbers, list }: Row): void {
    const at = this.length;
    if (at === this.sets.length) this.#grow();
    this.sets[at] = set;
    this.times[at] = time;
    this.ended[at] = ended ? 1 : 0;
    let present = 0;
    for (let i = 0; i < this.width; i++) {
      const number = numbers[i] ?? null;
      this.numbers[at * this.width + i] = number ?? NaN;
      if (number !== null) present |= 1 << i;
    }
    this.present[at] = present;
    this.#addList(at, list);
    const span = this.spans.get(set);
    if (span) {
      span.first = Math.min(span.first, time);
      span.last = Math.max(span.last, time);
      span.records++;
    } else this.spans.set(set, { first: time, last: time, records: 1 });
    this.length++;
  }

  #addList(at: number, list: ArrayLike<number | null> | null): void {
    const begin = this.lists[at] ?? 0;
    const length = list?.length ?? 0;
    if (begin + length > this.values.length) {
      const values = new Float64Array(2 * (begin + length));
      values.set(this.values);
      this.values = values;
    }
    for (let i = 0; i < length; i++) this.values[begin + i] = list?.[i] ?? NaN;
    this.lists[at + 1] = begin + length;
  }

  #grow(): void {
    const size = this.sets.length * 2;
    const larger = <T extends Int32Array | Float64Array | Uint8Array | Uint32Array>(old: T, made: T): T => {
      made.set(old);
      return made;
    };
    this.sets = larger(this.sets, new Int32Array(size));
    this.times = larger(this.times, new Float64Array(size));
    this.ended = larger(this.ended, new Uint8Array(size));
    this.present = larger(this.present, new Uint8Array(size));
    this.numbers = larger(this.numbers, new Float64Array(size * this.width));
    this.lists = larger(this.lists, new Uint32Array(size + 1));
  }
}
