import { ident, literal } from '../../duckdb/index.js';
import { columnName, keyPath, typedColumn, type AttributeColumn } from '../attribute-columns/index.js';

/** What `ReadSession.rowsOf` gives of an attribute, from the JSON text or from its column: columns of SQL. */
export function untypedFromText(i: number, origin: string, key: string): string {
  const value = `json_extract_string(${ident(origin)}, ${literal(keyPath(key))})`;
  return textual(i, value, ident(origin));
}

function textual(i: number, value: string, text: string): string {
  const number = `try_cast(${value} AS DOUBLE)`;
  return (
    `${value} AS attribute_${i}, ${number} AS number_${i}, ` +
    `coalesce(${value} IS NOT NULL AND ${number} IS NULL, FALSE) AS faulty_${i}, ` +
    `coalesce(${value} = '', FALSE) AS empty_${i}, ${text} AS text_${i}`
  );
}

export function untypedFromColumn(i: number, origin: string, column: AttributeColumn): string {
  const name = ident(columnName(column));
  if (column.kind === 'text') return textual(i, name, 'NULL::VARCHAR');
  const value = `json_extract_string(${ident(origin)}, ${literal(keyPath(column.key))})`;
  return (
    `${value} AS attribute_${i}, ${name} AS number_${i}, FALSE AS faulty_${i}, FALSE AS empty_${i}, ` +
    `${ident(origin)} AS text_${i}`
  );
}

export function typedFromText(_: number, origin: string, key: string): string {
  const value = `json_extract(${ident(origin)}, ${literal(keyPath(key))})::VARCHAR`;
  return typed(key, value, `CASE WHEN starts_with(${value}, '[') THEN ${value} END`, ident(origin));
}

/** Columns that have arrays are not read so. */
export function typedFromColumn(_: number, _origin: string, column: AttributeColumn): string {
  const name = ident(columnName(column));
  return typed(column.key, name, 'NULL::VARCHAR', name);
}

function typed(key: string, value: string, list: string, text: string): string {
  const [values, lists, texts] = (['value', 'list', 'text'] as const).map((of) =>
    ident(typedColumn(of, key)),
  );
  return `${value} AS ${values}, ${list} AS ${lists}, ${text} AS ${texts}`;
}
