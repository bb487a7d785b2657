/** The only quoting of identifiers and literals. Values from outside go through `literal` or a bound parameter. */

/** A double-quoted identifier. Throws TypeError on NUL, which no identifier can hold. */
export function ident(name: string): string {
  if (name.length === 0 || name.includes('\0')) throw new TypeError('not a valid SQL identifier');
  return `"${name.replaceAll('"', '""')}"`;
}

/** A qualified name, each part quoted: `qualified('lake', 'main', 'logs')`. */
export function qualified(...parts: readonly string[]): string {
  return parts.map(ident).join('.');
}

/**
 * A SQL literal. Integers beyond 2^53 must come as bigint; non-finite numbers become DOUBLE casts.
 * Throws TypeError on strings with NUL, which DuckDB's parser would cut.
 */
export function literal(value: string | number | bigint | boolean | null): string {
  if (value === null) return 'NULL';
  if (typeof value === 'string') {
    if (value.includes('\0')) throw new TypeError('a SQL literal must not contain NUL');
    return `'${value.replaceAll("'", "''")}'`;
  }
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return Object.is(value, -0) ? '-0.0' : String(value);
    return `'${Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'}'::DOUBLE`;
  }
  if (typeof value === 'bigint') return value.toString();
  return value ? 'true' : 'false';
}

/** `[a, b]` as a SQL list literal. */
export function listLiteral(values: readonly (string | number | bigint)[]): string {
  return `[${values.map(literal).join(', ')}]`;
}

/** A TIMESTAMP literal from milliseconds since the epoch (UTC). */
export function timestampLiteral(epochMs: number): string {
  return `make_timestamp(${BigInt(Math.trunc(epochMs)) * 1000n})`;
}
