import { QueryError } from '../../lake/query-error.js';

/** A mistake in the query text: 400, with the place where it is. */
export function syntaxError(text: string, at: number, message: string): QueryError {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  const column = at - (before.lastIndexOf('\n') + 1) + 1;
  return new QueryError('bad_data', `invalid TraceQL query: line ${line}, col ${column}: ${message}`);
}
