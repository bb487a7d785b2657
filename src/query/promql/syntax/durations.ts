import { QueryError } from '../../../lake/query-error.js';
import type { Duration, DurationScope, DurationTree } from './ast.js';

const operators: ReadonlyMap<string, (a: number, b: number) => number> = new Map([
  ['+', (a: number, b: number) => a + b],
  ['-', (a: number, b: number) => a - b],
  ['*', (a: number, b: number) => a * b],
  ['/', (a: number, b: number) => a / b],
  ['%', (a: number, b: number) => a % b],
  ['^', (a: number, b: number) => a ** b],
  ['min_of', (a: number, b: number) => Math.min(a, b)],
  ['max_of', (a: number, b: number) => Math.max(a, b)],
]);

/** A duration that can't be worked out; in Prometheus' words, with the place of the operation that failed. */
export class DurationFault extends Error {}

function seconds(tree: DurationTree, scope: DurationScope): number {
  if (tree.kind === 'literal') return tree.seconds;
  const { op, from, to } = tree;
  if (op === 'step') return scope.step;
  if (op === 'range') return scope.range;
  const left = tree.left ? seconds(tree.left, scope) : 0;
  const right = tree.right ? seconds(tree.right, scope) : 0;
  if (right === 0 && (op === '/' || op === '%'))
    throw new DurationFault(`${from}:${to}: ${op === '/' ? 'division' : 'modulo'} by zero`);
  return operators.get(op)?.(left, right) ?? NaN;
}

/** As deep as durations may be, which are worked out and printed by going down into them. */
const maxDepth = 500;

/** Throws QueryError `bad_data` where it is nested or chained too deep. */
export function durationOf(tree: DurationTree): Duration {
  let level = [tree];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth)
      throw new QueryError('bad_data', `the duration is nested or chained deeper than ${maxDepth} levels`);
    level = level.flatMap((each) =>
      each.kind === 'operation' ? [each.left, each.right].filter((part) => part !== null) : [],
    );
  }
  return { tree, seconds: (scope) => seconds(tree, scope) };
}
