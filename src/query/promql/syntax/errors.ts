import { QueryError } from '../../../lake/query-error.js';

/** `line:column` of a character offset as Prometheus tells it: both from 1, columns in bytes. */
export function placeOf(source: string, at: number): string {
  if (source === '') return 'unknown position';
  const before = source.slice(0, at);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  return `${before.split('\n').length}:${Buffer.byteLength(line) + 1}`;
}

/** A parse error at a character offset, reported as `line:column: parse error: …`. */
export function parseError(source: string, at: number, message: string): QueryError {
  return new QueryError('bad_data', `${placeOf(source, at)}: parse error: ${message}`);
}

export function unsupported(construct: string): QueryError {
  return new QueryError('unsupported', `${construct} is not supported`);
}
