import { exponentialDigits, fixedDigits, floatBits } from '../../text/float-digits.js';

/** A float as Go prints it with `%v`: shortest digits, an exponent below 1e-4 and from a million on. */
export function shortest(value: number): string {
  return general(value, undefined, false);
}

/**
 * A float by a verb of Go's fmt, `e f g` in either case or `b`; no sign in front of what is not negative. undefined for
 * another verb. `sharp`: with a point, and with the zeros at the end.
 */
export function formatNumber(
  value: number,
  verb: string,
  precision: number | undefined,
  sharp: boolean,
): string | undefined {
  const kind = verb.toLowerCase();
  if (kind !== 'e' && kind !== 'f' && kind !== 'g' && verb !== 'b') return undefined;
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Inf' : '-Inf';
  if (verb === 'b') return binary(value);
  if (kind === 'g') return general(value, precision, sharp);
  const text =
    kind === 'e' ? exponent(exponentialDigits(value, precision ?? 6)) : fixed(value, precision ?? 6);
  const signed = Object.is(value, -0) ? `-${text}` : text;
  return sharp && !signed.includes('.') ? signed.replace(/(?=e|$)/, '.') : signed;
}

/** toFixed, which writes large numbers with an exponent. */
function fixed(value: number, precision: number): string {
  if (Math.abs(value) < 1e21) return fixedDigits(value, precision);
  return `${BigInt(value)}${precision > 0 ? `.${'0'.repeat(precision)}` : ''}`;
}

function general(value: number, precision: number | undefined, sharp: boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const wanted = precision === undefined ? undefined : Math.max(1, precision);
  const size = Math.abs(value);
  const text = wanted === undefined ? size.toExponential() : exponentialDigits(size, wanted - 1);
  const [mantissa = '', power = '0'] = text.split('e');
  let digits = mantissa.replace('.', '').replace(/(?!^)0+$/, '');
  const exp = Number(power);
  let most = wanted ?? 6;
  if (most > digits.length && digits.length >= exp + 1) most = digits.length;
  if (wanted === undefined) most = 6;
  if (sharp) digits = digits.padEnd(wanted ?? 6, '0');
  const point = (whole: string, part: string) => whole + (part === '' && !sharp ? '' : `.${part}`);
  if (exp < -4 || exp >= most)
    return (
      sign + exponent(`${point(digits.slice(0, 1), digits.slice(1))}e${exp < 0 ? '-' : '+'}${Math.abs(exp)}`)
    );
  if (exp < 0) return `${sign}0.${'0'.repeat(-exp - 1)}${digits}`;
  return sign + point(digits.slice(0, exp + 1).padEnd(exp + 1, '0'), digits.slice(exp + 1));
}

/** Go writes at least two digits of exponent. */
function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

function binary(value: number): string {
  const { negative, mantissa, power } = floatBits(value);
  return `${negative ? '-' : ''}${mantissa}p${power < 0 ? '' : '+'}${power}`;
}

/** `%x` of a float: `0x1.8p+01`. */
export function hexNumber(value: number, precision: number | undefined): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Inf' : '-Inf';
  const { negative, ...bits } = floatBits(value);
  let { mantissa, power } = bits;
  const shown = (exp: number) => `p${exp < 0 ? '-' : '+'}${String(Math.abs(exp)).padStart(2, '0')}`;
  const sign = negative ? '-' : '';
  if (mantissa === 0n) return `${sign}0x0${precision ? `.${'0'.repeat(precision)}` : ''}${shown(0)}`;
  for (; mantissa < 1n << 52n; power--) mantissa <<= 1n;
  if (precision !== undefined && precision < 13) {
    // To the nearest, half to even.
    const cut = BigInt(52 - 4 * precision);
    const rest = mantissa & ((1n << cut) - 1n);
    mantissa >>= cut;
    const half = 1n << (cut - 1n);
    if (rest > half || (rest === half && (mantissa & 1n) === 1n)) mantissa++;
    mantissa <<= cut;
    if (mantissa >> 53n) [mantissa, power] = [mantissa >> 1n, power + 1];
  }
  const hex = mantissa.toString(16);
  const part =
    precision === undefined
      ? hex.slice(1).replace(/0+$/, '')
      : hex.slice(1).padEnd(precision, '0').slice(0, precision);
  return `${sign}0x${hex.slice(0, 1)}${part === '' ? '' : `.${part}`}${shown(power + 52)}`;
}
