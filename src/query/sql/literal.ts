/**
 * Pieces of SQL text. Values stand in it as literals, not parameters: only constants let DuckDB compile a
 * regular expression once and prune files by time and service.
 */

/** A VARCHAR literal. */
export function text(value: string): string {
  const quoted = value.split('\0').map((part) => `'${part.replaceAll("'", "''")}'`);
  // A NUL would end the statement.
  return quoted.length === 1 ? (quoted[0] as string) : `(${quoted.join(' || chr(0) || ')})`;
}

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A TIMESTAMP literal of the microsecond that holds these nanoseconds since the epoch. */
export function timestamp(nanoseconds: bigint): string {
  const micros = nanoseconds / 1000n - (nanoseconds % 1000n < 0n ? 1n : 0n);
  const millis = micros / 1000n - (micros % 1000n < 0n ? 1n : 0n);
  const iso = new Date(Number(millis)).toISOString();
  const rest = String(micros - millis * 1000n).padStart(3, '0');
  return `TIMESTAMP '${iso.slice(0, 10)} ${iso.slice(11, 23)}${rest}'`;
}

export function and(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'TRUE' : conditions.map((condition) => `(${condition})`).join(' AND ');
}

export function or(conditions: readonly string[]): string {
  return conditions.length === 0 ? 'FALSE' : conditions.map((condition) => `(${condition})`).join(' OR ');
}
