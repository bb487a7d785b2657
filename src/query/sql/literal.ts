import { literal as duckdbLiteral } from '../../duckdb/sql.js';

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
  const parts = value.split('\0').map(duckdbLiteral);
  // A NUL would end the statement.
  return parts.length === 1 ? (parts[0] as string) : `(${parts.join(' || chr(0) || ')})`;
}

/** `(a, b)`, for IN. */
export function literalList(values: Iterable<string | number | bigint>): string {
  return `(${Array.from(values, literal).join(', ')})`;
}
