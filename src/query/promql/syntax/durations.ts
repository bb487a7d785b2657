import type { SyntaxNode } from '@lezer/common';
import type { Duration, DurationScope, DurationTree } from './ast.js';
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
  return { tree: tree(node, source), seconds: seconds(node, source) };
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

const operationNames: ReadonlyMap<string, string> = new Map([
  ['DurationStep', 'step'],
  ['DurationRange', 'range'],
  ['DurationMinOf', 'min_of'],
  ['DurationMaxOf', 'max_of'],
]);

function tree(node: SyntaxNode, source: string): DurationTree {
  const written = (part: SyntaxNode | undefined) => (part ? source.slice(part.from, part.to) : '');
  const operation = (op: string, left: DurationTree | null, right: DurationTree | null) =>
    ({ kind: 'operation', op, left, right, wrapped: false }) as const;
  if (node.name === 'NumberDurationLiteralInDurationContext' || node.name === 'NumberDurationLiteral') {
    const text = written(node);
    return { kind: 'literal', seconds: literalNumber(text) ?? NaN, isDuration: isDurationText(text) };
  }
  const parts = childNodes(node);
  const [first = null, second = null] = parts
    .filter((part) => /Duration(Expr|Literal)/.test(part.name))
    .map((part) => tree(part, source));
  const [head] = parts;
  if (head?.name === 'UnaryOp' && first) {
    const sign = written(head);
    if (first.kind === 'operation') return operation(sign, null, first);
    return sign === '-' ? { ...first, seconds: -first.seconds } : first;
  }
  const named = head && operationNames.get(head.name);
  if (named !== undefined) return operation(named, first, second);
  if (second) return operation(written(parts.find((part) => !/Duration/.test(part.name))), first, second);
  if (!first) return { kind: 'literal', seconds: NaN, isDuration: true };
  if (!written(node).startsWith('(')) return first;
  return { ...(first.kind === 'literal' ? operation('+', null, first) : first), wrapped: true };
}

/** Whether a number is written with units. */
export function isDurationText(text: string): boolean {
  return /\d(ms|[smhdwy])/.test(text) && !/^[-+]?\s*0x/i.test(text);
}

export function childNodes(node: SyntaxNode): SyntaxNode[] {
  const out: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (child.name !== 'LineComment') out.push(child);
  }
  return out;
}
