/** The order of texts by their bytes in UTF-8, as Go's, DuckDB's and Parquet's; JavaScript's own is that of UTF-16 units. */
export function byteOrder(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [one, other] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (one !== other) return unitOrder(one, other);
  }
  return a.length - b.length;
}

/** Of UTF-16 units that differ, the first ones of two texts that do: surrogates are behind all others. */
export function unitOrder(one: number, other: number): number {
  return place(one) - place(other);
}

function place(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}
