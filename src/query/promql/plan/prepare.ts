import { QueryError } from '../../../lake/query-error.js';
import type { Expr, ValueType, VectorSelector } from '../syntax/ast.js';
import { compileMatcher } from '../../series/matchers.js';
import { functions } from '../functions/index.js';
import { parseExpr, parseVectorSelector } from '../syntax/parser.js';
import { check } from './check.js';
import { experimentalFunctions } from './experimental.js';

/**
 * Parses and type-checks PromQL; without `experimental` what is an experiment in Prometheus is refused in its words.
 * Throws QueryError `bad_data` with `line:column`, `limit` or `unsupported`.
 */
export function parse(source: string, experimental = true): Expr {
  const expr = parseExpr(source, { returns, ...(!experimental && { refused: experimentalFunctions }) });
  check(expr, source);
  return expr;
}

/** Parses a series selector, which may fit every series. Throws QueryError. */
export function parseAnySelector(source: string): VectorSelector {
  return parseVectorSelector(source, { returns });
}

/** Parses a series selector, as in `match[]`. Throws QueryError. */
export function parseSelector(source: string): VectorSelector {
  const selector = parseAnySelector(source);
  if (selector.matchers.every((matcher) => compileMatcher(matcher).matches('')))
    throw new QueryError('bad_data', 'match[] must contain at least one non-empty matcher');
  return selector;
}

function returns(name: string): ValueType | undefined {
  return functions.get(name)?.returns;
}
