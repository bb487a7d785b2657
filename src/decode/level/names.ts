/** Levels that Loki normalises to, by their index; 0 stands for none of them. */
export const levels = ['unknown', 'trace', 'debug', 'info', 'warn', 'error', 'critical', 'fatal'] as const;

const [trace, debug, info, warn, error, critical, fatal] = [1, 2, 3, 4, 5, 6, 7] as const;

/** Letters of the longest spelling. */
const longest = 11;

/** By length and first letter, of which each has its own. */
const spellings = byShape([
  ['trace', trace],
  ['trc', trace],
  ['debug', debug],
  ['dbg', debug],
  ['info', info],
  ['inf', info],
  ['information', info],
  ['warn', warn],
  ['wrn', warn],
  ['warning', warn],
  ['error', error],
  ['err', error],
  ['critical', critical],
  ['fatal', fatal],
]);

/** The index in `levels` of a word in any case; 0 when it names none. `ERROR2` to `ERROR4`, OpenTelemetry's short names, count as well. */
export function levelOf(bytes: Uint8Array, pos: number, length: number): number {
  const level = spelled(bytes, pos, length);
  if (level !== 0 || length < 5) return level;
  const last = bytes[pos + length - 1]!;
  return last >= 0x32 && last <= 0x34 ? spelled(bytes, pos, length - 1) : 0;
}

function spelled(bytes: Uint8Array, pos: number, length: number): number {
  if (length < 3 || length > longest) return 0;
  const spelling = spellings[shape(length, bytes[pos]!)];
  if (spelling === null || spelling === undefined) return 0;
  const { word } = spelling;
  for (let i = 0; i < length; i++) if (fold(bytes[pos + i]!) !== word[i]) return 0;
  return spelling.value;
}

/** Of a SeverityNumber (OpenTelemetry logs data model, 1 to 24). */
export function levelOfNumber(severity: number): number {
  if (severity < 1 || severity > 24) return 0;
  const level = (severity + 3) >> 2;
  return level === 6 ? fatal : level;
}

/** Names of fields that hold a level, in the order in which they count: Loki's `log_level_fields`. */
const fields = [
  'level',
  'LEVEL',
  'Level',
  'log.level',
  'severity',
  'SEVERITY',
  'Severity',
  'SeverityText',
  'lvl',
  'LVL',
  'Lvl',
  'severity_text',
  'Severity_Text',
  'SEVERITY_TEXT',
];
export const noRank = fields.length + 2;

/** Of attributes: what a sender has detected itself goes before all of them. */
const exact = byLength(['detected_level', ...fields].map((name, i) => [name, i + 1]));
const folded = byLength([...new Map(fields.map((name, i) => [name.toLowerCase(), i + 1])).entries()]);

/** The lengths of those names, a bit each. */
export const fieldLengths = exact.reduce((bits, words, length) => (words ? bits | (1 << length) : bits), 0);

/** The rank of an attribute's or a JSON member's name, the lower the better; `noRank` when it holds no level. */
export function fieldRank(bytes: Uint8Array, pos: number, length: number): number {
  const candidates = exact[length];
  if (candidates === undefined) return noRank;
  for (const { word, value } of candidates) if (equals(bytes, pos, word)) return value;
  return noRank;
}

/** As `fieldRank`, in any case: of a logfmt key. */
export function foldedRank(bytes: Uint8Array, pos: number, length: number): number {
  return find(folded, bytes, pos, length) || noRank;
}

interface Word {
  readonly word: Uint8Array;
  readonly value: number;
}

type Words = readonly (readonly Word[] | undefined)[];

function byLength(words: readonly (readonly [string, number])[]): Words {
  const out: Word[][] = [];
  for (const [word, value] of words) (out[word.length] ??= []).push({ word: Buffer.from(word), value });
  return out;
}

function shape(length: number, letter: number): number {
  return (length << 5) | (letter & 31);
}

function byShape(words: readonly (readonly [string, number])[]): readonly (Word | null)[] {
  const out = Array.from({ length: (longest + 1) << 5 }, (): Word | null => null);
  for (const [word, value] of words) {
    out[shape(word.length, word.charCodeAt(0))] = { word: Buffer.from(word), value };
  }
  return out;
}

function equals(bytes: Uint8Array, pos: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[pos + i] !== word[i]) return false;
  return true;
}

/** The value of the word that stands there in any case, or 0. */
function find(words: Words, bytes: Uint8Array, pos: number, length: number): number {
  const candidates = words[length];
  if (candidates === undefined) return 0;
  for (const { word, value } of candidates) {
    let i = 0;
    while (i < length && fold(bytes[pos + i]!) === word[i]) i++;
    if (i === length) return value;
  }
  return 0;
}

/** Lower case of an ASCII letter. */
export function fold(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
