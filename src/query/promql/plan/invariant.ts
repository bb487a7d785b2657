import { functions } from '../functions/index.js';
import { children, type Expr } from '../syntax/ast.js';

/** Whether every step gives the same: all selectors are pinned by @ and nothing asks for the time. */
function stepInvariant(expr: Expr): boolean {
  switch (expr.kind) {
    case 'selector':
      return expr.at !== undefined;
    case 'matrix':
      return expr.selector.at !== undefined;
    case 'subquery':
      // A pinned subquery looks at one fixed range, whatever is inside.
      return expr.at !== undefined;
    case 'aggregation':
      // Prometheus doesn't look at the parameter: with a pinned operand the one of the first step counts.
      return stepInvariant(expr.expr);
    case 'call':
      return !functions.get(expr.name)?.timeDependent && expr.args.every(stepInvariant);
    default:
      return children(expr).every(stepInvariant);
  }
}

/** Worth computing once: step-invariant, and more than a constant. */
export function computesOnce(expr: Expr): boolean {
  return expr.kind !== 'number' && expr.kind !== 'string' && stepInvariant(expr);
}
