import { QueryError } from '../../../lake/query-error.js';
import type { Expr, VectorSelector } from '../syntax/ast.js';
import { parseExpr } from '../syntax/parser.js';
import { check } from './check.js';

/** Parses and type-checks PromQL. Throws QueryError `bad_data` with `line:column`, `limit` or `unsupported`. */
export function parse(source: string): Expr {
  const expr = parseExpr(source);
  check(expr, source);
  return expr;
}

/** Parses a series selector, as in `match[]`. Throws QueryError. */
export function parseSelector(source: string): VectorSelector {
  const expr = parse(source);
  if (expr.kind !== 'selector' || expr.offset !== undefined || expr.at !== undefined) {
    throw new QueryError('bad_data', `${JSON.stringify(source)} is not a series selector`);
  }
  return expr;
}
