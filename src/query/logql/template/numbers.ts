import { parseNumber } from '../grammar/units.js';
import { TemplateError, wholeOf, type Value } from './value.js';

const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];
/** Longest text that is read as a number. */
const longest = 10_000;
const bases: ReadonlyMap<string, string> = new Map([
  ['x', '0x'],
  ['o', '0o'],
  ['b', '0b'],
]);

/** A whole number as Go reads it in source text, which says its base by a prefix; undefined for anything else. */
function whole(text: string): bigint | undefined {
  if (text.length > 200) return undefined;
  const found =
    /^([+-]?)(?:0([xX])((?:_?[\da-fA-F])+)|0([oO]?)((?:_?[0-7])+)|0([bB])((?:_?[01])+)|(0|[1-9](?:_?\d)*))$/.exec(
      text,
    );
  if (!found) return undefined;
  const [, sign, hex, hexDigits, , octalDigits, binary, binaryDigits, decimal] = found;
  const prefix = bases.get((hex ?? binary ?? (octalDigits === undefined ? '' : 'o')).toLowerCase()) ?? '';
  const digits = hexDigits ?? octalDigits ?? binaryDigits ?? decimal ?? '';
  const size = BigInt(prefix + digits.replaceAll('_', ''));
  return sign === '-' ? -size : size;
}

/** A float as Go's strconv reads it, exponents of two among them. */
function floating(text: string): number | undefined {
  if (text.length > longest) return undefined;
  const hex = /^([+-]?)0[xX]([\da-fA-F_]*)(?:\.([\da-fA-F_]*))?[pP]([+-]?\d{1,5})$/.exec(text);
  if (!hex) return parseNumber(text.replaceAll('_', ''));
  const [, sign, front = '', fraction = '', power] = hex;
  const [before, after] = [front.replaceAll('_', ''), fraction.replaceAll('_', '')];
  if (before + after === '') return undefined;
  const size = Number(BigInt(`0x${before}${after}`)) * 2 ** (Number(power) - 4 * after.length);
  return sign === '-' ? -size : size;
}

/** A number as it is written in a template: an int, or a float where it has a point or an exponent. Throws TemplateError. */
export function literalNumber(text: string): bigint | number {
  const value = whole(text);
  if (value !== undefined) {
    if (value > most && value < 2n ** 64n) throw new TemplateError(`${text} overflows int`);
    if (value <= most && value >= least) return value;
  }
  const float = floating(text);
  if (float === undefined) throw new TemplateError(`bad number syntax: "${text}"`);
  if (!/[.eEpP]/.test(text)) throw new TemplateError(`integer overflow: "${text}"`);
  return float;
}

/** As Go turns a float into an int64. */
function truncated(value: number): bigint {
  return Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : least;
}

/** As sprig's toInt64: a fraction is cut off, text that is no number is 0. */
export function int(value: Value): bigint {
  const known = wholeOf(value);
  if (known !== undefined) return known;
  if (typeof value === 'number') return truncated(value);
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value !== 'string') return 0n;
  const cut = /^([-+]?)(\d*)\.\d*$/.exec(value);
  const read = whole(cut ? `${cut[1]}${cut[2] || '0'}` : value);
  return read === undefined || read > most || read < least ? 0n : read;
}

/** As sprig's toFloat64. */
export function float(value: Value): number {
  if (typeof value === 'number') return value;
  const known = wholeOf(value);
  if (known !== undefined) return Number(known);
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'string' ? (floating(value) ?? 0) : 0;
}

/** `value` times ten to the `exponent`. */
interface Decimal {
  readonly value: bigint;
  readonly exponent: number;
}

function decimal(value: number): Decimal {
  if (!Number.isFinite(value)) {
    throw new TemplateError(
      `Cannot create a Decimal from ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`,
    );
  }
  const [mantissa = '', power] = value.toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const fraction = mantissa.includes('.') ? mantissa.length - mantissa.indexOf('.') - 1 : 0;
  return { value: BigInt(digits), exponent: Number(power) - fraction };
}

function scaled({ value, exponent }: Decimal, to: number): bigint {
  return value * 10n ** BigInt(exponent - to);
}

/** Digits behind the point of a quotient. */
const digitsOfQuotient = 16;

function quotient(a: Decimal, b: Decimal): Decimal {
  if (b.value === 0n) throw new TemplateError('decimal division by 0');
  const exponent = Math.min(a.exponent, b.exponent);
  const [above, below] = [scaled(a, exponent) * 10n ** BigInt(digitsOfQuotient), scaled(b, exponent)];
  const negative = above < 0n !== below < 0n;
  const [size, by] = [above < 0n ? -above : above, below < 0n ? -below : below];
  const value = (2n * size + by) / (2n * by);
  return { value: negative ? -value : value, exponent: -digitsOfQuotient };
}

/** Arithmetic of decimals, as sprig's functions of floats have it. Throws TemplateError. */
export function ofDecimals(op: '+' | '-' | '*' | '/', first: number, others: readonly number[]): number {
  const result = others.map(decimal).reduce((a, b) => {
    if (op === '*') return { value: a.value * b.value, exponent: a.exponent + b.exponent };
    if (op === '/') return quotient(a, b);
    const exponent = Math.min(a.exponent, b.exponent);
    const [x, y] = [scaled(a, exponent), scaled(b, exponent)];
    return { value: op === '+' ? x + y : x - y, exponent };
  }, decimal(first));
  return Number(`${result.value}e${result.exponent}`);
}
