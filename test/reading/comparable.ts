/** Sums of the same numbers in another order differ in their last digits. */
export function rounded(value: unknown): unknown {
  if (typeof value === 'number') return Number(value.toPrecision(9));
  return typeof value === 'string' && /^-?\d+\.\d+(e[+-]?\d+)?$/.test(value)
    ? Number(Number(value).toPrecision(9))
    : value;
}

/** A JSON value with its members in order, numbers rounded, and lists whose order means nothing sorted. */
export function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered).sort(byText);
  if (typeof value !== 'object' || value === null) return rounded(value);
  const members = Object.entries(value).map(([name, member]): [string, unknown] => [name, ordered(member)]);
  return Object.fromEntries(members.sort(byText));
}

function byText(a: unknown, b: unknown): number {
  const [one = '', other = ''] = [JSON.stringify(a), JSON.stringify(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}
