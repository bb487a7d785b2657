import { precedence, type Operation } from '../../series/operators.js';
import type { Expr } from './ast.js';

export interface Operator extends Operation {
  readonly kind: 'operator';
  readonly at: number;
}

/** An expression as a flat list: operands with their postfix modifiers, infix operators, prefix signs. */
export type Item =
  | Operator
  | { readonly kind: 'operand'; readonly expr: Expr }
  | { readonly kind: 'sign'; readonly op: '+' | '-'; readonly from: number };

const power = precedence.get('^') ?? 0;

/** Builds the tree by precedence; all operators but `^` group to the left, a sign binds looser than `^` only. */
export function climb(items: readonly Item[]): Expr {
  let at = 0;

  function prefix(): Expr {
    const item = items[at++];
    if (item?.kind === 'operand') return item.expr;
    if (item?.kind !== 'sign') throw new Error('an operand is missing');
    const expr = infix(power);
    if (expr.kind === 'number') {
      const text =
        item.op === '-' ? (expr.text.startsWith('-') ? expr.text.slice(1) : `-${expr.text}`) : expr.text;
      return { ...expr, value: item.op === '-' ? -expr.value : expr.value, text, from: item.from };
    }
    return { kind: 'unary', op: item.op, expr, from: item.from, to: expr.to };
  }

  function infix(least: number): Expr {
    let left = prefix();
    for (;;) {
      const item = items[at];
      if (item?.kind !== 'operator') return left;
      const rank = precedence.get(item.op) ?? 0;
      if (rank < least) return left;
      at++;
      const right = infix(item.op === '^' ? rank : rank + 1);
      const span = { from: left.from, to: right.to, operatorAt: item.at };
      const match = item.matching ? { matching: item.matching } : {};
      left = { kind: 'binary', op: item.op, bool: item.bool, left, right, ...match, ...span };
    }
  }

  return infix(0);
}
