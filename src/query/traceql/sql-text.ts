/** SQL literals. DuckDB strings know no escape but the doubled quote. */
export function literal(value: string | bigint | number | boolean): string {
  if (typeof value === 'string') return `'${value.replaceAll("'", "''").replaceAll('\0', '')}'`;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? `${value}::DOUBLE` : `'${value}'::DOUBLE`;
  }
  return String(value);
}

/** A JSON pointer (RFC 6901) to one key, which may hold any character. */
export function keyPointer(key: string): string {
  return literal(`/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
}

/** `timestamp` is the partition and the sort column; the exact bound comes second. Bounds in nanoseconds, end exclusive. */
export function timeRange(start: bigint, end: bigint): string {
  const last = end - 1n;
  return (
    `timestamp >= make_timestamp(${start / 1000n}) AND timestamp <= make_timestamp(${last / 1000n})` +
    ` AND start_time_unix_nano >= ${start} AND start_time_unix_nano <= ${last}`
  );
}
