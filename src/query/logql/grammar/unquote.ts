import { QueryError } from '../../../lake/query-error.js';
import { LiteralError, unquote as unquoteGo } from '../../text/unquote.js';

/** The value of a quoted literal as Go's strconv.Unquote reads it: "…" with escapes or `…` raw. Throws QueryError. */
export function unquote(literal: string): string {
  try {
    return unquoteGo(literal, '"`');
  } catch (error) {
    if (!(error instanceof LiteralError)) throw error;
    throw new QueryError(
      'bad_data',
      `parse error: invalid string literal ${literal.slice(0, 100)}: ${error.message}`,
    );
  }
}
