import { QueryError } from '../../../lake/query-error.js';
import type { Expr, VectorSelector } from '../syntax/ast.js';
import { functions } from '../functions/index.js';
import { parseExpr } from '../syntax/parser.js';
import { check } from './check.js';
import { experimentalFunctions } from './experimental.js';

/**
 * Parses and type-checks PromQL; without `experimental` what is an experiment in Prometheus is refused in its words.
 * Throws QueryError `bad_data` with `line:column`, `limit` or `unsupported`.
 */
export function parse(source: string, experimental = true): Expr {
  const isFunction = (name: string) => functions.has(name);
  const expr = parseExpr(source, { isFunction, ...(!experimental && { refused: experimentalFunctions }) });
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
