import { literalNumber } from './literals.js';

/** A number or a duration as Prometheus' scanner takes it, or what it says of one that is none. */
export type NumberWord =
  | { readonly kind: 'number' | 'duration'; readonly text: string }
  /** `number`: the scanner takes it for one, and only its value is none. */
  | { readonly fault: string; readonly number?: string };

/** Reads what begins with a digit, or a dot before one, at `from`. */
export function numberWord(source: string, from: number): NumberWord {
  const scanner = new Scanner(source, from);
  const isNumber = scanner.number();
  if (isNumber) {
    const { text } = scanner;
    if (literalNumber(text) !== undefined) return { kind: 'number', text };
    return {
      number: text,
      fault: `error parsing number: strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`,
    };
  }
  if (!scanner.duration()) return { fault: `bad number or duration syntax: ${JSON.stringify(scanner.text)}` };
  const { text } = scanner;
  const fault = durationFault(text);
  return fault === undefined ? { kind: 'duration', text } : { fault };
}

class Scanner {
  #at: number;

  constructor(
    private readonly source: string,
    private readonly from: number,
  ) {
    this.#at = from;
  }

  get text(): string {
    return this.source.slice(this.from, this.#at);
  }

  /** Whether it is a number, not necessarily a valid one; what was looked at counts as read in any case. */
  number(): boolean {
    const hex = this.#take(/0[xX]_?/y);
    if (!hex) this.#take(/0/y);
    const digits = hex ? /[\da-fA-F]+/y : /\d+/y;
    this.#take(/\./y);
    this.#take(hex ? /[\da-fA-F]/y : /\d/y);
    let [dots, exponents] = [0, 0];
    for (;;) {
      if (this.#is(/\./y)) {
        this.#take(/\./y);
        if (dots++ > 0 || this.#take(/[_.]/y) || hex) return false;
      } else if (!hex && this.#is(/[eE]/y)) {
        this.#take(/[eE]/y);
        if (exponents++ > 0) return false;
        this.#take(/[+-]/y);
        if (this.#take(/[._eE]/y) || this.#at >= this.source.length) return false;
      } else if (this.#is(/_/y)) {
        this.#take(/_/y);
        if (this.#take(/[._eE]/y) || this.#at >= this.source.length) return false;
      } else if (!this.#take(digits)) break;
    }
    return !this.#is(/\w/y);
  }

  /** Units behind a number, with more numbers and units. */
  duration(): boolean {
    if (!this.#take(/[smhdwy]s?/y)) return false;
    while (this.#take(/\d+/y)) if (!this.#take(/[smhdw]s?/y)) return false;
    return !this.#take(/\w/y);
  }

  #is(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.source);
  }

  #take(pattern: RegExp): boolean {
    if (!this.#is(pattern)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }
}

const units = ['y', 'w', 'd', 'h', 'm', 's', 'ms'];

/** Each unit once, the larger ones first. */
function durationFault(text: string): string | undefined {
  let last = -1;
  for (const [, digits = '', unit = ''] of text.matchAll(/(\d*)(\D+)/g)) {
    const order = units.indexOf(unit);
    if (digits === '' || unit === '') return `not a valid duration string: ${JSON.stringify(text)}`;
    if (order < 0) return `unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`;
    if (order <= last) return `not a valid duration string: ${JSON.stringify(text)}`;
    last = order;
  }
  return undefined;
}
