import { literal as duckdbLiteral } from '../../duckdb/sql.js';

/** Random, so that it is no constant. */
const nul = 'chr(CAST(random() * 0 AS INTEGER))';

/**
 * A value as a SQL literal; text may hold anything, NUL and newlines too. Values stand in query SQL as literals,
 * not parameters: only constants let DuckDB compile a regular expression once and prune files by their statistics.
 * Numbers are DOUBLE.
 */
export function literal(value: string | number | bigint | boolean): string {
  if (typeof value === 'number') {
    return Number.isFinite(value) ? `${duckdbLiteral(value)}::DOUBLE` : duckdbLiteral(value);
  }
  if (typeof value !== 'string') return duckdbLiteral(value);
  if (!value.includes('\0')) return duckdbLiteral(value);
  // A NUL would end the statement; as a constant, DuckLake's own statement that looks for files by statistics.
  let stand = 0xe000;
  while (value.includes(String.fromCharCode(stand))) stand++;
  const sign = String.fromCharCode(stand);
  return `replace(${duckdbLiteral(value.replaceAll('\0', sign))}, ${duckdbLiteral(sign)}, ${nul})`;
}

/** `(a, b)`, for IN. */
export function literalList(values: Iterable<string | number | bigint>): string {
  return `(${Array.from(values, literal).join(', ')})`;
}
