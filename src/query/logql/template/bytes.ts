import { TemplateError } from './value.js';

/**
 * The part of a text between two places in its UTF-8, as Go slices strings; half a character becomes U+FFFD, as in Go's
 * JSON. Throws TemplateError when a place is outside or the two are the wrong way round.
 */
export function byteSlice(text: string, from: number, to: number): string {
  const bytes = Buffer.from(text);
  if (from < 0 || to > bytes.length || from > to) {
    throw new TemplateError(`slice bounds out of range [${from}:${to}] with length ${bytes.length}`);
  }
  return bytes.subarray(from, to).toString();
}

export function byteLength(text: string): number {
  return Buffer.byteLength(text);
}
