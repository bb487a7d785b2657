/**
 * Of the times of samples it only matters on which side of these they are, and of the last one before each its time: `at`
 * and each `every` from it, both ways; 0: `at` alone. Unix milliseconds.
 */
export interface Edges {
  readonly at: number;
  readonly every: number;
}

/** Those of both, and more where they don't fit into one distance. */
export function bothEdges(a: Edges, b: Edges): Edges {
  return { at: a.at, every: divisor(divisor(a.every, b.every), Math.abs(a.at - b.at)) };
}

/** The greatest number that both are multiples of. */
export function divisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
