import { fold } from './names.js';

/** Words that tell the level of a line, with its index in `levels`; those that come first go before the others. */
const words = (
  [
    ['trace', 1, 3],
    ['debug', 2, 2],
    ['fatal', 7, 0],
    ['critical', 6, 0],
    ['error', 5, 1],
    ['err', 5, 1],
    ['warning', 4, 0],
    ['warn', 4, 0],
    ['info', 3, 2],
  ] as const
).map(([text, level, anchor], i) => ({ word: Buffer.from(text), level, anchor, bit: 1 << i }));

const equalSign = words.length + 1;
/**
 * By byte: which words have it, in either case, at their `anchor`, the letter that is rare in text. The index is
 * that of the first of them; the others follow it.
 */
const anchors = new Uint8Array(256);
const candidates: (typeof words)[] = [];
for (const one of words) {
  const letter = one.word[one.anchor]!;
  const at = anchors[letter] || candidates.push([]);
  anchors[letter] = anchors[letter - 0x20] = at;
  candidates[at - 1]!.push(one);
}
anchors[0x3d] = equalSign;

/** Bytes that are part of a word: letters (also those of Latin-1 beyond ASCII), digits and the underscore. */
const inWord = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[\p{L}0-9_]/u.test(String.fromCharCode(byte)) ? 1 : 0,
);

/** Looks through the text of a line. */
export class LevelWords {
  /** The line has an equals sign. */
  hasEquals = false;
  /** The index in `levels`. */
  level = 0;

  scan(bytes: Uint8Array, from: number, end: number): void {
    this.hasEquals = false;
    this.level = 0;
    let seen = 0;
    let alone = 0;
    for (let pos = from; pos < end; pos++) {
      const at = anchors[bytes[pos]!]!;
      if (at === 0) continue;
      if (at === equalSign) {
        this.hasEquals = true;
        continue;
      }
      for (const { word, anchor, bit } of candidates[at - 1]!) {
        // As in Loki, the first place at which a word's letters stand decides, whether it is a word there or not.
        if ((seen & bit) !== 0) continue;
        const start = pos - anchor;
        if (start < from || start + word.length > end || !stands(bytes, start, word)) continue;
        seen |= bit;
        const after = start + word.length;
        if (start > from && inWord[bytes[start - 1]!] === 1) continue;
        if (after < end && inWord[bytes[after]!] === 1) continue;
        alone |= bit;
      }
    }
    if (alone !== 0) this.level = words[31 - Math.clz32(alone & -alone)]!.level;
  }
}

function stands(bytes: Uint8Array, pos: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (fold(bytes[pos + i]!) !== word[i]) return false;
  return true;
}
