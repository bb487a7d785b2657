import { layoutOf, type MetadataKind } from '../metadata/layout.js';
import { numbersOf } from './columns.js';

/** A label set that a recent row has. */
export interface RecentSet {
  /** Below zero, as those of the metadata cache are not. */
  readonly number: number;
  /** In the order of the kind's columns. */
  readonly cells: readonly unknown[];
  readonly name: string;
  /** Runs of samples in its lists. */
  readonly width: number;
}

/** The label sets of a table's recent rows, each once. A number is given to one alone. */
export class LabelSets {
  readonly #byDigest = new Map<string, RecentSet>();
  readonly #widths = new Map<number, number>();
  readonly #columns: readonly string[];
  /** As many numbers were given. */
  given = 0;
  /** About what they take. */
  bytes = 0;

  constructor(private readonly kind: MetadataKind) {
    this.#columns = layoutOf(kind).columns.map(({ name }) => name);
  }

  get size(): number {
    return this.#byDigest.size;
  }

  get(digest: string): RecentSet | undefined {
    return this.#byDigest.get(digest);
  }

  add(digest: string, cells: readonly unknown[]): void {
    if (this.#byDigest.has(digest)) return;
    const { list } = numbersOf(this.kind);
    const cell = (column: string) => cells[this.#columns.indexOf(column)] ?? null;
    const bounds = (list ? (cell(list.bounds) as readonly unknown[] | null) : null)?.length ?? 0;
    const width = list?.as === 'cumulative' ? bounds + 1 : bounds;
    const name = (cell('prometheus_name') as string | null) ?? '';
    const number = -++this.given;
    this.#byDigest.set(digest, { number, cells, name, width });
    this.#widths.set(number, width);
    this.bytes += bytesOf(cells);
  }

  /** Those of which the numbers were given after so many. */
  after(given: number): RecentSet[] {
    return [...this.#byDigest.values()].filter(({ number }) => -number > given);
  }

  /** Forgets all others: they get another number when they come again. */
  keepOnly(numbers: ReadonlySet<number>): void {
    for (const [digest, { number, cells }] of this.#byDigest) {
      if (numbers.has(number)) continue;
      this.#byDigest.delete(digest);
      this.#widths.delete(number);
      this.bytes -= bytesOf(cells);
    }
  }

  /** How many runs the lists of a set make; null for one that is forgotten. */
  widthOf(number: number): number | null {
    return this.#widths.get(number) ?? null;
  }
}

function bytesOf(cells: readonly unknown[]): number {
  return cells.reduce<number>((sum, cell) => {
    if (typeof cell === 'string') return sum + 16 + cell.length;
    return sum + 8 + (Array.isArray(cell) ? cell.length * 8 : 0);
  }, 300);
}
