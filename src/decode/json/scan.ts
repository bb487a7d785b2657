import { Char } from '../characters.js';
import { malformed, PayloadError } from '../errors.js';

/** An AnyValue level takes up to five levels of JSON, and 64 of them are allowed. */
const maxDepth = 400;
/** What an object, array or member takes once parsed, far more than on the wire. */
const nodeBytes = 48;
/** What a value takes in protobuf beside its text: a tag, and a length or 8 bytes. */
const wireBytes = 12;
/** Integers with more digits lose some of them as JS numbers. */
const maxExactDigits = 15;

/**
 * Checks the size of what parsing JSON text would build, without building it, and gives the text to parse:
 * integers too long for a JS number are put in quotes, as OTLP's JSON mapping has them.
 */
export function scanJson(bytes: Uint8Array, maxBytes: number, take: (bytes: number) => void): string {
  const maxNodes = Math.floor(maxBytes / nodeBytes);
  let depth = 0;
  let nodes = 0;
  let quoted: number[] | null = null;
  for (let pos = 0; pos < bytes.length;) {
    const byte = bytes[pos]!;
    if (byte === Char.quote) {
      pos = endOfString(bytes, pos);
      continue;
    }
    if (byte === Char.openBrace || byte === Char.openBracket) {
      if (++depth > maxDepth) throw malformed(`the JSON is nested deeper than ${maxDepth} levels`);
      nodes++;
    } else if (byte === Char.closeBrace || byte === Char.closeBracket) {
      depth--;
    } else if (byte === Char.comma || byte === Char.colon) {
      nodes++;
    } else if (byte === Char.minus || isDigit(byte)) {
      const end = endOfNumber(bytes, pos);
      if (end - pos > maxExactDigits && isInteger(bytes, pos, end)) (quoted ??= []).push(pos, end);
      pos = end;
      continue;
    }
    if (nodes > maxNodes) throw tooLarge(maxNodes, maxBytes);
    pos++;
  }
  take(nodes * (nodeBytes + wireBytes) + bytes.length * 3);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return quoted === null ? text.toString('utf8') : withQuotes(text, quoted);
}

function tooLarge(maxNodes: number, maxBytes: number): PayloadError {
  return new PayloadError(
    'too_large',
    `the JSON has more than ${maxNodes} values, which take more than ${maxBytes} bytes once parsed (CANARDSTACK_MAX_REQUEST_ROW_BYTES)`,
  );
}

function withQuotes(text: Buffer, ranges: readonly number[]): string {
  const parts: Buffer[] = [];
  const mark = Buffer.from('"');
  let done = 0;
  for (const at of ranges) {
    parts.push(text.subarray(done, at), mark);
    done = at;
  }
  parts.push(text.subarray(done));
  return Buffer.concat(parts).toString('utf8');
}

function endOfString(bytes: Uint8Array, pos: number): number {
  for (pos++; pos < bytes.length; pos++) {
    if (bytes[pos] === Char.backslash) pos++;
    else if (bytes[pos] === Char.quote) return pos + 1;
  }
  return pos;
}

function endOfNumber(bytes: Uint8Array, pos: number): number {
  while (pos < bytes.length) {
    const byte = bytes[pos]!;
    // Digits, sign, point and exponent.
    if (
      !isDigit(byte) &&
      byte !== Char.minus &&
      byte !== Char.plus &&
      byte !== Char.point &&
      byte !== Char.smallE &&
      byte !== Char.largeE
    )
      break;
    pos++;
  }
  return pos;
}

function isInteger(bytes: Uint8Array, pos: number, end: number): boolean {
  for (let i = bytes[pos] === Char.minus ? pos + 1 : pos; i < end; i++) if (!isDigit(bytes[i]!)) return false;
  return true;
}

function isDigit(byte: number): boolean {
  return byte >= Char.zero && byte <= Char.nine;
}
