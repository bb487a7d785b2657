const chunk = /\d+|\D+/g;

/** What Go's strconv.Atoi makes of a chunk; undefined for letters, and for digits that 64 bits don't hold. */
function wholeNumber(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^\d/.test(text)) return undefined;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

/**
 * `pod-2` before `pod-10`, as natsort of Go, which Prometheus orders labels by: stretches of digits by their number, all
 * others by their characters; of two that are equal so far the shorter one is the first.
 */
export function naturalOrder(a: string, b: string): number {
  if (a === b) return 0;
  const [left, right] = [a.match(chunk) ?? [], b.match(chunk) ?? []];
  for (const [i, one] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    const [m, n] = [wholeNumber(one), wholeNumber(other)];
    const isNumeric = m !== undefined && n !== undefined;
    if (isNumeric ? m === n : one === other) {
      if (i === left.length - 1) return -1;
      if (i === right.length - 1) return 1;
    } else if (isNumeric) {
      return m < n ? -1 : 1;
    } else {
      return one < other ? -1 : 1;
    }
  }
  // Nothing is not before anything there.
  return 1;
}
