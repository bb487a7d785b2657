import { jsonText, type TypedJson } from '../../attributes/typed-json.js';

export type Value =
  | { readonly type: 'nil' }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'int'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  /** Nanoseconds. */
  | { readonly type: 'duration'; readonly value: bigint }
  /** OTLP's numbers: 0 unset, 1 ok, 2 error. */
  | { readonly type: 'status'; readonly value: number }
  /** OTLP's numbers: 0 unspecified to 5 consumer. */
  | { readonly type: 'kind'; readonly value: number }
  /** An array attribute: equal when any element is, unequal when all are. */
  | { readonly type: 'array'; readonly values: readonly Value[] }
  /** One value for each event or link that has the field; any of them may satisfy a comparison. */
  | { readonly type: 'each'; readonly values: readonly Value[] }
  /** A map attribute, as JSON: it exists, but compares with nothing. */
  | { readonly type: 'map'; readonly json: string };

export type ValueType = Value['type'];

export type ComparisonOp = '=' | '!=' | '<' | '<=' | '>' | '>=' | '=~' | '!~';
export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '^';

export const statusNames = ['unset', 'ok', 'error'] as const;
export const kindNames = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;

export const nil: Value = { type: 'nil' };
export const yes: Value = { type: 'bool', value: true };
export const no: Value = { type: 'bool', value: false };

export function bool(value: boolean): Value {
  return value ? yes : no;
}

export function text(value: string): Value {
  return { type: 'string', value };
}

export function fromJson(json: TypedJson | undefined): Value {
  if (json === undefined || json === null) return nil;
  if (typeof json === 'string') return { type: 'string', value: json };
  if (typeof json === 'boolean') return bool(json);
  if (typeof json === 'bigint') return { type: 'int', value: json };
  if (typeof json === 'number') return { type: 'float', value: json };
  if (Array.isArray(json)) return { type: 'array', values: json.map(fromJson) };
  return { type: 'map', json: jsonText(json) };
}

/** Several events or links, those without the field left out; nil when none has it. */
export function eachOf(values: readonly Value[]): Value {
  const present = values.filter((value) => value.type !== 'nil');
  return present.length === 0 ? nil : { type: 'each', values: present };
}

type Numeric = Extract<Value, { type: 'int' | 'float' | 'duration' }>;

export function isNumeric(value: Value): value is Numeric {
  return value.type === 'int' || value.type === 'float' || value.type === 'duration';
}

/** The number behind a value, or null. Durations count in nanoseconds. */
export function asNumber(value: Value): number | null {
  return isNumeric(value) ? Number(value.value) : null;
}

/** Whether a text matches the regular expression on the right of `=~` or `!~`. */
type RegexTest = (text: string) => boolean;

/** Values of unlike type compare as false, for `!=` as well: a span without the attribute never matches. */
export function compare(
  op: ComparisonOp,
  left: Value,
  right: Value,
  matches: RegexTest | null = null,
): boolean {
  if (left.type === 'each') return left.values.some((value) => compare(op, value, right, matches));
  if (right.type === 'each') return right.values.some((value) => compare(op, left, value, matches));
  const quantify = op === '!=' || op === '!~' ? 'every' : 'some';
  if (left.type === 'array') {
    return right.type !== 'array' && left.values[quantify]((value) => compare(op, value, right, matches));
  }
  if (right.type === 'array') return right.values[quantify]((value) => compare(op, left, value, matches));
  if (isNumeric(left) && isNumeric(right)) return ordered(op, left.value, right.value);
  if (left.type === 'string' && right.type === 'string') {
    if (op === '=~' || op === '!~') return matches?.(left.value) === (op === '=~');
    return ordered(op, left.value, right.value);
  }
  if (left.type !== right.type || !('value' in left) || !('value' in right)) return false;
  if (op === '=') return left.value === right.value;
  return op === '!=' && left.value !== right.value;
}

/** bigint and number compare exactly with each other. */
function ordered<T extends string | bigint | number>(op: ComparisonOp, left: T, right: T): boolean {
  switch (op) {
    case '=':
      return left == right;
    case '!=':
      return left != right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    default:
      return false;
  }
}

/** Integers stay integers, a duration with an integer stays a duration; nil where there is no result. */
export function arithmetic(op: ArithmeticOp, left: Value, right: Value): Value {
  if (!isNumeric(left) || !isNumeric(right)) return nil;
  if (typeof left.value === 'bigint' && typeof right.value === 'bigint' && op !== '/') {
    const type = left.type === 'duration' || right.type === 'duration' ? 'duration' : 'int';
    const value = integers(op, left.value, right.value);
    if (value !== null) return { type, value };
  } else if (left.type === 'int' && right.type === 'int') {
    return right.value === 0n ? nil : { type: 'int', value: left.value / right.value };
  }
  const [a, b] = [Number(left.value), Number(right.value)];
  return { type: 'float', value: floats(op, a, b) };
}

function integers(op: ArithmeticOp, a: bigint, b: bigint): bigint | null {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '%':
      return b === 0n ? null : a % b;
    case '^':
      // Larger powers overflow 64 bits; as floats they cost nothing.
      return b >= 0n && b <= 63n && a >= -1024n && a <= 1024n ? a ** b : null;
    default:
      return null;
  }
}

function floats(op: ArithmeticOp, a: number, b: number): number {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
    case '^':
      return a ** b;
  }
}

/** Text that tells values apart, types included, also those that are shown alike: `["a, b"]` and `["a", "b"]`, 0 and -0. */
export function groupKey(value: Value): string {
  if (value.type === 'array' || value.type === 'each') {
    return `${value.type}:${JSON.stringify(value.values.map(groupKey))}`;
  }
  return value.type === 'float' && Object.is(value.value, -0)
    ? 'float:-0'
    : `${value.type}:${display(value)}`;
}

/** As Tempo writes values in labels and tag values. */
export function display(value: Value): string {
  switch (value.type) {
    case 'nil':
      return 'nil';
    case 'map':
      return value.json;
    case 'status':
      return statusNames[value.value] ?? String(value.value);
    case 'kind':
      return kindNames[value.value] ?? String(value.value);
    case 'duration':
      return displayDuration(value.value);
    case 'array':
    case 'each':
      return `[${value.values.map(display).join(', ')}]`;
    default:
      return String(value.value);
  }
}

/** Go's form: 1h2m3.5s, 1.5ms, 0s. */
export function displayDuration(nanoseconds: bigint): string {
  if (nanoseconds < 0n) return `-${displayDuration(-nanoseconds)}`;
  if (nanoseconds === 0n) return '0s';
  if (nanoseconds < 1_000n) return `${nanoseconds}ns`;
  if (nanoseconds < 1_000_000n) return `${Number(nanoseconds) / 1e3}µs`;
  if (nanoseconds < 1_000_000_000n) return `${Number(nanoseconds) / 1e6}ms`;
  const hours = nanoseconds / 3_600_000_000_000n;
  const minutes = (nanoseconds / 60_000_000_000n) % 60n;
  const seconds = Number(nanoseconds % 60_000_000_000n) / 1e9;
  const tail = `${seconds}s`;
  if (hours > 0n) return `${hours}h${minutes}m${tail}`;
  return minutes > 0n ? `${minutes}m${tail}` : tail;
}

/** OTLP's AnyValue in protobuf's JSON mapping; without a member there is no value. */
export interface AnyValueJson {
  readonly stringValue?: string;
  readonly intValue?: string;
  readonly doubleValue?: number | string;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values: readonly AnyValueJson[] };
}

/** The OTLP JSON form of a value; a map as its JSON text, which clients of a search can show. */
export function toAnyValue(value: Value): AnyValueJson {
  switch (value.type) {
    case 'int':
      return { intValue: String(value.value) };
    case 'float':
      return { doubleValue: Number.isFinite(value.value) ? value.value : String(value.value) };
    case 'bool':
      return { boolValue: value.value };
    case 'array':
    case 'each':
      return {
        arrayValue: { values: value.values.map((one) => (one.type === 'nil' ? {} : toAnyValue(one))) },
      };
    default:
      return { stringValue: display(value) };
  }
}
