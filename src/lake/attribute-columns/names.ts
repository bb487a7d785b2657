/**
 * Columns for attributes that compaction adds to data files, beside those of the table. DuckLake does not know them, so
 * `SELECT * FROM logs` is as before; whoever reads the Parquet file itself has them under their names here.
 */
import type { TableName } from '../../schema/index.js';

export interface AttributeColumn {
  /** The column of JSON text that the attribute is in. */
  readonly origin: string;
  readonly key: string;
  /** `text`: VARCHAR, the value as `json_extract_string` gives it. `number`: DOUBLE; NaN where the value is no number. */
  readonly kind: 'text' | 'number';
}

/** The columns of JSON text whose attributes get columns. */
export const attributeOrigins: ReadonlyMap<TableName, string> = new Map([['logs', 'log_attributes']]);

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

/** Null for any other column. */
export function parseColumnName(name: string): AttributeColumn | null {
  const [kind, origin, ...rest] = name.split(separator);
  const key = rest.join(separator);
  if ((kind !== 'text' && kind !== 'number') || origin === undefined || !mayHaveColumn(key)) return null;
  return { kind, origin, key };
}

/** The path of a key, as text. */
export function keyPath(key: string): string {
  return `$."${key}"`;
}
