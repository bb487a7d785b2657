import { Char } from '../characters.js';
import { fieldRank, foldedRank, noRank } from './names.js';

/** Levels of objects in which a level is looked for. */
const maxDepth = 2;

/** Finds the value of a field that names the level, in a JSON object or a logfmt line. */
export class LevelField {
  /** Where the value lies; -1 when there is none. */
  from = -1;
  to = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;

  /** The first member of the object at `pos` with such a name and a string, of those in it and one level below. */
  json(bytes: Uint8Array, pos: number, end: number): void {
    this.from = -1;
    this.#bytes = bytes;
    this.#end = end;
    this.#object(pos, 1);
  }

  /** Gives where the object ends, or -1 when the search is over: the level is found, or this is no JSON. */
  #object(pos: number, depth: number): number {
    const bytes = this.#bytes;
    pos = this.#space(pos + 1);
    while (bytes[pos] === Char.quote) {
      const keyEnd = this.#string(pos);
      if (keyEnd < 0) return -1;
      const after = this.#space(keyEnd + 1);
      if (bytes[after] !== Char.colon) return -1;
      const value = this.#space(after + 1);
      let next: number;
      if (bytes[value] === Char.quote) {
        const valueEnd = this.#string(value);
        if (valueEnd < 0) return -1;
        // What a sender detected is no field of a line.
        if (isField(fieldRank(bytes, pos + 1, keyEnd - pos - 1))) {
          this.from = value + 1;
          this.to = valueEnd;
          return -1;
        }
        next = valueEnd + 1;
      } else if (bytes[value] === Char.openBrace && depth < maxDepth) next = this.#object(value, depth + 1);
      else next = this.#skip(value);
      if (next < 0) return -1;
      pos = this.#space(next);
      if (bytes[pos] !== Char.comma) break;
      pos = this.#space(pos + 1);
    }
    return bytes[pos] === Char.closeBrace ? pos + 1 : -1;
  }

  #space(pos: number): number {
    while (pos < this.#end && this.#bytes[pos]! <= Char.space) pos++;
    return pos < this.#end ? pos : this.#end;
  }

  /** The closing quote of the string that begins at `pos`. */
  #string(pos: number): number {
    const bytes = this.#bytes;
    for (let i = pos + 1; i < this.#end; i++) {
      if (bytes[i] === Char.backslash) i++;
      else if (bytes[i] === Char.quote) return i;
    }
    return -1;
  }

  /** The end of a value that is no string. */
  #skip(pos: number): number {
    const bytes = this.#bytes;
    let depth = 0;
    for (; pos < this.#end; pos++) {
      const byte = bytes[pos]!;
      if (byte === Char.quote) {
        pos = this.#string(pos);
        if (pos < 0) return -1;
      } else if (byte === Char.openBrace || byte === Char.openBracket) depth++;
      else if (byte === Char.closeBrace || byte === Char.closeBracket) {
        if (depth === 0) return pos;
        depth--;
      } else if (byte === Char.comma && depth === 0) return pos;
    }
    return -1;
  }

  /** The value of the best of such keys, in any case. */
  logfmt(bytes: Uint8Array, pos: number, end: number): void {
    this.from = -1;
    this.#bytes = bytes;
    this.#end = end;
    let best = noRank;
    while (pos < end) {
      if (bytes[pos]! <= Char.space) {
        pos++;
        continue;
      }
      const key = pos;
      while (
        pos < end &&
        bytes[pos]! > Char.space &&
        bytes[pos] !== Char.equalSign &&
        bytes[pos] !== Char.quote
      )
        pos++;
      if (bytes[pos] !== Char.equalSign || pos >= end) {
        // A key without a value, or none at all.
        while (pos < end && bytes[pos]! > Char.space) pos++;
        continue;
      }
      const keyEnd = pos++;
      let from = pos;
      let to: number;
      if (pos < end && bytes[pos] === Char.quote) {
        to = this.#string(pos);
        if (to < 0) return;
        from++;
        pos = to + 1;
      } else {
        while (pos < end && bytes[pos]! > Char.space) pos++;
        to = pos;
      }
      const rank = foldedRank(bytes, key, keyEnd - key);
      if (rank >= best) continue;
      best = rank;
      this.from = from;
      this.to = to;
    }
  }
}

function isField(rank: number): boolean {
  return rank > 1 && rank < noRank;
}
