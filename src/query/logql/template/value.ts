/** Values of a template: Go's int is a bigint, float64 a number. */
export type Value =
  | string
  | bigint
  | number
  | boolean
  | null
  | undefined
  | GoTime
  | Integer
  | readonly Value[]
  | ReadonlyMap<string, Value>;

/** An instant with its zone. */
export interface GoTime {
  readonly kind: 'time';
  readonly ns: bigint;
  /** IANA name. */
  readonly zone: string;
  /** The zone is this one: its name, empty for none, and the seconds that it is ahead of UTC. */
  readonly fixed?: { readonly name: string; readonly offset: number };
}

/** A whole number of another of Go's types than int. */
export class Integer {
  constructor(
    readonly type: 'int64' | 'uint8' | 'time.Month' | 'time.Weekday' | 'time.Duration',
    readonly value: bigint,
  ) {}
}

/** What Go's functions give for a text that is no time. */
export const noTime: GoTime = { kind: 'time', ns: -62_135_596_800_000_000_000n, zone: 'UTC' };

/** The labels of a row. */
export class LabelMap extends Map<string, string> {}

/** A template that does not parse, or fails on a row. */
export class TemplateError extends Error {}

export function isTime(value: Value): value is GoTime {
  return typeof value === 'object' && value !== null && 'kind' in value;
}

export function isMap(value: Value): value is ReadonlyMap<string, Value> {
  return value instanceof Map;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** What a whole number of any type is. */
export function wholeOf(value: Value): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return value instanceof Integer ? value.value : undefined;
}

export function truth(value: Value): boolean {
  if (value instanceof Integer) return value.value !== 0n;
  if (isMap(value)) return value.size > 0;
  if (isList(value)) return value.length > 0;
  if (typeof value === 'number') return value !== 0;
  return Boolean(value);
}

export function typeName(value: Value): string {
  if (value === null || value === undefined) return 'nil';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (value instanceof Integer) return value.type;
  if (isTime(value)) return 'time.Time';
  if (isList(value)) return '[]interface {}';
  return value instanceof LabelMap ? 'map[string]string' : 'map[string]interface {}';
}
