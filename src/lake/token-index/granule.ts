import { filterOf, type HashFilter } from './filter.js';
import { HashSet } from './hash-set.js';
import { gramBits, scanTokens, scanValues, symbols } from './tokens.js';

/** What the index tells of one row group. */
export interface Granule {
  /** A bit for each three codes of characters that follow each other in a token. */
  readonly grams: Uint8Array;
  /** Of the hashes of all tokens, and of the values of the columns that the file's index names. */
  readonly filter: HashFilter;
  /** Characters of the longest token of a line, and of the longest with a digit. */
  readonly longest: number;
  readonly longestWithDigit: number;
  /** Some text has a printable ASCII character as JSON's escape `\u00..`. */
  readonly escapes: boolean;
}

const base = symbols + 1;
export const gramBytes = Math.ceil(base ** 3 / 8);

/** Where the bit of three codes lies. */
export function gramBit(gram: number): number {
  return ((gram >> 12) * base + ((gram >> 6) & 63)) * base + (gram & 63);
}

export function hasBit(bits: Uint8Array, bit: number): boolean {
  return ((bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
}

const unread = new Uint8Array(2 ** gramBits);

/** Takes the lines of a row group in. */
export class GranuleBuilder {
  readonly grams = new Uint8Array(2 ** gramBits);
  readonly #hashes = new HashSet();
  #longest = 0;
  #longestWithDigit = 0;
  #escapes = false;

  add(bytes: Uint8Array): void {
    scanTokens(bytes, this);
    if (!this.#escapes) this.#escapes = hasEscapes(bytes);
  }

  /** Texts of another column, of which no part of a token is looked up. */
  addTexts(bytes: Uint8Array): void {
    scanTokens(bytes, { grams: unread, token: (hash) => this.#hashes.add(hash) });
    if (!this.#escapes) this.#escapes = hasEscapes(bytes);
  }

  /** Values with line breaks between. */
  addValues(column: string, bytes: Uint8Array): void {
    scanValues(column, bytes, (hash) => this.#hashes.add(hash));
  }

  token(hash: number, length: number, digit: boolean): void {
    this.#hashes.add(hash);
    if (length > this.#longest) this.#longest = length;
    if (digit && length > this.#longestWithDigit) this.#longestWithDigit = length;
  }

  /** Begins anew. */
  finish(): Granule {
    const grams = new Uint8Array(gramBytes);
    for (let gram = 0; gram < this.grams.length; gram++) {
      if (this.grams[gram] === 0) continue;
      const bit = gramBit(gram);
      grams[bit >> 3] = (grams[bit >> 3] as number) | (1 << (bit & 7));
    }
    const granule: Granule = {
      grams,
      filter: filterOf(this.#hashes),
      longest: this.#longest,
      longestWithDigit: this.#longestWithDigit,
      escapes: this.#escapes,
    };
    this.grams.fill(0);
    this.#hashes.clear();
    [this.#longest, this.#longestWithDigit, this.#escapes] = [0, 0, false];
    return granule;
  }
}

const escape = Buffer.from('\\u00');

/** Of a printable ASCII character. */
function hasEscapes(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = buffer.indexOf(escape); at >= 0; at = buffer.indexOf(escape, at + 1)) {
    const next = buffer[at + escape.length];
    if (next !== undefined && next >= 0x32 && next <= 0x37) return true;
  }
  return false;
}
