import type { RE2JS } from 're2js';
import { parseBytes, parseDuration } from '../grammar/units.js';
import { compileRegex } from '../../text/re2.js';
import type { Row } from '../pipeline/stage.js';
import { byteLength, byteSlice } from './bytes.js';
import { escapeHtml, escapeJs } from './escapes.js';
import { formatValue, sprintf } from './format.js';
import { formatTime, parseTime } from './time.js';
import { isList, isMap, isTime, TemplateError, truth, typeName, type GoTime, type Value } from './value.js';

export interface Context {
  readonly row: Row;
}

export interface TemplateFunction {
  readonly min: number;
  readonly max: number;
  readonly call: (args: readonly Value[], context: Context) => Value;
}

/** Longest text that a function may make. */
const maxLength = 1024 * 1024;

export const functions = new Map<string, TemplateFunction>();

function define(names: string, min: number, max: number, call: TemplateFunction['call']): void {
  for (const name of names.split(' ')) functions.set(name, { min, max, call });
}

function text(value: Value): string {
  return typeof value === 'string' ? value : formatValue(value);
}

function strings(names: string, count: number, call: (...args: string[]) => Value): void {
  define(names, count, count, (args) => call(...args.map(text)));
}

/** As sprig's toInt64: text that is no number is 0. */
function int(value: Value): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  const match = typeof value === 'string' ? /^[+-]?\d+$/.exec(value.trim()) : null;
  return match ? BigInt.asIntN(64, BigInt(match[0].replace(/^\+/, ''))) : 0n;
}

function float(value: Value): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  const parsed = typeof value === 'string' && value.trim() !== '' ? Number(value) : 0;
  return Number.isNaN(parsed) ? 0 : parsed;
}

function bounded(value: string): string {
  if (value.length > maxLength) throw new TemplateError(`a text is longer than ${maxLength} characters`);
  return value;
}

const regexes = new Map<string, RE2JS>();

function regex(pattern: string): RE2JS {
  let found = regexes.get(pattern);
  if (!found) {
    try {
      found = compileRegex(pattern);
    } catch (error) {
      throw new TemplateError(error instanceof Error ? error.message : String(error));
    }
    if (regexes.size > 100) regexes.clear();
    regexes.set(pattern, found);
  }
  return found;
}

/** Replaces every match; `expand` gives the new text from the groups. */
function replaceAll(
  pattern: RE2JS,
  source: string,
  expand: (group: (key: number | string) => string) => string,
): string {
  const matcher = pattern.matcher(source);
  let out = '';
  let last = 0;
  while (matcher.find()) {
    // As in Go, an empty match right after another one does not count.
    if (matcher.end() === last && matcher.start() === last && last > 0) continue;
    const group = (key: number | string) => {
      try {
        return matcher.group(key) ?? '';
      } catch {
        return '';
      }
    };
    out += source.slice(last, matcher.start()) + expand(group);
    last = matcher.end();
    bounded(out);
  }
  return bounded(out + source.slice(last));
}

/** Go's replacement templates: `$1`, `${1}`, `$name`, `$$`; the longest name is taken. */
function expandReplacement(template: string, group: (key: number | string) => string): string {
  return template.replaceAll(/\$(?:\$|(\w+)|\{(\w+)\})/g, (_, plain?: string, braced?: string) => {
    const name = plain ?? braced;
    if (name === undefined) return '$';
    return group(/^\d+$/.test(name) ? Number(name) : name);
  });
}

define('__line__', 0, 0, (_, { row }) => row.line);
define('__timestamp__', 0, 0, (_, { row }): GoTime => ({ kind: 'time', ns: row.timeNs, zone: 'UTC' }));
define('now', 0, 0, (): GoTime => ({ kind: 'time', ns: BigInt(Date.now()) * 1_000_000n, zone: 'UTC' }));

// Text
const characters = (value: string) => [...value];
const trimSet = (value: string, set: string, left: boolean, right: boolean) => {
  const chars = characters(value);
  const unwanted = new Set(set);
  let [from, to] = [0, chars.length];
  while (left && from < to && unwanted.has(chars[from] ?? '')) from++;
  while (right && to > from && unwanted.has(chars[to - 1] ?? '')) to--;
  return chars.slice(from, to).join('');
};
const trimPrefix = (value: string, prefix: string) =>
  value.startsWith(prefix) ? value.slice(prefix.length) : value;
const trimSuffix = (value: string, suffix: string) =>
  suffix !== '' && value.endsWith(suffix) ? value.slice(0, -suffix.length) : value;

strings('ToLower lower', 1, (value) => value.toLowerCase());
strings('ToUpper upper', 1, (value) => value.toUpperCase());
strings('title', 1, (value) => value.replaceAll(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (all) => all.toUpperCase()));
strings('TrimSpace trim', 1, (value) => value.trim());
strings('Trim', 2, (value, set) => trimSet(value, set, true, true));
strings('TrimLeft', 2, (value, set) => trimSet(value, set, true, false));
strings('TrimRight', 2, (value, set) => trimSet(value, set, false, true));
strings('trimAll', 2, (set, value) => trimSet(value, set, true, true));
strings('TrimPrefix', 2, (value, prefix) => trimPrefix(value, prefix));
strings('TrimSuffix', 2, (value, suffix) => trimSuffix(value, suffix));
strings('trimPrefix', 2, (prefix, value) => trimPrefix(value, prefix));
strings('trimSuffix', 2, (suffix, value) => trimSuffix(value, suffix));
strings('contains', 2, (part, value) => value.includes(part));
strings('hasPrefix', 2, (part, value) => value.startsWith(part));
strings('hasSuffix', 2, (part, value) => value.endsWith(part));
strings('replace', 3, (old, by, value) => bounded(value.replaceAll(old, () => by)));
define('Replace', 4, 4, ([value, old, by, count]) => {
  let left = Number(int(count));
  if (left < 0) left = Infinity;
  return bounded(text(value).replaceAll(text(old), (match) => (left-- > 0 ? text(by) : match)));
});
define('repeat', 2, 2, ([count, value]) => {
  const times = Math.max(0, Number(int(count)));
  if (times * text(value).length > maxLength) throw new TemplateError('repeat gives too long a text');
  return text(value).repeat(times);
});
define('trunc', 2, 2, ([count, value]) => {
  const [wanted, whole] = [Number(int(count)), text(value)];
  const length = byteLength(whole);
  if (wanted < 0) return length + wanted > 0 ? byteSlice(whole, length + wanted, length) : whole;
  return length > wanted ? byteSlice(whole, 0, wanted) : whole;
});
define('substr', 3, 3, ([from, to, value]) => {
  const [start, end, whole] = [Number(int(from)), Number(int(to)), text(value)];
  const length = byteLength(whole);
  if (start < 0) return byteSlice(whole, 0, end);
  return byteSlice(whole, start, end < 0 || end > length ? length : end);
});
define('alignLeft', 2, 2, ([count, value]) =>
  align(value, count, (chars, width) => chars.slice(0, width), 'end'),
);
define('alignRight', 2, 2, ([count, value]) =>
  align(value, count, (chars, width) => chars.slice(-width), 'start'),
);
function align(
  value: Value,
  count: Value,
  cut: (chars: string[], width: number) => string[],
  side: 'start' | 'end',
): string {
  const width = Math.min(Number(int(count)), maxLength);
  const chars = characters(text(value));
  if (width <= 0 || chars.length >= width) return width <= 0 ? '' : cut(chars, width).join('');
  const space = ' '.repeat(width - chars.length);
  return side === 'end' ? chars.join('') + space : space + chars.join('');
}
const indent = (spaces: Value, value: Value) =>
  ' '
    .repeat(Math.max(0, Math.min(1000, Number(int(spaces)))))
    .concat(
      text(value).replaceAll('\n', `\n${' '.repeat(Math.max(0, Math.min(1000, Number(int(spaces)))))}`),
    );
define('indent', 2, 2, ([spaces, value]) => bounded(indent(spaces, value)));
define('nindent', 2, 2, ([spaces, value]) => bounded(`\n${indent(spaces, value)}`));
define('default', 2, 2, ([fallback, value]) => (truth(value) ? value : fallback));
strings('regexReplaceAll', 3, (pattern, value, by) =>
  replaceAll(regex(pattern), value, (group) => expandReplacement(by, group)),
);
strings('regexReplaceAllLiteral', 3, (pattern, value, by) => replaceAll(regex(pattern), value, () => by));
strings('count', 2, (pattern, value) => {
  let count = 0n;
  replaceAll(regex(pattern), value, () => (count++, ''));
  return count;
});
strings('b64enc', 1, (value) => Buffer.from(value).toString('base64'));
strings('b64dec', 1, (value) => Buffer.from(value, 'base64').toString());
const urlencode = (value: string) => new URLSearchParams({ v: value }).toString().slice(2);
strings('urlencode', 1, urlencode);
strings('urldecode', 1, (value) => {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '));
  } catch {
    throw new TemplateError('urldecode: invalid escape');
  }
});
define('fromJson', 1, 1, ([value]) => {
  try {
    return fromJson(JSON.parse(text(value)));
  } catch {
    return null;
  }
});
function fromJson(value: unknown): Value {
  if (Array.isArray(value)) return value.map(fromJson);
  if (typeof value === 'object' && value !== null) {
    return new Map(Object.entries(value).map(([key, item]) => [key, fromJson(item)]));
  }
  return value as Value;
}

// Numbers
const integers = (names: string, min: number, fold: (a: bigint, b: bigint) => bigint) =>
  define(names, min, 50, (args) =>
    BigInt.asIntN(
      64,
      args.map(int).reduce((a, b) => fold(a, b)),
    ),
  );
const floats = (names: string, fold: (a: number, b: number) => number) =>
  define(names, 1, 50, (args) => args.map(float).reduce((a, b) => fold(a, b)));
const divisor = (value: bigint) => {
  if (value === 0n) throw new TemplateError('integer divide by zero');
  return value;
};
integers('add', 1, (a, b) => a + b);
integers('mul', 1, (a, b) => a * b);
integers('sub', 2, (a, b) => a - b);
integers('div', 2, (a, b) => a / divisor(b));
integers('mod', 2, (a, b) => a % divisor(b));
integers('max', 1, (a, b) => (a > b ? a : b));
integers('min', 1, (a, b) => (a < b ? a : b));
// Rounded to the digits that a float holds for certain, so that 1.1 * 1.1 reads 1.21.
const tidy = (value: number) => Number(value.toPrecision(15));
floats('addf', (a, b) => tidy(a + b));
floats('subf', (a, b) => tidy(a - b));
floats('mulf', (a, b) => tidy(a * b));
floats('divf', (a, b) => a / b);
floats('maxf', Math.max);
floats('minf', Math.min);
define('ceil', 1, 1, ([value]) => Math.ceil(float(value)));
define('floor', 1, 1, ([value]) => Math.floor(float(value)));
define('round', 2, 3, ([value, digits, roundOn]) => {
  const scale = 10 ** Math.max(-15, Math.min(15, Number(int(digits))));
  const scaled = float(value) * scale;
  // As sprig has it, which takes what is below zero to the next below.
  const part = scaled - Math.trunc(scaled);
  return (
    (part >= (roundOn === undefined ? 0.5 : float(roundOn)) ? Math.ceil(scaled) : Math.floor(scaled)) / scale
  );
});
define('int', 1, 1, ([value]) => int(value));
define('float64', 1, 1, ([value]) => float(value));
strings('bytes', 1, (value) => {
  const parsed = parseBytes(value);
  if (parsed === undefined) throw new TemplateError(`bytes: ${value.slice(0, 100)} is not a size`);
  return parsed;
});
strings('duration duration_seconds', 1, (value) => {
  const parsed = parseDuration(value);
  if (parsed === undefined) throw new TemplateError(`duration: ${value.slice(0, 100)} is not a duration`);
  return parsed / 1e9;
});

// Time
const time = (value: Value): GoTime => {
  if (isTime(value)) return value;
  if (typeof value === 'bigint') return { kind: 'time', ns: value * 1_000_000_000n, zone: 'UTC' };
  throw new TemplateError(`expected a time, got ${typeName(value)}`);
};
define('date', 2, 2, ([layout, value]) => formatTime({ ...time(value), zone: 'UTC' }, text(layout)));
define('unixEpoch', 1, 1, ([value]) => String(time(value).ns / 1_000_000_000n));
define('unixEpochMillis', 1, 1, ([value]) => String(time(value).ns / 1_000_000n));
define('unixEpochNanos', 1, 1, ([value]) => String(time(value).ns));
define('toDate', 2, 2, ([layout, value]) => parseTime(text(layout), text(value), 'UTC'));
define('toDateInZone', 3, 3, ([layout, zone, value]) => parseTime(text(layout), text(value), text(zone)));
strings('unixToTime', 1, (value) => {
  const scale = { 5: 86_400_000_000_000n, 10: 1_000_000_000n, 13: 1_000_000n, 16: 1000n, 19: 1n }[
    value.length
  ];
  if (scale === undefined || !/^\d+$/.test(value)) {
    throw new TemplateError(`unixToTime: ${value.slice(0, 100)} is not an epoch`);
  }
  return { kind: 'time', ns: BigInt(value) * scale, zone: 'UTC' };
});

// Built-ins of text/template
define('printf', 1, 50, ([format, ...args]) => bounded(sprintf(text(format), args)));
const print = (args: readonly Value[]) =>
  args
    .map((arg, i) => {
      const apart = i > 0 && typeof arg !== 'string' && typeof args[i - 1] !== 'string';
      return (apart ? ' ' : '') + formatValue(arg);
    })
    .join('');
define('print', 0, 50, print);
define('html', 0, 50, (args) => bounded(escapeHtml(print(args))));
define('js', 0, 50, (args) => bounded(escapeJs(print(args))));
define('urlquery', 0, 50, (args) => bounded(urlencode(print(args))));
define('println', 0, 50, (args) => `${args.map(formatValue).join(' ')}\n`);
define('and or', 1, 50, () => undefined);
define('not', 1, 1, ([value]) => !truth(value));
define('len', 1, 1, ([value]) => {
  if (typeof value === 'string') return BigInt(Buffer.byteLength(value));
  if (isList(value)) return BigInt(value.length);
  if (isMap(value)) return BigInt(value.size);
  throw new TemplateError(`len of type ${typeName(value)}`);
});
define('index', 1, 50, ([value, ...keys]) =>
  keys.reduce((at: Value, key) => {
    if (isList(at)) {
      const i = Number(int(key));
      if (i < 0 || i >= at.length) throw new TemplateError(`index out of range: ${i}`);
      return at[i];
    }
    if (isMap(at)) return at.get(text(key)) ?? null;
    if (typeof at === 'string') {
      const byte = Buffer.from(at)[Number(int(key))];
      if (byte === undefined) throw new TemplateError('index out of range');
      return BigInt(byte);
    }
    throw new TemplateError(`can't index item of type ${typeName(at)}`);
  }, value),
);
define('slice', 1, 3, ([value, from, to]) => {
  const place = (at: Value, otherwise: number) => (at === undefined ? otherwise : Number(int(at)));
  if (typeof value === 'string') return byteSlice(value, place(from, 0), place(to, byteLength(value)));
  if (!isList(value)) throw new TemplateError(`can't slice item of type ${typeName(value)}`);
  const [start, end] = [place(from, 0), place(to, value.length)];
  if (start < 0 || end > value.length || start > end) throw new TemplateError('slice: index out of range');
  return value.slice(start, end);
});

function order(a: Value, b: Value): number {
  const kind = (value: Value) => (typeof value === 'bigint' ? 'int' : typeName(value));
  if (kind(a) !== kind(b)) {
    throw new TemplateError(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
  }
  if (typeof a === 'string' && typeof b === 'string') return a === b ? 0 : a < b ? -1 : 1;
  if (typeof a === 'bigint' || typeof a === 'number')
    return a === b ? 0 : (a as number) < (b as number) ? -1 : 1;
  if (typeof a === 'boolean') return a === b ? 0 : a ? 1 : -1;
  throw new TemplateError(`${typeName(a)} can't be compared`);
}
define('eq', 2, 50, ([first, ...rest]) => rest.some((other) => order(first, other) === 0));
define('ne', 2, 2, ([a, b]) => order(a, b) !== 0);
define('lt', 2, 2, ([a, b]) => order(a, b) < 0);
define('le', 2, 2, ([a, b]) => order(a, b) <= 0);
define('gt', 2, 2, ([a, b]) => order(a, b) > 0);
define('ge', 2, 2, ([a, b]) => order(a, b) >= 0);
