import { charactersOfStep, joined, told } from './bounds.js';
import { byteLength, byteSlice } from './bytes.js';
import { escapeUrl } from './encodings.js';
import { escapeHtml, escapeJs } from './escapes.js';
import { formatValue } from './format.js';
import { define, text } from './registry.js';
import { sprintf } from './sprintf.js';
import {
  Integer,
  isList,
  isMap,
  isTime,
  LabelMap,
  TemplateError,
  truth,
  typeName,
  wholeOf,
  type Value,
} from './value.js';

// What Go's text/template has by itself.
define('printf', 'string ...any', ([format, ...args], context) =>
  sprintf(text(format), args, (steps) => context.work(steps)),
);
const print = (args: readonly Value[]) =>
  joined(args.length, (i) => {
    const apart = i > 0 && typeof args[i] !== 'string' && typeof args[i - 1] !== 'string';
    return (apart ? ' ' : '') + formatValue(args[i]);
  });
define('print', '...any', print);
define('html', '...any', (args) => escapeHtml(print(args)));
define('js', '...any', (args) => escapeJs(print(args)));
define('urlquery', '...any', (args) => escapeUrl(print(args)));
define('println', '...any', (args) => {
  const line = joined(args.length, (i) => (i > 0 ? ' ' : '') + formatValue(args[i]));
  return `${line}\n`;
});
define('and or', 'any ...any', () => undefined);
define('not', 'any', ([value]) => !truth(value));
define('len', 'any', ([value]) => {
  if (typeof value === 'string') return BigInt(byteLength(value));
  if (isList(value)) return BigInt(value.length);
  if (isMap(value)) return BigInt(value.size);
  throw new TemplateError(isNil(value) ? 'len of nil pointer' : `len of type ${typeName(value)}`);
});

/** A place in a list or a text of this length, its end included. */
function place(key: Value, length: number): number {
  if (isNil(key)) throw new TemplateError('cannot index slice/array with nil');
  const at = wholeOf(key);
  if (at === undefined) throw new TemplateError(`cannot index slice/array with type ${typeName(key)}`);
  if (at < 0n || at > BigInt(length)) throw new TemplateError(`index out of range: ${at}`);
  return Number(at);
}

define('index', 'any ...any', ([value, ...keys]) => {
  if (isNil(value)) throw new TemplateError('index of untyped nil');
  return keys.reduce(indexed, value);
});
function indexed(at: Value, key: Value): Value {
  if (isList(at)) {
    const i = place(key, at.length);
    if (i === at.length) throw new TemplateError('reflect: slice index out of range');
    return at[i];
  }
  if (typeof at === 'string') {
    const bytes = Buffer.from(at);
    const byte = bytes[place(key, bytes.length)];
    if (byte === undefined) throw new TemplateError('reflect: string index out of range');
    return new Integer('uint8', BigInt(byte));
  }
  if (isMap(at)) {
    if (isNil(key)) throw new TemplateError('value is nil; should be of type string');
    if (typeof key !== 'string') throw new TemplateError(`value has type ${typeName(key)}; should be string`);
    return at.get(key) ?? (at instanceof LabelMap ? '' : null);
  }
  throw new TemplateError(isNil(at) ? 'index of nil pointer' : `can't index item of type ${typeName(at)}`);
}
define('slice', 'any ...any', ([value, ...indexes], context) => {
  if (isNil(value)) throw new TemplateError('slice of untyped nil');
  if (indexes.length > 3) throw new TemplateError(`too many slice indexes: ${indexes.length}`);
  if (typeof value !== 'string' && !isList(value)) {
    throw new TemplateError(`can't slice item of type ${typeName(value)}`);
  }
  if (typeof value === 'string' && indexes.length === 3)
    throw new TemplateError('cannot 3-index slice a string');
  const length = typeof value === 'string' ? byteLength(value) : value.length;
  const [from = 0, to = length, most = length] = indexes.map((index) => place(index, length));
  for (const [first, second] of [
    [from, to],
    [to, most],
  ] as const) {
    if (first > second) throw new TemplateError(`invalid slice index: ${first} > ${second}`);
  }
  if (typeof value === 'string') return byteSlice(value, from, to);
  context.work((to - from) / charactersOfStep);
  return value.slice(from, to);
});
/** Templates have no functions among their values. */
define('call', 'any ...any', ([value]) => {
  throw new TemplateError(isNil(value) ? 'call of nil' : `non-function of type ${typeName(value)}`);
});

/** Go's kinds of values that have an order, or are equal without looking into them. */
function kindOf(value: Value): 'bool' | 'float' | 'int' | 'string' | undefined {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'float';
  if (wholeOf(value) !== undefined) return 'int';
  return typeof value === 'string' ? 'string' : undefined;
}

const incompatible = (a: Value, b: Value) =>
  new TemplateError(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);

function equal(a: Value, b: Value): boolean {
  if (isNil(a) || isNil(b)) return isNil(a) === isNil(b);
  if (kindOf(a) !== kindOf(b)) throw incompatible(a, b);
  if (kindOf(a) !== undefined) return plain(a) === plain(b);
  if (isTime(a) && isTime(b)) return a.ns === b.ns;
  const shown = isTime(a) ? b : a;
  throw new TemplateError(`non-comparable type ${told(formatValue(shown))}: ${typeName(shown)}`);
}

function before(a: Value, b: Value): boolean {
  const [kind, other] = [kindOf(a), kindOf(b)];
  if (kind === undefined || other === undefined) throw new TemplateError('invalid type for comparison');
  if (kind !== other) throw incompatible(a, b);
  if (kind === 'bool') throw new TemplateError('invalid type for comparison');
  return (plain(a) as number) < (plain(b) as number);
}

/** Whole numbers of all types are compared by what they are. */
function plain(value: Value): Value {
  return wholeOf(value) ?? value;
}

define('eq', 'any ...any', ([first, ...others]) => {
  if (others.length === 0) throw new TemplateError('missing argument for comparison');
  return others.some((other) => equal(first, other));
});
define('ne', 'any any', ([a, b]) => !equal(a, b));
define('lt', 'any any', ([a, b]) => before(a, b));
define('le', 'any any', ([a, b]) => before(a, b) || equal(a, b));
define('gt', 'any any', ([a, b]) => !before(a, b) && !equal(a, b));
define('ge', 'any any', ([a, b]) => !before(a, b));

function isNil(value: Value): value is null | undefined {
  return value === null || value === undefined;
}
