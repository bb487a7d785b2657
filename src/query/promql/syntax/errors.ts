import { QueryError } from '../../../lake/query-error.js';

/** A parse error at a character offset, reported as `line:column: parse error: …` (both counted from 1). */
export function parseError(source: string, at: number, message: string): QueryError {
  const before = source.slice(0, at);
  const line = before.split('\n').length;
  const column = at - (before.lastIndexOf('\n') + 1) + 1;
  return new QueryError('bad_data', `${line}:${column}: parse error: ${message}`);
}

export function unsupported(construct: string): QueryError {
  return new QueryError('unsupported', `${construct} is not supported`);
}
