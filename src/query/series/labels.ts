import { isLabelName, labelName } from '../attributes/label-name.js';
import { byteOrder } from '../text/byte-order.js';

/**
 * A label set: sorted by name (`byteOrder`), no empty values but where a language has them, immutable. Names come from outside, so they are items of lists and
 * never properties of objects.
 */
export class Labels {
  #key: string | undefined;
  #withoutName: Labels | undefined;

  private constructor(
    readonly names: readonly string[],
    readonly values: readonly string[],
  ) {}

  static get empty(): Labels {
    return (emptyLabels ??= new Labels([], []));
  }

  /** Later entries win over earlier ones of the same name; empty values are left out. */
  static of(entries: Iterable<readonly [string, string]>): Labels {
    const map = new Map(entries);
    const names = [...map.keys()].filter((name) => map.get(name) !== '').sort(byteOrder);
    return names.length === 0
      ? Labels.empty
      : new Labels(
          names,
          names.map((name) => map.get(name) ?? ''),
        );
  }

  /** As `of`, and faster, for entries of which no two have the same name; they may be reordered. */
  static ofDistinct(entries: (readonly [name: string, value: string])[]): Labels {
    entries.sort(byName);
    const names: string[] = [];
    const values: string[] = [];
    for (const [name, value] of entries) {
      if (value === '') continue;
      names.push(name);
      values.push(value);
    }
    return names.length === 0 ? Labels.empty : new Labels(names, values);
  }

  /** As `ofDistinct`, but empty values stay: labels of their own in LogQL. */
  static withEmpty(entries: (readonly [name: string, value: string])[]): Labels {
    if (entries.length === 0) return Labels.empty;
    entries.sort(byName);
    return new Labels(
      entries.map(([name]) => name),
      entries.map(([, value]) => value),
    );
  }

  /** Identifies the set: equal keys mean equal labels. Lengths are part of it, so no name or value can forge a boundary. */
  get key(): string {
    if (this.#key === undefined) {
      let key = '';
      for (let i = 0; i < this.names.length; i++) {
        const name = this.names[i] ?? '';
        const value = this.values[i] ?? '';
        key += `${name.length}:${name}=${value.length}:${value},`;
      }
      this.#key = key;
    }
    return this.#key;
  }

  /** The value, or '' when there is no such label. */
  get(name: string): string {
    const at = this.names.indexOf(name);
    return at < 0 ? '' : (this.values[at] ?? '');
  }

  /**
   * By the name as a query has it, which may be an attribute's: the name of the label that is meant. One of exactly that name comes
   * first, then the one that an attribute of that name becomes.
   */
  named(name: string): string {
    return isLabelName(name) || this.names.includes(name) ? name : labelName(name);
  }

  with(name: string, value: string): Labels {
    return Labels.of([...this.entries(), [name, value]]);
  }

  without(drop: ReadonlySet<string>): Labels {
    drop = this.#named(drop);
    return this.names.some((name) => drop.has(name)) ? this.#filter((name) => !drop.has(name)) : this;
  }

  only(keep: ReadonlySet<string>): Labels {
    keep = this.#named(keep);
    return this.#filter((name) => keep.has(name));
  }

  /** Without what says which metric it is. The same each time: most label sets live longer than a query, and so do their keys. */
  withoutName(): Labels {
    return (this.#withoutName ??= this.without(metadataLabels));
  }

  *entries(): IterableIterator<[string, string]> {
    for (let i = 0; i < this.names.length; i++) yield [this.names[i] ?? '', this.values[i] ?? ''];
  }

  /** For JSON.stringify: an object whose own properties are the labels, `__proto__` among them. */
  toJSON(): object {
    return Object.fromEntries(this.entries());
  }

  /** `{a="b", c="d"}`, for messages. */
  toString(): string {
    return `{${[...this.entries()].map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;
  }

  compare(other: Labels): number {
    const n = Math.min(this.names.length, other.names.length);
    for (let i = 0; i < n; i++) {
      const byName = byteOrder(this.names[i] ?? '', other.names[i] ?? '');
      if (byName !== 0) return byName;
      const byValue = byteOrder(this.values[i] ?? '', other.values[i] ?? '');
      if (byValue !== 0) return byValue;
    }
    return this.names.length - other.names.length;
  }

  #named(names: ReadonlySet<string>): ReadonlySet<string> {
    for (const name of names) {
      if (!isLabelName(name)) return new Set([...names].map((one) => this.named(one)));
    }
    return names;
  }

  #filter(keep: (name: string) => boolean): Labels {
    const names: string[] = [];
    const values: string[] = [];
    for (let i = 0; i < this.names.length; i++) {
      const name = this.names[i] ?? '';
      if (!keep(name)) continue;
      names.push(name);
      values.push(this.values[i] ?? '');
    }
    return names.length === 0 ? Labels.empty : new Labels(names, values);
  }
}

let emptyLabels: Labels | undefined;

export const metricName = '__name__';
/** What a metric is: its name, and with Prometheus' feature "type-and-unit-labels" its type and unit. */
export const metadataLabels: ReadonlySet<string> = new Set([metricName, '__type__', '__unit__']);

function byName(a: readonly [string, string], b: readonly [string, string]): number {
  return byteOrder(a[0], b[0]);
}
