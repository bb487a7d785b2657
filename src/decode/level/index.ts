import { Char } from '../characters.js';
import type { ColumnWriter } from '../batch/column-writer.js';
import type { StringBuilder } from '../batch/columns.js';
import type { AttributeText } from '../wire/attributes.js';
import { LevelField } from './fields.js';
import { fieldLengths, fieldRank, levelOf, levelOfNumber, levels, noRank } from './names.js';
import { LevelWords } from './words.js';

/** Strings of at most 12 ASCII characters in DuckDB's layout. */
export function inlineWords(text: string): Uint32Array {
  const words = new Uint32Array(4);
  words[0] = text.length;
  new Uint8Array(words.buffer, 4).set(Buffer.from(text, 'ascii'));
  return words;
}

const levelWords = levels.map(inlineWords);

/**
 * The level of a log record as Loki 3.7 finds it (`detected_level`): from an attribute that names it, of the record, its scope or
 * its resource, from the severity's text, then its number, then the line: a field of JSON or logfmt, else a word. Text that is
 * no known level stands as it is, when there is no number.
 */
export class LevelDetector {
  readonly #field = new LevelField();
  readonly #words = new LevelWords();
  #rank = noRank;
  #pos = 0;
  #end = 0;
  /** By row: the rank of the attribute that its level is from. */
  #ranks = new Uint8Array(1024);
  readonly #shared = new Uint32Array(4);

  constructor(
    private readonly writer: ColumnWriter,
    private readonly attributes: AttributeText,
  ) {}

  /** Forgets the attributes of the record, scope or resource before. */
  reset(): void {
    this.#rank = noRank;
  }

  /** The lengths of keys that `visit` wants, a bit each: most keys have another. */
  readonly lengths = fieldLengths;

  /** An AttributeVisitor. */
  readonly visit = (keyPos: number, keyLength: number, valuePos: number, valueEnd: number): void => {
    if (keyLength > 31 || ((fieldLengths >>> keyLength) & 1) === 0) return;
    const rank = fieldRank(this.writer.source.bytes, keyPos, keyLength);
    if (rank > this.#rank || rank === noRank || valuePos < 0) return;
    this.#rank = rank;
    this.#pos = valuePos;
    this.#end = valueEnd;
  };

  /** Writes what the severity and the attributes tell; false when only the line can. */
  write(column: StringBuilder, row: number, textPos: number, textLength: number, number: number): boolean {
    const { bytes } = this.writer.source;
    const known = number === 0 ? 0 : levelOfNumber(number);
    const found = this.#rank !== noRank && this.#fromAttribute(column, row, known);
    if (row >= this.#ranks.length) {
      const larger = new Uint8Array(row * 2);
      larger.set(this.#ranks);
      this.#ranks = larger;
    }
    this.#ranks[row] = found ? this.#rank : noRank;
    if (found) return true;
    if (textLength > 0) {
      const level = levelOf(bytes, textPos, textLength) || known;
      if (level !== 0) this.#set(column, row, level);
      else this.writer.text(column, row, textPos, textLength);
      return true;
    }
    if (number === 0) return false;
    this.#set(column, row, known);
    return true;
  }

  #fromAttribute(column: StringBuilder, row: number, known: number): boolean {
    const { attributes, writer } = this;
    attributes.find(this.#pos, this.#end);
    if (attributes.valuePos < 0) return false;
    const length = attributes.valueEnd - attributes.valuePos;
    const { isText } = attributes;
    if (isText && length === 0) return false;
    const level = (isText ? levelOf(writer.source.bytes, attributes.valuePos, length) : 0) || known;
    if (level !== 0) this.#set(column, row, level);
    else writer.value(column, row, attributes);
    return true;
  }

  /**
   * Writes what an attribute of the scope or resource of the rows [from, to) tells, unless one of the record has a better name, or
   * the same. `numbers` are the rows' severities. Gives the bytes of its text.
   */
  writeShared(column: StringBuilder, numbers: Int32Array, from: number, to: number): number {
    const { attributes, writer } = this;
    if (this.#rank === noRank) return 0;
    attributes.find(this.#pos, this.#end);
    const { valuePos, valueEnd, isText } = attributes;
    if (valuePos < 0 || (isText && valueEnd === valuePos)) return 0;
    const own = isText ? levelOf(writer.source.bytes, valuePos, valueEnd - valuePos) : 0;
    const words = this.#shared;
    if (own !== 0) words.set(levelWords[own]!);
    else writer.valueWords(words, 0, attributes);
    for (let row = from; row < to; row++) {
      if (this.#ranks[row]! <= this.#rank) continue;
      const known = own === 0 && numbers[row] !== 0 ? levelOfNumber(numbers[row]!) : 0;
      column.replace(row, known === 0 ? words : levelWords[known]!);
      this.#ranks[row] = this.#rank;
    }
    return words[0]!;
  }

  /** Writes what the text of a body tells. */
  writeLine(column: StringBuilder, row: number, bytes: Uint8Array, pos: number, end: number): void {
    this.#set(column, row, this.#line(bytes, pos, end));
  }

  #line(bytes: Uint8Array, pos: number, end: number): number {
    while (pos < end && bytes[pos]! <= Char.space) pos++;
    while (pos < end && bytes[end - 1]! <= Char.space) end--;
    const isJson = bytes[pos] === Char.openBrace && end - pos > 1 && bytes[end - 1] === Char.closeBrace;
    if (isJson) {
      this.#field.json(bytes, pos, end);
      const level = this.#fieldLevel(bytes);
      if (level !== 0) return level;
    }
    this.#words.scan(bytes, pos, end);
    if (!isJson && this.#words.hasEquals) {
      this.#field.logfmt(bytes, pos, end);
      const level = this.#fieldLevel(bytes);
      if (level !== 0) return level;
    }
    return this.#words.level;
  }

  #fieldLevel(bytes: Uint8Array): number {
    const { from, to } = this.#field;
    return from < 0 ? 0 : levelOf(bytes, from, to - from);
  }

  #set(column: StringBuilder, row: number, level: number): void {
    column.set(row, levelWords[level]!);
  }
}
