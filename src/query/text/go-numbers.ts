/** Go's math.Max: NaN with NaN, unless the other is the largest number there is. */
export function larger(a: number, b: number): number {
  return a === Infinity || b === Infinity ? Infinity : Math.max(a, b);
}

/** Go's math.Min: NaN with NaN, unless the other is the smallest number there is. */
export function smaller(a: number, b: number): number {
  return a === -Infinity || b === -Infinity ? -Infinity : Math.min(a, b);
}
