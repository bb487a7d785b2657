import { TemplateError } from './value.js';

/**
 * The part of a text between two places in its UTF-8, as Go slices strings; half a character becomes U+FFFD, as in Go's
 * JSON. Throws TemplateError when a place is outside or the two are the wrong way round.
 */
export function byteSlice(text: string, from: number, to: number): string {
  const bytes = Buffer.from(text);
  const outside = (place: string) => new TemplateError(`runtime error: slice bounds out of range ${place}`);
  if (to < 0) throw outside(`[:${to}]`);
  if (to > bytes.length) throw outside(`[:${to}] with length ${bytes.length}`);
  if (from < 0 || from > to) throw outside(`[${from}:${to}]`);
  return bytes.subarray(from, to).toString();
}

export function byteLength(text: string): number {
  return Buffer.byteLength(text);
}
