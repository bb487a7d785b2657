import { literal } from './literal.js';

/** A JSON pointer (RFC 6901) to one top-level key, which may hold any character, as a literal. */
export function keyPointer(key: string): string {
  return literal(`/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
}
