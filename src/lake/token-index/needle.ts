import { parseColumnName } from '../attribute-columns/index.js';
import { mayHaveHash } from './filter.js';
import { gramBit, hasBit, type Granule } from './granule.js';
import { scanValues, tokensOf, type Token } from './tokens.js';

/** A text that a line has somewhere, whatever the case of ASCII letters; or a value of another column. */
export interface Needle {
  readonly text: string;
  /** Of a data file: the text is its value. */
  readonly column?: string;
  /** The line may write it with JSON's escapes. */
  readonly escaped?: boolean;
}

/** A needle as the index knows it. */
interface Sought {
  /** Bits of `Granule.grams`. */
  readonly grams: readonly number[];
  /** Hashes of tokens that the text has whole. */
  readonly whole: readonly number[];
  /** Tokens at the text's ends, which in a line may be parts of longer ones. */
  readonly ends: readonly Token[];
  readonly escaped: boolean;
  readonly value: SoughtValue | null;
}

interface SoughtValue {
  readonly column: string;
  readonly hash: number;
  /** Where the text of all attributes is indexed, and not the value: the column of text, and tokens of the value. */
  readonly within: { readonly column: string; readonly tokens: readonly number[] } | null;
}

/** Conditions that all hold, each of which is one of several needles. */
export type Search = readonly (readonly Sought[])[];

/** Null when the index can tell nothing of them. */
export function searchOf(needles: readonly (readonly Needle[])[]): Search | null {
  const search = needles.map((any) => any.map(sought)).filter((any) => any.length > 0 && any.every(tells));
  return search.length === 0 ? null : search;
}

function tells({ grams, whole, ends, value }: Sought): boolean {
  return value !== null || grams.length + whole.length + ends.length > 0;
}

function sought({ text, column, escaped = false }: Needle): Sought {
  if (column !== undefined) {
    const hashes: number[] = [];
    scanValues(column, Buffer.from(text), (hash) => hashes.push(hash));
    const [hash] = hashes;
    // One with line breaks is known by its parts alone.
    const value =
      hashes.length === 1 && hash !== undefined ? { column, hash, within: withinText(column, text) } : null;
    return { grams: [], whole: [], ends: [], escaped, value };
  }
  // Other characters than ASCII may be escapes.
  const { tokens, grams, length } = tokensOf(escaped && /[^\0-\x7f]/.test(text) ? '' : text);
  const whole: number[] = [];
  const ends: Token[] = [];
  for (const token of tokens) {
    // Escapes end in letters and digits, which then belong to the token.
    if (escaped && !isPrintable(text, token.start)) continue;
    if (token.start === 0 || token.end === length) {
      if (token.plain) ends.push(token);
    } else whole.push(token.hash);
  }
  return { grams: grams.map(gramBit), whole, ends, escaped, value: null };
}

/** The value as JSON text has it, where there is one way to write it but for escapes of letters; null where there may be others. */
function withinText(column: string, text: string): SoughtValue['within'] {
  const origin = parseColumnName(column)?.origin;
  const number = /^[-+.]?\d/.test(text) && !/^(0|-?[1-9]\d{0,14})$/.test(text);
  if (origin === undefined || number || !/^[\x20-\x7e]*$/.test(text) || /["\\]/.test(text)) return null;
  return { column: origin, tokens: tokensOf(text).tokens.map(({ hash }) => hash) };
}

/** The character before a token is one that JSON writes as it is, or with a backslash before. */
function isPrintable(text: string, start: number): boolean {
  return start === 0 || text.charCodeAt(start - 1) >= 0x20;
}

/** Whether lines of the granule may be what is searched for. */
export function mayHave(granule: Granule, search: Search, columns: readonly string[] = []): boolean {
  return search.every((any) => any.some((one) => mayHaveOne(granule, one, columns)));
}

function mayHaveOne(
  granule: Granule,
  { grams, whole, ends, escaped, value }: Sought,
  columns: readonly string[],
): boolean {
  if (value !== null) {
    const { column, hash, within } = value;
    if (columns.includes(column)) return mayHaveHash(granule.filter, hash);
    if (within === null || !columns.includes(within.column) || granule.escapes) return true;
    return within.tokens.every((token) => mayHaveHash(granule.filter, token));
  }
  if (escaped && granule.escapes) return true;
  return (
    grams.every((bit) => hasBit(granule.grams, bit)) &&
    whole.every((hash) => mayHaveHash(granule.filter, hash)) &&
    ends.every(({ hash, length, digit }) => {
      // Where no token is longer that it could be a part of, it is a whole one.
      const longest = digit ? granule.longestWithDigit : granule.longest;
      return length < longest || mayHaveHash(granule.filter, hash);
    })
  );
}
