/**
 * The files that canardstack writes carry their checksum in their name, `canardstack-<uuid>-<CRC-32C>.parquet`: so it is
 * known from the commit on, costs the transaction nothing, and outlives every catalog (docs/decisions/0015-bit-rot.md).
 */
const withSum =
  /(?:^|\/)canardstack-(?:compacted-(?:joined-)?|flushed-)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}-([0-9a-f]{8})\.parquet$/;

/** Null when the name tells none: a file of DuckLake's own, or of an earlier release. */
export function checksumInName(path: string): string | null {
  return withSum.exec(path)?.[1] ?? null;
}

/** `path` ends with `.parquet`; `crc32c`: eight hex digits. */
export function withChecksum(path: string, crc32c: string): string {
  return path.replace(/\.parquet$/, `-${crc32c}.parquet`);
}
