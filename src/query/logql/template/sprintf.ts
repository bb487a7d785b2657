import { byteOrder } from '../../text/byte-order.js';
import { goQuote, goQuoteRune, isPrintable } from '../../text/go-quote.js';
import { charactersOfStep, maxLength, tooLong } from './bounds.js';
import { formatNumber, hexNumber } from './floats.js';
import { formatValue, nameOf } from './format.js';
import { Integer, isList, isMap, isTime, typeName, wholeOf, type Value } from './value.js';

/** Of a width or a precision; larger ones are none, as in Go. */
const largest = 1_000_000;
/** Digits of a fraction that are made. */
const maxDigits = 100;
/** Of a value in a list, in steps, beside what its text takes. */
const workOfItem = 1 / 8;
/** Of a time, which takes more than its text tells. */
const workOfTime = 4;

type Work = (steps: number) => void;

/** What stands between `%` and the verb. */
interface Spec {
  plus: boolean;
  minus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  width: number | undefined;
  precision: number | undefined;
  readonly work: Work;
}

const plainSpec = (work: Work): Spec => ({
  work,
  ...{ plus: false, minus: false, sharp: false, space: false, zero: false },
  ...{ width: undefined, precision: undefined },
});

/** Go's fmt.Sprintf (pkg fmt, doPrintf). `work` counts steps of what the length of the result does not tell. */
export function sprintf(format: string, args: readonly Value[], work: Work): string {
  return new Formatter(format, args, work).run();
}

class Formatter {
  #out = '';
  #at = 0;
  #next = 0;
  #reordered = false;
  /** Indexes of arguments so far name some. */
  #good = true;
  /** No `]` follows. */
  #unclosed = false;

  constructor(
    private readonly format: string,
    private readonly args: readonly Value[],
    private readonly work: Work,
  ) {}

  run(): string {
    const { format, args } = this;
    while (this.#at < format.length) {
      const percent = format.indexOf('%', this.#at);
      this.#write(format.slice(this.#at, percent < 0 ? undefined : percent));
      if (percent < 0) break;
      this.#at = percent + 1;
      this.#verb();
    }
    if (this.#reordered || this.#next >= args.length) return this.#out;
    const extra = args
      .slice(this.#next)
      .map((arg) => (isNil(arg) ? '<nil>' : told(arg, plainSpec(this.work))));
    this.#write(`%!(EXTRA ${extra.join(', ')})`);
    return this.#out;
  }

  #write(text: string): void {
    this.#out += text;
    if (this.#out.length > maxLength) throw tooLong();
  }

  #verb(): void {
    const { format, args } = this;
    this.work(1);
    const spec = this.#flags();
    this.#good = true;
    let indexed = this.#index();
    if (format[this.#at] === '*') {
      this.#at++;
      spec.width = this.#given();
      if (spec.width === undefined) this.#write('%!(BADWIDTH)');
      else if (spec.width < 0) [spec.width, spec.minus] = [-spec.width, true];
      indexed = false;
    } else {
      spec.width = this.#number();
      if (indexed && spec.width !== undefined) this.#good = false;
    }
    if (format[this.#at] === '.') {
      this.#at++;
      if (indexed) this.#good = false;
      indexed = this.#index();
      if (format[this.#at] === '*') {
        this.#at++;
        spec.precision = this.#given();
        if (spec.precision !== undefined && spec.precision < 0) spec.precision = undefined;
        if (spec.precision === undefined) this.#write('%!(BADPREC)');
        indexed = false;
      } else spec.precision = this.#number() ?? 0;
    }
    if (!indexed) this.#index();
    const verb = String.fromCodePoint(format.codePointAt(this.#at) ?? 0);
    if (this.#at >= format.length) this.#write('%!(NOVERB)');
    else if (verb === '%') this.#write('%');
    else if (!this.#good) this.#write(`%!${verb}(BADINDEX)`);
    else if (this.#next >= args.length) this.#write(`%!${verb}(MISSING)`);
    else this.#write(formatted(args[this.#next++], verb === 'w' ? 'v' : verb, spec, verb));
    this.#at += verb.length;
  }

  #flags(): Spec {
    const spec = plainSpec(this.work);
    for (; ; this.#at++) {
      const flag = this.format[this.#at];
      if (flag === '#') spec.sharp = true;
      else if (flag === '0') spec.zero = true;
      else if (flag === '+') spec.plus = true;
      else if (flag === '-') spec.minus = true;
      else if (flag === ' ') spec.space = true;
      else return spec;
    }
  }

  #number(): number | undefined {
    const digits = /\d+/y;
    digits.lastIndex = this.#at;
    const found = digits.exec(this.format)?.[0];
    if (found === undefined) return undefined;
    this.#at += found.length;
    if (Number(found) <= largest) return Number(found);
    this.#at = this.format.length;
    return undefined;
  }

  /** `[2]`: the argument that comes next. */
  #index(): boolean {
    if (this.format[this.#at] !== '[') return false;
    this.#reordered = true;
    const close = this.#unclosed ? -1 : this.format.indexOf(']', this.#at);
    this.#unclosed = close < 0;
    const number = Number(/^\d+$/.exec(this.format.slice(this.#at + 1, close))?.[0]);
    this.#at = close < 0 ? this.#at + 1 : close + 1;
    if (close >= 0 && number >= 1 && number <= this.args.length) {
      this.#next = number - 1;
      return true;
    }
    this.#good = false;
    return close >= 0;
  }

  /** A width or precision that is an argument. */
  #given(): number | undefined {
    const given = this.#next < this.args.length ? wholeOf(this.args[this.#next++]) : undefined;
    return given === undefined || given > largest || given < -largest ? undefined : Number(given);
  }
}

const isNil = (value: Value): value is null | undefined => value === null || value === undefined;

/** A value with its type, as in what Go says of a verb that does not fit. */
function told(value: Value, spec: Spec): string {
  return `${typeName(value)}=${formatted(value, 'v', spec, 'v', true)}`;
}

/** One value; `shown`: the verb as it was written. `wrongVerb`: it is told with an error, where flags are those of another verb. */
function formatted(value: Value, verb: string, spec: Spec, shown = verb, wrongVerb = false): string {
  const wrong = () => `%!${shown}(${isNil(value) ? '<nil>' : told(value, spec)})`;
  if (verb === 'T') return pad(isNil(value) ? '<nil>' : typeName(value), spec);
  if (isNil(value)) return verb === 'v' ? pad('<nil>', spec) : wrong();
  // `%#v` is Go's syntax, and a flag of what is in it no more.
  const syntax = verb === 'v' && !wrongVerb && spec.sharp;
  const inner = verb === 'v' && !wrongVerb ? { ...spec, sharp: false, plus: false } : spec;
  if (typeof value === 'boolean') return verb === 'v' || verb === 't' ? pad(String(value), spec) : wrong();
  if (typeof value === 'number') return formatFloat(value, verb, inner, syntax) ?? wrong();
  const name = value instanceof Integer ? nameOf(value) : undefined;
  if (name !== undefined && /[vsqxX]/.test(verb)) return formatText(name, verb, inner) ?? wrong();
  const whole = wholeOf(value);
  if (whole !== undefined) {
    if (syntax && typeName(value) === 'uint8') return pad(`0x${whole.toString(16)}`, spec);
    return formatWhole(whole, verb, inner) ?? wrong();
  }
  if (isTime(value)) {
    spec.work(workOfTime);
    return formatText(formatValue(value), verb, inner) ?? wrong();
  }
  if (typeof value === 'string')
    return (syntax ? pad(goQuote(value), spec) : formatText(value, verb, inner)) ?? wrong();
  const element = (item: Value) =>
    isNil(item) ? (syntax ? 'interface {}(nil)' : '<nil>') : formatted(item, verb, spec, shown);
  if (isList(value)) {
    const items = bounded(value, spec.work, element);
    return syntax ? `${typeName(value)}{${items.join(', ')}}` : `[${items.join(' ')}]`;
  }
  if (!isMap(value)) return wrong();
  const entries = [...value].sort(([a], [b]) => byteOrder(a, b));
  const items = bounded(
    entries,
    spec.work,
    ([key, item]) => `${formatted(key, verb, spec, shown)}:${element(item)}`,
  );
  return syntax ? `${typeName(value)}{${items.join(', ')}}` : `map[${items.join(' ')}]`;
}

/** A width makes much of every item and a precision little, so they are counted while they are made. */
function bounded<T>(items: readonly T[], work: Work, make: (item: T) => string): string[] {
  let length = 0;
  return items.map((item) => {
    const made = make(item);
    length += made.length;
    work(workOfItem + made.length / charactersOfStep);
    if (length > maxLength) throw tooLong();
    return made;
  });
}

function pad(text: string, { width = 0, minus, zero }: Spec): string {
  if (width <= text.length / 2) return text;
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  return minus ? text + ' '.repeat(missing) : (zero ? '0' : ' ').repeat(missing) + text;
}

function formatText(value: string, verb: string, spec: Spec): string | undefined {
  const { precision, sharp, plus, space } = spec;
  switch (verb) {
    case 'v':
    case 's':
      return pad(cut(value, precision), spec);
    case 'q': {
      const text = cut(value, precision);
      // eslint-disable-next-line no-control-regex
      if (sharp && !/[\0-\x08\x0a-\x1f`\x7f\ufeff]/.test(text)) return pad(`\`${text}\``, spec);
      return pad(plus ? ascii(goQuote(text)) : goQuote(text), spec);
    }
    case 'x':
    case 'X': {
      const bytes = [...bytesOf(value, precision)].map((byte) => byte.toString(16).padStart(2, '0'));
      const prefix = sharp && bytes.length > 0 ? '0x' : '';
      const hex = prefix + bytes.join(space ? ` ${prefix}` : '');
      return pad(verb === 'X' ? hex.toUpperCase() : hex, spec);
    }
    default:
      return undefined;
  }
}

function cut(text: string, precision: number | undefined): string {
  if (precision === undefined || precision >= text.length) return text;
  return Array.from(text.slice(0, 2 * precision))
    .slice(0, precision)
    .join('');
}

/** One character more than bytes are wanted, so that no half of a pair is among them. */
function bytesOf(text: string, precision = Infinity): Buffer {
  return Buffer.from(text.slice(0, precision + 1)).subarray(0, precision);
}

function ascii(quoted: string): string {
  return quoted.replaceAll(/[^\0-\x7f]/gu, (char) => {
    const hex = (char.codePointAt(0) ?? 0).toString(16);
    return hex.length > 4 ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
  });
}

const bases: ReadonlyMap<string, number> = new Map([
  ['v', 10],
  ['d', 10],
  ['b', 2],
  ['o', 8],
  ['O', 8],
  ['x', 16],
  ['X', 16],
]);

function formatWhole(value: bigint, verb: string, spec: Spec): string | undefined {
  const { width, precision, sharp, plus, minus, space, zero } = spec;
  if (verb === 'c' || verb === 'q' || verb === 'U') {
    const known = value >= 0n && value <= 0x10ffffn && (value < 0xd800n || value > 0xdfffn);
    const char = known ? String.fromCodePoint(Number(value)) : '\uFFFD';
    if (verb === 'c') return pad(char, spec);
    if (verb === 'q') return pad(plus ? ascii(goQuoteRune(char)) : goQuoteRune(char), spec);
    const code = BigInt.asUintN(64, value).toString(16).toUpperCase();
    const digits = code.padStart(Math.max(4, Math.min(precision ?? 4, largest)), '0');
    return pad(`U+${digits}${sharp && known && isPrintable(char) ? ` '${char}'` : ''}`, {
      ...spec,
      zero: false,
    });
  }
  const base = bases.get(verb);
  if (base === undefined) return undefined;
  const negative = value < 0n;
  let least = precision ?? 0;
  if (precision === 0 && value === 0n) return pad('', { ...spec, zero: false });
  if (precision === undefined && zero && !minus && width !== undefined)
    least = negative || plus || space ? width - 1 : width;
  let digits = (negative ? -value : value).toString(base).padStart(least, '0');
  if (sharp && base === 2) digits = `0b${digits}`;
  if (sharp && base === 8 && !digits.startsWith('0')) digits = `0${digits}`;
  if (sharp && base === 16) digits = `0x${digits}`;
  if (verb === 'O') digits = `0o${digits}`;
  if (verb === 'X') digits = digits.toUpperCase();
  const sign = negative ? '-' : plus ? '+' : space ? ' ' : '';
  return pad(sign + digits, { ...spec, zero: false });
}

function formatFloat(value: number, verb: string, spec: Spec, syntax: boolean): string | undefined {
  const { plus, minus, space, zero, sharp, width } = spec;
  const precision = spec.precision === undefined ? undefined : Math.min(spec.precision, maxDigits);
  let digits: string | undefined;
  if (verb === 'x' || verb === 'X') digits = hexNumber(value, precision);
  else digits = formatNumber(value, verb === 'v' ? 'g' : verb === 'F' ? 'f' : verb, precision, sharp);
  if (digits === undefined) return undefined;
  if (verb === 'X' || verb === 'E' || verb === 'G')
    digits = Number.isFinite(value) ? digits.toUpperCase() : digits;
  if (!Number.isFinite(value)) {
    const sign = digits.startsWith('-') ? '' : plus ? '+' : space ? ' ' : digits === 'NaN' ? '' : '+';
    return pad(sign + digits, { ...spec, zero: false });
  }
  if (syntax) return pad(digits, spec);
  if (!digits.startsWith('-') && (plus || space)) digits = (plus ? '+' : ' ') + digits;
  if (zero && !minus && width !== undefined && /^[-+ ]/.test(digits)) {
    return digits.slice(0, 1) + pad(digits.slice(1), { ...spec, width: width - 1 });
  }
  return pad(digits, spec);
}
