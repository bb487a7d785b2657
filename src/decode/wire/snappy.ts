import { crc32c } from '@node-rs/crc32';
import { uncompressSync } from 'snappy';
import { malformed, type PayloadError } from '../errors.js';

/** The framing format's stream identifier, with which it begins. */
const identifier = Buffer.from('\xff\x06\x00\x00sNaPpY', 'latin1');
const checksumBytes = 4;
const maxChunkBytes = 65_536;
/** The densest element of a block is a copy: 3 bytes for 64. */
const maxRatio = 22;

const compressedChunk = 0x00;
const plainChunk = 0x01;
const identifierChunk = 0xff;

/**
 * Decompresses Snappy into at most `limit` bytes. "snappy" stands for both of its formats: the Collector sends frames
 * (google/snappy, framing_format.txt), others a bare block (format_description.txt); frames are told by their beginning.
 */
export function unsnappy(body: Uint8Array, limit: number, tooLarge: () => PayloadError): Uint8Array {
  if (!identifier.equals(body.subarray(0, identifier.length))) return unblock(body, limit, tooLarge);
  let length = 0;
  for (const chunk of chunks(body)) {
    length += chunk.compressed ? blockLength(chunk.data) : chunk.data.length;
    if (length > limit) throw tooLarge();
  }
  const result = new Uint8Array(length);
  let at = 0;
  for (const { compressed, checksum, data } of chunks(body)) {
    const plain = compressed ? unblock(data, maxChunkBytes, tooLongChunk) : data;
    if (plain.length > maxChunkBytes) throw tooLongChunk();
    if (maskedChecksum(plain) !== checksum) throw damaged('a checksum does not match');
    result.set(plain, at);
    at += plain.length;
  }
  return result;
}

interface Chunk {
  readonly compressed: boolean;
  readonly checksum: number;
  readonly data: Uint8Array;
}

function* chunks(body: Uint8Array): Generator<Chunk> {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  for (let pos = 0; pos < body.length;) {
    if (pos + 4 > body.length) throw damaged('it ends too early');
    const type = view.getUint8(pos);
    const start = pos + 4;
    const end = start + (view.getUint32(pos, true) >>> 8);
    if (end > body.length) throw damaged('it ends too early');
    pos = end;
    if (type === compressedChunk || type === plainChunk) {
      if (end - start < checksumBytes) throw damaged('a chunk is too short');
      yield {
        compressed: type === compressedChunk,
        checksum: view.getUint32(start, true),
        data: body.subarray(start + checksumBytes, end),
      };
    } else if (type === identifierChunk) {
      if (!identifier.equals(body.subarray(start - 4, end))) throw damaged('not a stream identifier');
    } else if (type < 0x80) throw damaged(`unknown chunk of type ${type}`);
  }
}

function unblock(block: Uint8Array, limit: number, tooLarge: () => PayloadError): Uint8Array {
  const length = blockLength(block);
  if (length > limit) throw tooLarge();
  if (length > block.length * maxRatio) throw damaged('it cannot be as long as it says');
  if (length === 0 && block.length === 1) return new Uint8Array(0);
  let plain: Uint8Array;
  try {
    plain = uncompressSync(Buffer.from(block.buffer, block.byteOffset, block.byteLength)) as Buffer;
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error));
  }
  if (plain.length !== length) throw damaged('it is not as long as it says');
  return plain;
}

/** The uncompressed length that a block begins with. */
function blockLength(block: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i];
    if (byte === undefined) throw damaged('it ends too early');
    length += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return length;
  }
  throw damaged('a length is too long');
}

function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282_ead8) >>> 0;
}

function tooLongChunk(): PayloadError {
  return damaged(`a chunk has more than ${maxChunkBytes} bytes`);
}

function damaged(why: string): PayloadError {
  return malformed(`the compressed body is damaged: not valid snappy: ${why}`);
}
