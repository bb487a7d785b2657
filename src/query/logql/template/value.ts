/** Values of a template: Go's int is a bigint, float64 a number. */
export type Value =
  | string
  | bigint
  | number
  | boolean
  | null
  | undefined
  | GoTime
  | readonly Value[]
  | ReadonlyMap<string, Value>;

/** An instant with its zone. */
export interface GoTime {
  readonly kind: 'time';
  readonly ns: bigint;
  /** IANA name. */
  readonly zone: string;
}

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

export function truth(value: Value): boolean {
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
  if (isTime(value)) return 'time.Time';
  if (isList(value)) return '[]interface {}';
  return value instanceof LabelMap ? 'map[string]string' : 'map[string]interface {}';
}
