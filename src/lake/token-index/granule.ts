import { gramBits, scanTokens, scanValues, symbols } from './tokens.js';

/** What the index tells of one row group. */
export interface Granule {
  /** A bit for each three codes of characters that follow each other in a token. */
  readonly grams: Uint8Array;
  /** A Bloom filter of the hashes of all tokens, and of the values of the columns that the file's index names. */
  readonly bloom: Uint8Array;
  /** Characters of the longest token, and of the longest with a digit. */
  readonly longest: number;
  readonly longestWithDigit: number;
  /** Some line has a printable ASCII character as JSON's escape `\u00..`. */
  readonly escapes: boolean;
}

const base = symbols + 1;
export const gramBytes = Math.ceil(base ** 3 / 8);
/** Twelve bits and six probes a token: one of 300 that are not there seems to be. */
const bitsPerToken = 12;
const probes = 6;
/** Of a filter. With more tokens than fit it errs more often. */
const mostBloomBytes = 512 * 1024;

/** Where the bit of three codes lies. */
export function gramBit(gram: number): number {
  return ((gram >> 12) * base + ((gram >> 6) & 63)) * base + (gram & 63);
}

export function hasBit(bits: Uint8Array, bit: number): boolean {
  return ((bits[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
}

/** The bits of a hash are those of two others, one after the other. */
export function mayHaveHash(bloom: Uint8Array, hash: number): boolean {
  const bits = bloom.length * 8;
  const step = stepOf(hash);
  let at = hash;
  for (let i = 0; i < probes; i++, at = (at + step) >>> 0) if (!hasBit(bloom, at % bits)) return false;
  return true;
}

function addHash(bloom: Uint8Array, hash: number): void {
  const bits = bloom.length * 8;
  const step = stepOf(hash);
  let at = hash;
  for (let i = 0; i < probes; i++, at = (at + step) >>> 0) {
    const bit = at % bits;
    bloom[bit >> 3] = (bloom[bit >> 3] as number) | (1 << (bit & 7));
  }
}

function stepOf(hash: number): number {
  return (Math.imul(hash, 0x9e3779b1) | 1) >>> 0;
}

/** Bloom filter of a set of hashes. */
function bloomOf(hashes: HashSet): Uint8Array {
  const bytes = Math.min(mostBloomBytes, Math.max(8, Math.ceil((hashes.size * bitsPerToken) / 8)));
  const bloom = new Uint8Array(bytes);
  hashes.each((hash) => addHash(bloom, hash));
  return bloom;
}

/** Takes the lines of a row group in. */
export class GranuleBuilder {
  readonly grams = new Uint8Array(2 ** gramBits);
  #hashes = new HashSet();
  #longest = 0;
  #longestWithDigit = 0;
  #escapes = false;

  add(bytes: Uint8Array): void {
    scanTokens(bytes, this);
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
      bloom: bloomOf(this.#hashes),
      longest: this.#longest,
      longestWithDigit: this.#longestWithDigit,
      escapes: this.#escapes,
    };
    this.grams.fill(0);
    this.#hashes = new HashSet();
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

/** Numbers of 32 bits. */
class HashSet {
  #slots = new Uint32Array(2 ** 15);
  size = 0;
  /** Which no slot can hold. */
  #zero = false;

  add(hash: number): void {
    if (hash === 0) {
      if (!this.#zero) this.size++;
      this.#zero = true;
      return;
    }
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = hash & mask;
    for (let found = slots[at]; found !== 0; found = slots[at]) {
      if (found === hash) return;
      at = (at + 1) & mask;
    }
    slots[at] = hash;
    if (++this.size * 2 > slots.length) this.#grow();
  }

  each(take: (hash: number) => void): void {
    if (this.#zero) take(0);
    for (const hash of this.#slots) if (hash !== 0) take(hash);
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length * 2);
    const mask = this.#slots.length - 1;
    for (const hash of before) {
      if (hash === 0) continue;
      let at = hash & mask;
      while (this.#slots[at] !== 0) at = (at + 1) & mask;
      this.#slots[at] = hash;
    }
  }
}
