import type { SyntaxNode } from '@lezer/common';
import type { Duration, DurationScope } from './ast.js';
import { literalNumber } from './literals.js';

type Seconds = (scope: DurationScope) => number;

const operators: ReadonlyMap<string, (a: number, b: number) => number> = new Map([
  ['+', (a: number, b: number) => a + b],
  ['-', (a: number, b: number) => a - b],
  ['*', (a: number, b: number) => a * b],
  ['/', (a: number, b: number) => a / b],
  ['%', (a: number, b: number) => a % b],
  ['^', (a: number, b: number) => a ** b],
]);

/** A duration written as a literal (`5m`, `300`) or as an arithmetic expression with `step()` and `range()`. */
export function duration(node: SyntaxNode, source: string): Duration {
  return { text: source.slice(node.from, node.to).replace(/\s+/g, ' '), seconds: seconds(node, source) };
}

function seconds(node: SyntaxNode, source: string): Seconds {
  if (node.name === 'NumberDurationLiteralInDurationContext' || node.name === 'NumberDurationLiteral') {
    const value = literalNumber(source.slice(node.from, node.to)) ?? NaN;
    return () => value;
  }
  const parts = childNodes(node);
  const operands = parts
    .filter((part) => /Duration(Expr|Literal)/.test(part.name))
    .map((p) => seconds(p, source));
  const [first, second] = operands;
  const head = parts[0];
  if (head?.name === 'DurationStep') return (scope) => scope.step;
  if (head?.name === 'DurationRange') return (scope) => scope.range;
  if (head?.name === 'UnaryOp' && first) {
    return source.slice(head.from, head.to) === '-' ? (scope) => -first(scope) : first;
  }
  if (!first) return () => NaN;
  if (!second) return first;
  if (head?.name === 'DurationMinOf') return (scope) => Math.min(first(scope), second(scope));
  if (head?.name === 'DurationMaxOf') return (scope) => Math.max(first(scope), second(scope));
  const sign = parts.find((part) => !/Duration/.test(part.name));
  const apply = operators.get(sign ? source.slice(sign.from, sign.to) : '');
  return apply ? (scope) => apply(first(scope), second(scope)) : () => NaN;
}

export function childNodes(node: SyntaxNode): SyntaxNode[] {
  const out: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (child.name !== 'LineComment') out.push(child);
  }
  return out;
}
