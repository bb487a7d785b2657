import { QueryError } from '../../../lake/query-error.js';
import { positionOf } from '../../text/positions.js';

/** A parse error at a character offset, reported as `line:column: parse error: …` (both counted from 1). */
export function parseError(source: string, at: number, message: string): QueryError {
  const { line, column } = positionOf(source, at);
  return new QueryError('bad_data', `${line}:${column}: parse error: ${message}`);
}

export function unsupported(construct: string): QueryError {
  return new QueryError('unsupported', `${construct} is not supported`);
}
