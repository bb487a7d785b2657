import type { RE2JS } from 're2js';
import { regexFault } from '../grammar/matcher.js';
import { parseBytes, parseDuration, valueFault } from '../grammar/units.js';
import { goInteger } from '../../text/go-integers.js';
import { compileRegex } from '../../text/re2.js';
import './builtins.js';
import { bounded, charactersOfStep, maxLength, replaced } from './bounds.js';
import { byteLength, byteSlice } from './bytes.js';
import { decodeBase64, escapeUrl, unescapeUrl } from './encodings.js';
import { float, int, ofDecimals } from './numbers.js';
import { define, strings, text, type Context } from './registry.js';
import { parseTime } from './time-parser.js';
import { formatTime, unixSeconds } from './time.js';
import { isZone } from './zones.js';
import { Integer, isTime, noTime, TemplateError, truth, wholeOf, type GoTime, type Value } from './value.js';

export { functions, type Context, type Parameter, type TemplateFunction } from './registry.js';

/** What it takes to compile a pattern, in steps, and how much of a text is matched in one. */
const [compiling, matching] = [500, 16];
/** How much of a text a match may look through behind its end in one step. */
const lookingAhead = 128;

/** Whether a pattern has repetitions and choices: what others look through, they match. */
function mayLookAhead(pattern: string): boolean {
  return /[*+{]/.test(pattern) && /[|?{]|\)[*+]/.test(pattern);
}

const regexes = new Map<string, RE2JS>();

function regex(pattern: string, context: Context): RE2JS {
  let found = regexes.get(pattern);
  if (!found) {
    context.work(compiling);
    try {
      found = compileRegex(pattern);
    } catch (error) {
      const { cause } = error as Error;
      throw new TemplateError(regexFault((cause instanceof Error ? cause : error) as Error));
    }
    if (regexes.size > 100) regexes.clear();
    regexes.set(pattern, found);
  }
  return found;
}

/** Replaces every match; `expand` gives the new text from the groups. */
function replaceAll(
  pattern: string,
  source: string,
  context: Context,
  expand: (group: (key: number | string) => string) => string,
): string {
  context.work(source.length / matching);
  const matcher = regex(pattern, context).matcher(source);
  let out = '';
  let last = 0;
  const looksAhead = mayLookAhead(pattern);
  while (matcher.find()) {
    if (looksAhead) context.work((source.length - matcher.end()) / lookingAhead);
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
  return replaced(template, /\$(?:\$|(\w+)|\{(\w+)\})/g, (_, plain?: string, braced?: string) => {
    const name = plain ?? braced;
    if (name === undefined) return '$';
    return group(/^\d+$/.test(name) ? Number(name) : name);
  });
}

define('__line__', '', (_, { row }) => row.line);
define('__timestamp__', '', (_, { row }): GoTime => ({ kind: 'time', ns: row.timeNs, zone: 'UTC' }));

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
strings('title', 1, (value) =>
  value.replaceAll(/(^|[\0-/:-@[-^`{-\x7f]|\s)(\p{L})/gu, (all) => all.toUpperCase()),
);
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
strings('replace', 3, (old, by, value) => replaced(value, old, () => by));
define('Replace', 'string string string int', ([value, old, by, count]) => {
  let left = Number(int(count));
  if (left < 0) left = Infinity;
  return replaced(text(value), text(old), (match = '') => (left-- > 0 ? text(by) : match));
});
define('repeat', 'int string', ([count, value]) => {
  const times = Number(int(count));
  if (int(count) < 0n) throw new TemplateError('strings: negative Repeat count');
  if (times * text(value).length > maxLength) throw new TemplateError('repeat gives too long a text');
  return text(value).repeat(times);
});
define('trunc', 'int string', ([count, value]) => {
  const [wanted, whole] = [Number(int(count)), text(value)];
  const length = byteLength(whole);
  if (wanted < 0) return length + wanted > 0 ? byteSlice(whole, length + wanted, length) : whole;
  return length > wanted ? byteSlice(whole, 0, wanted) : whole;
});
define('substr', 'int int string', ([from, to, value]) => {
  const [start, end, whole] = [Number(int(from)), Number(int(to)), text(value)];
  const length = byteLength(whole);
  if (start < 0) return byteSlice(whole, 0, end);
  return byteSlice(whole, start, end < 0 || end > length ? length : end);
});
define('alignLeft', 'int string', ([count, value]) =>
  align(value, count, (chars, width) => chars.slice(0, width), 'end'),
);
define('alignRight', 'int string', ([count, value]) =>
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
  if (width < 0 || chars.length === width) return chars.join('');
  if (width === 0) return '';
  if (chars.length > width) return cut(chars, width).join('');
  const space = ' '.repeat(width - chars.length);
  return side === 'end' ? chars.join('') + space : space + chars.join('');
}
const indent = (spaces: Value, value: Value) => {
  if (int(spaces) < 0n) throw new TemplateError('strings: negative Repeat count');
  const pad = ' '.repeat(Math.min(1000, Number(int(spaces))));
  return pad + replaced(text(value), '\n', () => `\n${pad}`);
};
define('indent', 'int string', ([spaces, value]) => indent(spaces, value));
define('nindent', 'int string', ([spaces, value]) => `\n${indent(spaces, value)}`);
define('default', 'any ...any', ([fallback, value]) => (truth(value) ? value : fallback));
define('regexReplaceAll', 'string string string', ([pattern, value, by], context) =>
  replaceAll(text(pattern), text(value), context, (group) => {
    // Groups that are empty make it much work for no text.
    context.work(text(by).length / charactersOfStep);
    return expandReplacement(text(by), group);
  }),
);
define('regexReplaceAllLiteral', 'string string string', ([pattern, value, by], context) =>
  replaceAll(text(pattern), text(value), context, () => text(by)),
);
define('count', 'string string', ([pattern, value], context) => {
  let count = 0n;
  replaceAll(text(pattern), text(value), context, () => (count++, ''));
  return count;
});
strings('b64enc', 1, (value) => Buffer.from(value).toString('base64'));
strings('b64dec', 1, decodeBase64);
strings('urlencode', 1, escapeUrl);
strings('urldecode', 1, unescapeUrl);
define('fromJson', 'string', ([value]) => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text(value));
  } catch {
    return null;
  }
  return fromJson(parsed, 0);
});
const maxJsonDepth = 1000;
function fromJson(value: unknown, depth: number): Value {
  if (depth > maxJsonDepth) throw new TemplateError(`the JSON is nested deeper than ${maxJsonDepth}`);
  if (Array.isArray(value)) return value.map((item) => fromJson(item, depth + 1));
  if (typeof value === 'object' && value !== null) {
    return new Map(Object.entries(value).map(([key, item]) => [key, fromJson(item, depth + 1)]));
  }
  return value as Value;
}

// Numbers
const integers = (name: string, takes: string, fold: (a: bigint, b: bigint) => bigint) =>
  define(name, takes, (args) => {
    const [first = 0n, ...more] = args.map(int);
    return new Integer(
      'int64',
      more.reduce((a, b) => BigInt.asIntN(64, fold(a, b)), BigInt.asIntN(64, first)),
    );
  });
const floats = (name: string, takes: string, fold: (a: number, b: number) => number) =>
  define(name, takes, (args) => {
    const [first = 0, ...more] = args.map(float);
    return more.reduce((a, b) => fold(a, b), first);
  });
const divisor = (value: bigint) => {
  if (value === 0n) throw new TemplateError('runtime error: integer divide by zero');
  return value;
};
integers('add', '...any', (a, b) => a + b);
integers('mul', 'any ...any', (a, b) => a * b);
integers('sub', 'any any', (a, b) => a - b);
integers('div', 'any any', (a, b) => a / divisor(b));
integers('mod', 'any any', (a, b) => a % divisor(b));
integers('max', 'any ...any', (a, b) => (a > b ? a : b));
integers('min', 'any ...any', (a, b) => (a < b ? a : b));
for (const [name, op, takes] of [
  ['addf', '+', '...any'],
  ['subf', '-', 'any ...any'],
  ['mulf', '*', 'any ...any'],
  ['divf', '/', 'any ...any'],
] as const) {
  define(name, takes, (args, context) => {
    // Digits of very large and very small numbers together are many, and every quotient may have more than the last.
    context.work(args.length * 10 + args.length ** 2 / 10);
    const [first = 0, ...more] = args.map(float);
    return ofDecimals(op, first, more);
  });
}
floats('maxf', 'any ...any', (a, b) => Math.max(a, b));
floats('minf', 'any ...any', (a, b) => Math.min(a, b));
define('ceil', 'any', ([value]) => Math.ceil(float(value)));
define('floor', 'any', ([value]) => Math.floor(float(value)));
define('round', 'any int ...float64', ([value, digits, roundOn]) => {
  const scale = 10 ** Number(int(digits));
  const scaled = float(value) * scale;
  // As sprig has it, which takes what is below zero to the next below.
  const part = scaled - Math.trunc(scaled);
  return (
    (part >= (roundOn === undefined ? 0.5 : float(roundOn)) ? Math.ceil(scaled) : Math.floor(scaled)) / scale
  );
});
define('int', 'any', ([value]) => int(value));
define('float64', 'any', ([value]) => float(value));
strings('bytes', 1, (value) => {
  const parsed = parseBytes(value);
  if (parsed === undefined) throw new TemplateError(valueFault('bytes', value));
  return parsed;
});
strings('duration duration_seconds', 1, (value) => {
  const parsed = parseDuration(value);
  if (parsed === undefined) throw new TemplateError(valueFault('duration', value));
  return parsed / 1e9;
});

// Time
const now = (): GoTime => ({ kind: 'time', ns: BigInt(Date.now()) * 1_000_000n, zone: 'UTC' });
define('now', '', now);
/** As sprig has it: what is neither a time nor seconds is now. */
const dated = (value: Value): GoTime => {
  const seconds = wholeOf(value);
  if (seconds !== undefined) return { kind: 'time', ns: seconds * 1_000_000_000n, zone: 'UTC' };
  return value !== undefined && isTime(value) ? { kind: 'time', ns: value.ns, zone: 'UTC' } : now();
};
const nanoseconds = (value: Value) => (value as GoTime).ns;
define('date', 'string any', ([layout, value]) => formatTime(dated(value), text(layout)));
define('unixEpoch', 'time.Time', ([value]) => String(unixSeconds(value as GoTime)));
define('unixEpochMillis', 'time.Time', ([value]) => String(nanoseconds(value) / 1_000_000n));
define('unixEpochNanos', 'time.Time', ([value]) => String(BigInt.asIntN(64, nanoseconds(value))));
const parsedTime = (layout: Value, value: Value, zone: string): GoTime => {
  try {
    return parseTime(text(layout), text(value), zone);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return noTime;
  }
};
define('toDate', 'string string', ([layout, value]) => parsedTime(layout, value, 'UTC'));
define('toDateInZone', 'string string string', ([layout, zone, value], context) =>
  parsedTime(layout, value, isZone(text(zone), (steps) => context.work(steps)) ? text(zone) : 'UTC'),
);
strings('unixToTime', 1, (value) => {
  const scale = { 5: 86_400_000_000_000n, 10: 1_000_000_000n, 13: 1_000_000n, 16: 1000n, 19: 1n }[
    value.length
  ];
  const count = goInteger(value, 'ParseInt');
  if (typeof count === 'object' || scale === undefined) {
    const why = typeof count === 'object' ? count.fault : '%!w(<nil>)';
    throw new TemplateError(`unable to parse time '${value.slice(0, 100)}': ${why}`);
  }
  return { kind: 'time', ns: count * scale, zone: 'UTC' };
});
