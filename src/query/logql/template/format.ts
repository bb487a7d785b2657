import { joined, replaced } from './bounds.js';
import { formatGoTime } from './time.js';
import { isList, isMap, isTime, typeName, type Value } from './value.js';

/** A float as Go prints it with `%v`: shortest digits, an exponent below 1e-4 and from a million on. */
function formatFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const size = Math.abs(value);
  return exponent(size < 1e-4 || size >= 1e6 ? value.toExponential() : String(value));
}

/** Go writes at least two digits of exponent. */
function exponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** Any value as Go's `%v`. */
export function formatValue(value: Value): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'number') return formatFloat(value);
  if (isTime(value)) return formatGoTime(value);
  if (isList(value)) return `[${value.map(formatValue).join(' ')}]`;
  if (isMap(value)) {
    const entries = [...value].sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, item]) => `${key}:${formatValue(item)}`).join(' ')}]`;
  }
  return String(value);
}

const maxWidth = 10_000;

/** Go's fmt.Sprintf for the verbs v s q d x X o b c f e g t and %%, with flags, width and precision. */
export function sprintf(format: string, args: readonly Value[]): string {
  let next = 0;
  const out = replaced(
    format,
    /%([-+# 0]*)([1-9]\d*)?(?:\.(\d*))?([a-zA-Z%])/g,
    (_, flags = '', width?: string, precision?: string, verb = '') => {
      if (verb === '%') return '%';
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const value = args[next++];
      const digits = precision === undefined ? undefined : Math.min(Number(precision), 100);
      const text = verbText(verb, value, flags, digits);
      if (text === undefined) {
        return `%!${verb}(${typeName(value)}=${pad(formatValue(value), flags, Number(width ?? 0))})`;
      }
      return pad(text, flags, Number(width ?? 0), isNumber(value));
    },
  );
  if (next >= args.length) return out;
  const extra = joined(args.length - next, (i) => {
    const value = args[next + i];
    return `${i > 0 ? ', ' : ''}${typeName(value)}=${formatValue(value)}`;
  });
  return `${out}%!(EXTRA ${extra})`;
}

function isNumber(value: Value): boolean {
  return typeof value === 'bigint' || typeof value === 'number';
}

function pad(text: string, flags: string, wanted: number, number = false): string {
  const width = Math.min(wanted, maxWidth);
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (flags.includes('0') && number) {
    const sign = /^[+-]/.exec(text)?.[0] ?? '';
    return sign + '0'.repeat(missing) + text.slice(sign.length);
  }
  return ' '.repeat(missing) + text;
}

function verbText(
  verb: string,
  value: Value,
  flags: string,
  precision: number | undefined,
): string | undefined {
  const plus = (text: string) => (flags.includes('+') && !text.startsWith('-') ? `+${text}` : text);
  const cut = (text: string) => (precision === undefined ? text : [...text].slice(0, precision).join(''));
  switch (verb) {
    case 'v':
      if (typeof value === 'number' && precision !== undefined) return general(value, precision);
      return isNumber(value) ? formatValue(value) : cut(formatValue(value));
    case 's':
      return isNumber(value) || typeof value === 'boolean' ? undefined : cut(formatValue(value));
    case 'q':
      return typeof value === 'string' ? JSON.stringify(cut(value)) : undefined;
    case 'T':
      return typeName(value);
    case 't':
      return typeof value === 'boolean' ? String(value) : undefined;
    case 'd':
      return typeof value === 'bigint' ? plus(String(value)) : undefined;
    case 'x':
    case 'X': {
      const hex =
        typeof value === 'bigint'
          ? value.toString(16)
          : typeof value === 'string'
            ? Buffer.from(value).toString('hex')
            : undefined;
      return verb === 'X' ? hex?.toUpperCase() : hex;
    }
    case 'o':
      return typeof value === 'bigint' ? value.toString(8) : undefined;
    case 'b':
      return typeof value === 'bigint' ? value.toString(2) : undefined;
    case 'c':
      return typeof value === 'bigint' && value >= 0n && value <= 0x10ffffn
        ? String.fromCodePoint(Number(value))
        : undefined;
    case 'f':
    case 'F':
      return typeof value === 'number' ? plus(value.toFixed(precision ?? 6)) : undefined;
    case 'e':
      return typeof value === 'number' ? plus(exponent(value.toExponential(precision ?? 6))) : undefined;
    case 'g':
      return typeof value === 'number'
        ? plus(precision === undefined ? formatFloat(value) : general(value, precision))
        : undefined;
    default:
      return undefined;
  }
}

function general(value: number, precision: number): string {
  const text = value.toPrecision(Math.max(1, precision));
  return text.includes('e') ? exponent(text) : text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
