import { malformed } from '../errors.js';

const lineFeed = 0x0a;
const equals = 0x3d;

/** One field of an entry in the Journal Export Format (systemd.io/JOURNAL_EXPORT_FORMATS); positions in the bytes. */
export interface JournalField {
  readonly nameFrom: number;
  readonly nameTo: number;
  readonly valueFrom: number;
  readonly valueTo: number;
  /** Where what follows it begins. */
  readonly next: number;
}

/**
 * The field that begins at `pos`: `NAME=value` and a line feed, or the name on a line of its own, 64 bits of length, the value and a
 * line feed. 'entry' for the empty line behind an entry, null when the bytes end within the field. Throws PayloadError for a length
 * that no field has.
 */
export function journalField(bytes: Buffer, pos: number): JournalField | 'entry' | null {
  if (bytes[pos] === lineFeed) return 'entry';
  const lineEnd = bytes.indexOf(lineFeed, pos);
  if (lineEnd < 0) return null;
  const sign = bytes.subarray(pos, lineEnd).indexOf(equals);
  if (sign >= 0) {
    const nameTo = pos + sign;
    return { nameFrom: pos, nameTo, valueFrom: nameTo + 1, valueTo: lineEnd, next: lineEnd + 1 };
  }
  const valueFrom = lineEnd + 9;
  if (valueFrom > bytes.length) return null;
  const length = bytes.readUInt32LE(lineEnd + 1);
  if (bytes.readUInt32LE(lineEnd + 5) !== 0) {
    throw malformed(
      `the field of a journal's entry at byte ${pos} has neither = nor a length that is possible`,
    );
  }
  const valueTo = valueFrom + length;
  if (valueTo >= bytes.length) return null;
  if (bytes[valueTo] !== lineFeed) {
    throw malformed(`the field of a journal's entry at byte ${pos} does not end where its length says`);
  }
  return { nameFrom: pos, nameTo: lineEnd, valueFrom, valueTo, next: valueTo + 1 };
}

/** Where the last entry ends that is whole; 0 when none is. Throws PayloadError where no field can be. */
export function journalEntriesEnd(bytes: Buffer): number {
  let end = 0;
  for (let pos = 0; pos < bytes.length;) {
    const field = journalField(bytes, pos);
    if (field === null) break;
    if (field === 'entry') end = ++pos;
    else pos = field.next;
  }
  return end;
}
