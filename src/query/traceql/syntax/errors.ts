import { QueryError } from '../../../lake/query-error.js';
import { positionOf } from '../../text/positions.js';

/** What parses and makes no sense: 400. */
export function invalidQuery(message: string): QueryError {
  return new QueryError('bad_data', `invalid TraceQL query: ${message}`);
}

/** A mistake in the query text: 400, with the place where it is. */
export function syntaxError(text: string, at: number, message: string): QueryError {
  const { line, column } = positionOf(text, at);
  return new QueryError(
    'bad_data',
    `invalid TraceQL query: parse error at line ${line}, col ${column}: ${message}`,
  );
}
