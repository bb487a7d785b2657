/** A label set: sorted by name, no empty values, immutable. */
export class Labels {
  #key: string | undefined;

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
    const names = [...map.keys()].filter((name) => map.get(name) !== '').sort();
    return names.length === 0
      ? Labels.empty
      : new Labels(
          names,
          names.map((name) => map.get(name) ?? ''),
        );
  }

  /** Identifies the set: equal keys mean equal labels. Lengths are part of it, so no value can forge a boundary. */
  get key(): string {
    if (this.#key === undefined) {
      let key = '';
      for (let i = 0; i < this.names.length; i++) {
        const name = this.names[i] ?? '';
        const value = this.values[i] ?? '';
        key += `${name}=${value.length}:${value},`;
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

  with(name: string, value: string): Labels {
    return Labels.of([...this.entries(), [name, value]]);
  }

  without(drop: ReadonlySet<string>): Labels {
    return this.names.some((name) => drop.has(name)) ? this.#filter((name) => !drop.has(name)) : this;
  }

  only(keep: ReadonlySet<string>): Labels {
    return this.#filter((name) => keep.has(name));
  }

  withoutName(): Labels {
    return this.without(metricNameLabel);
  }

  *entries(): IterableIterator<[string, string]> {
    for (let i = 0; i < this.names.length; i++) yield [this.names[i] ?? '', this.values[i] ?? ''];
  }

  toRecord(): Record<string, string> {
    return Object.fromEntries(this.entries());
  }

  /** `{a="b", c="d"}`, for messages. */
  toString(): string {
    return `{${[...this.entries()].map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;
  }

  compare(other: Labels): number {
    const n = Math.min(this.names.length, other.names.length);
    for (let i = 0; i < n; i++) {
      const byName = order(this.names[i] ?? '', other.names[i] ?? '');
      if (byName !== 0) return byName;
      const byValue = order(this.values[i] ?? '', other.values[i] ?? '');
      if (byValue !== 0) return byValue;
    }
    return this.names.length - other.names.length;
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
const metricNameLabel: ReadonlySet<string> = new Set([metricName]);

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * An attribute key as a Prometheus label name (OpenTelemetry's Prometheus compatibility specification). As in
 * Prometheus, no label begins with a digit, nor with one underscore.
 */
export function labelName(key: string): string {
  const name = key.replace(/[^a-zA-Z0-9_]/gu, '_');
  if (/^[0-9]/.test(name)) return `key_${name}`;
  return /^_(?!_)/.test(name) ? `key${name}` : name;
}

/** A number as Prometheus writes it into a label value: shortest decimals, never an exponent. */
export function plainDecimal(value: number): string {
  const text = floatText(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits + '0'.repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** A sample value as the HTTP API writes it: NaN, +Inf, -Inf, shortest decimals, exponents of two digits or more. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  return text.includes('e') ? text.replace(/e([+-])(\d)$/, 'e$10$2') : text;
}
