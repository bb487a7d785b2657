/**
 * Columns for attributes that compaction adds to data files, beside those of the table. DuckLake does not know them, so
 * `SELECT * FROM logs` is as before; whoever reads the Parquet file itself has them under their names here.
 */
import type { TableName } from '../../schema/index.js';

export interface AttributeColumn {
  /** The column of JSON text that the attribute is in. */
  readonly origin: string;
  readonly key: string;
  /**
   * `text`: VARCHAR, the value as `json_extract_string` gives it. `number`: DOUBLE; NaN where the value is no number.
   * `json`: VARCHAR, the value as JSON text, for languages to which "1" is not 1.
   */
  readonly kind: 'text' | 'number' | 'json';
}

/** The columns of JSON text whose attributes get columns. */
export const attributeOrigins: ReadonlyMap<TableName, string> = new Map([
  ['logs', 'log_attributes'],
  ['spans', 'span_attributes'],
]);

/** Of these the columns tell JSON's types apart. */
const typedOrigins: ReadonlySet<string> = new Set(['span_attributes']);

export function isTyped(origin: string): boolean {
  return typedOrigins.has(origin);
}

const separator = ':';
const plainKey = /^[A-Za-z0-9_.\-/]{1,100}$/;

/** Keys that stand in a path without escapes; others have no column. */
export function mayHaveColumn(key: string): boolean {
  return plainKey.test(key);
}

/** `text:log_attributes:user.id` */
export function columnName({ kind, origin, key }: AttributeColumn): string {
  return [kind, origin, key].join(separator);
}

/**
 * What `ReadSession.rowsOf` names the columns of an attribute of a typed origin: `value` (VARCHAR, JSON text), `list` (the same
 * where it may be an array, else NULL) and `text` (what holds the value's JSON text, to be searched before). Names of
 * columns do not differ by case alone.
 */
export function typedColumn(of: 'value' | 'list' | 'text', key: string): string {
  return `${of}${separator}${key.replace(/[A-Z]/g, (letter) => `^${letter}`)}`;
}

/** Null for any other column. */
export function parseColumnName(name: string): AttributeColumn | null {
  const [kind, origin, ...rest] = name.split(separator);
  const key = rest.join(separator);
  if ((kind !== 'text' && kind !== 'number' && kind !== 'json') || origin === undefined) return null;
  if (!mayHaveColumn(key) || isTyped(origin) !== (kind === 'json')) return null;
  return { kind, origin, key };
}

/** The path of a key, as text. */
export function keyPath(key: string): string {
  return `$."${key}"`;
}
