/**
 * What the index knows of texts. A token is a run of ASCII letters, digits and underscores, letters made small, or a run of
 * other characters than ASCII. The sign for Kelvin and the long s count as k and s, as they do in regular expressions
 * that ignore case. Bytes are UTF-8.
 */
import { mixed } from './mixed.js';

/** By byte: 0 between tokens, 1 to 37 of a token, 38 not ASCII. */
const codes = new Uint8Array(256);
export const symbols = 37;
const foreign = 38;
for (let i = 0; i < 26; i++) codes[0x61 + i] = codes[0x41 + i] = i + 1;
for (let i = 0; i < 10; i++) codes[0x30 + i] = i + 27;
codes[0x5f] = symbols;
codes.fill(foreign, 0x80);
const [k, s] = [codes[0x6b] as number, codes[0x73] as number];
const [firstDigit, lastDigit] = [27, 36];

/** Three codes of a token's characters, which follow each other, in 18 bits. */
export const gramBits = 18;
const gramMask = 2 ** gramBits - 1;

export interface Token {
  /** Of a token's codes, 32 bits. */
  readonly hash: number;
  /** Bytes, as far as these are in the text. */
  readonly length: number;
  readonly digit: boolean;
  /** Of ASCII characters. */
  readonly plain: boolean;
  /** Where it lies in the text, in bytes. */
  readonly start: number;
  readonly end: number;
}

/** Of FNV, whose upper bits know little of the last characters until they are mixed. */
const basis = 0x811c9dc5;
const prime = 0x01000193;

const lineBreak = 0x0a;

/** The hashes of the values of a column that bytes hold, with line breaks between. */
export function scanValues(column: string, bytes: Uint8Array, take: (hash: number) => void): void {
  let tag = basis;
  for (const byte of Buffer.from(`${column}\0`)) tag = Math.imul(tag ^ byte, prime);
  let hash = tag;
  const { length } = bytes;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i] as number;
    if (byte === lineBreak) {
      take(mixed(hash));
      hash = tag;
    } else hash = Math.imul(hash ^ byte, prime);
  }
  take(mixed(hash));
}

export interface TokenSink {
  /** By the three codes: set where they occur. */
  readonly grams: Uint8Array;
  token(hash: number, length: number, digit: boolean, plain: boolean, start: number, end: number): void;
}

/** Goes through the tokens of a text. */
export function scanTokens(bytes: Uint8Array, sink: TokenSink): void {
  const { grams } = sink;
  const { length } = bytes;
  let at = 0;
  while (at < length) {
    let code = codes[bytes[at] as number] as number;
    if (code === 0) {
      at++;
      continue;
    }
    const start = at;
    let hash = basis;
    let gram = 0;
    let digit = false;
    let count = 0;
    let width = 1;
    let plain = true;
    if (code === foreign) {
      width = widthAsAscii(bytes, at);
      if (width === 1) {
        plain = false;
        do {
          hash = Math.imul(hash ^ (bytes[at] as number), prime);
          at++;
          count++;
        } while (at < length && codes[bytes[at] as number] === foreign && widthAsAscii(bytes, at) === 1);
        sink.token(mixed(hash), count, digit, plain, start, at);
        continue;
      }
      code = width === 2 ? s : k;
    }
    for (;;) {
      hash = Math.imul(hash ^ code, prime);
      gram = ((gram << 6) | code) & gramMask;
      if (code >= firstDigit && code <= lastDigit) digit = true;
      if (++count >= 3) grams[gram] = 1;
      at += width;
      if (at >= length) break;
      code = codes[bytes[at] as number] as number;
      width = 1;
      if (code === foreign) {
        width = widthAsAscii(bytes, at);
        if (width === 1) break;
        code = width === 2 ? s : k;
      } else if (code === 0) break;
    }
    sink.token(mixed(hash), count, digit, plain, start, at);
  }
}

/** Bytes of the two signs that count as letters; 1 for all others. */
function widthAsAscii(bytes: Uint8Array, at: number): number {
  if (bytes[at] === 0xc5 && bytes[at + 1] === 0xbf) return 2;
  if (bytes[at] === 0xe2 && bytes[at + 1] === 0x84 && bytes[at + 2] === 0xaa) return 3;
  return 1;
}

export interface TextTokens {
  readonly tokens: readonly Token[];
  /** Three codes each, in 18 bits. */
  readonly grams: readonly number[];
  /** Bytes of the text. */
  readonly length: number;
}

const scratch = new Uint8Array(2 ** gramBits);

/** Of a short text: what is looked for. */
export function tokensOf(text: string): TextTokens {
  const bytes = Buffer.from(text);
  const tokens: Token[] = [];
  scanTokens(bytes, {
    grams: scratch,
    token: (hash, length, digit, plain, start, end) =>
      tokens.push({ hash, length, digit, plain, start, end }),
  });
  const grams: number[] = [];
  for (let gram = scratch.indexOf(1); gram >= 0; gram = scratch.indexOf(1, gram)) {
    grams.push(gram);
    scratch[gram] = 0;
  }
  return { tokens, grams, length: bytes.length };
}
