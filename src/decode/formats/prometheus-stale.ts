/** Prometheus' staleness marker, the two words of a NaN like no other. */
export function isStale(lo: number, hi: number): boolean {
  return lo === 2 && hi === 0x7ff0_0000;
}
