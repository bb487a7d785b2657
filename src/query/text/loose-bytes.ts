/** Characters of UTF-8, and single bytes that belong to none, of a text that has a character for each byte. */
const character =
  // eslint-disable-next-line no-control-regex
  /[\x00-\x7f]+|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

const firstLoose = 0xdc00;

/** UTF-8 as text; each byte that is part of no character comes as a surrogate of its own, 0xDC00 above it. */
export function textOfBytes(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(character, (part) =>
      part.length === 1 && part >= '\x80'
        ? String.fromCharCode(firstLoose + part.charCodeAt(0))
        : Buffer.from(part, 'latin1').toString('utf8'),
    );
}

/** The byte that a surrogate stands for; undefined for any other character. */
export function looseByte(char: string): number | undefined {
  const code = char.charCodeAt(0);
  return char.length === 1 && code >= firstLoose + 0x80 && code <= firstLoose + 0xff
    ? code - firstLoose
    : undefined;
}

/** Whether all of a text is made of characters. */
export function hasNoLooseBytes(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** With U+FFFD for bytes that are part of no character, as JSON of Go has it. */
export function withoutLooseBytes(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
