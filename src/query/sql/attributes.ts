import { literal } from './literal.js';

/** A JSON pointer (RFC 6901) to one top-level key, which may hold any character, as a literal. */
export function keyPointer(key: string): string {
  return literal(`/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
}

/** The value of an attribute as text, NULL where it is missing or null; nested values are JSON text. */
export function attributeText(column: string, key: string): string {
  return `json_extract_string(${column}, ${keyPointer(key)})`;
}
