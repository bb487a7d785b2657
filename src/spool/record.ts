/**
 * The record format: a 48-byte little-endian header, then what `limits` says, the format's name, and the body as received.
 *
 *     0  u32  magic            16  i64  receivedAtNs
 *     4  u32  bytes after it   24  i64  minTimeNs
 *     8  u8   format, flags    32  i64  maxTimeNs
 *     9  u8   encoding         40  u32  reserved, 0
 *    10  u48  position         44  u32  CRC32C over what follows, then header bytes 0-43
 *
 * When the format has the flag 0x80, the limits in force at receipt stand before the body, as five doubles in the
 * order of `limitNames`. Records of older versions have none.
 *
 * Format 2 is one that has a name: before the body stand a u16 length and as many bytes of UTF-8, the name, and behind a
 * line feed what the request said beside its body.
 *
 * The CRC starts from a seed made of the stream id, and the header names its own logical position, so bytes of
 * another stream, of another place or inside a body that merely look like a record are never taken for one.
 */
import { crc32c } from '@node-rs/crc32';
import type { ContentEncoding, DecodeLimits, Payload, PayloadFormat } from '../schema/index.js';

export const recordHeaderBytes = 48;
export const recordMagic = Buffer.from([0xc5, 0x52, 0x45, 0x43]);

const formats: readonly PayloadFormat[] = ['protobuf', 'json'];
const named = formats.length;
const nameLengthBytes = 2;
const encodings: readonly ContentEncoding[] = ['identity', 'gzip', 'deflate', 'zstd', 'snappy'];
export const crcOffset = 44;
const limitsFlag = 0x80;
const limitNames = [
  'maxDecodedBodyBytes',
  'maxRequestRecords',
  'maxRequestRowBytes',
  'maxRecordBytes',
  'maxRecordElements',
] as const satisfies readonly (keyof DecodeLimits)[];
const limitsBytes = limitNames.length * 8;

/** A payload made ready at append time; `placeFrame` completes the header once the position is known. */
export interface Frame {
  readonly header: Buffer;
  readonly body: Uint8Array;
  readonly bodyCrc: number;
  readonly bytes: number;
}

export interface RecordHeader {
  readonly position: number;
  /** Bytes after the header. */
  readonly bodyLength: number;
  readonly crc: number;
  readonly hasLimits: boolean;
  readonly hasName: boolean;
  /** The format is '' when the record has its name. */
  readonly meta: Omit<Payload, 'body' | 'limits' | 'parameters'>;
}

export function streamSeed(streamId: string): number {
  return crc32c(streamId);
}

/** The name of a format that has no number, with its length; empty for the others. */
function nameOf({ format, parameters }: Payload): Buffer {
  if (formats.includes(format) && parameters === undefined) return Buffer.alloc(0);
  const name = Buffer.from(parameters === undefined ? format : `${format}\n${parameters}`);
  const length = Buffer.alloc(nameLengthBytes);
  length.writeUInt16LE(name.length);
  return Buffer.concat([length, name]);
}

/** Throws RangeError when a time does not fit a signed 64-bit integer, or the parameters 65,000 bytes. */
export function encodeFrame(payload: Payload, seed: number): Frame {
  const { limits } = payload;
  const name = nameOf(payload);
  const nameAt = recordHeaderBytes + (limits ? limitsBytes : 0);
  const header = Buffer.alloc(nameAt + name.length);
  name.copy(header, nameAt);
  recordMagic.copy(header, 0);
  header.writeUInt32LE(header.length - recordHeaderBytes + payload.body.byteLength, 4);
  header.writeUInt8(
    (name.length > 0 ? named : formats.indexOf(payload.format)) | (limits ? limitsFlag : 0),
    8,
  );
  header.writeUInt8(encodings.indexOf(payload.encoding), 9);
  header.writeBigInt64LE(payload.receivedAtNs, 16);
  header.writeBigInt64LE(payload.minTimeNs, 24);
  header.writeBigInt64LE(payload.maxTimeNs, 32);
  if (limits) {
    for (const [i, name] of limitNames.entries())
      header.writeDoubleLE(limits[name], recordHeaderBytes + i * 8);
  }
  const restCrc = header.length > recordHeaderBytes ? crc32c(header.subarray(recordHeaderBytes), seed) : seed;
  return {
    header,
    body: payload.body,
    bodyCrc: crc32c(payload.body, restCrc),
    bytes: header.length + payload.body.byteLength,
  };
}

/** May be called again with another position when the write before failed. */
export function placeFrame(frame: Frame, position: number): void {
  frame.header.writeUIntLE(position, 10, 6);
  frame.header.writeUInt32LE(crc32c(frame.header.subarray(0, crcOffset), frame.bodyCrc), crcOffset);
}

/** The header at the start of `bytes`, or null when these bytes can't be the header of a record at `position`. */
export function decodeHeader(bytes: Buffer, position: number): RecordHeader | null {
  if (bytes.length < recordHeaderBytes || bytes.compare(recordMagic, 0, 4, 0, 4) !== 0) return null;
  if (bytes.readUIntLE(10, 6) !== position) return null;
  const flags = bytes.readUInt8(8);
  const hasLimits = (flags & limitsFlag) !== 0;
  const hasName = (flags & ~limitsFlag) === named;
  const format = hasName ? '' : formats[flags & ~limitsFlag];
  const encoding = encodings[bytes.readUInt8(9)];
  if (format === undefined || !encoding) return null;
  const before = (hasLimits ? limitsBytes : 0) + (hasName ? nameLengthBytes : 0);
  if (bytes.readUInt32LE(4) < before) return null;
  return {
    position,
    bodyLength: bytes.readUInt32LE(4),
    crc: bytes.readUInt32LE(crcOffset),
    hasLimits,
    hasName,
    meta: {
      format,
      encoding,
      receivedAtNs: bytes.readBigInt64LE(16),
      minTimeNs: bytes.readBigInt64LE(24),
      maxTimeNs: bytes.readBigInt64LE(32),
    },
  };
}

/** Bytes after the header that a record at `position` says it has; null when these bytes are no header of one. */
export function lengthIn(header: Buffer, position: number): number | null {
  const isOne = header.compare(recordMagic, 0, 4, 0, 4) === 0 && header.readUIntLE(10, 6) === position;
  return isOne ? header.readUInt32LE(4) : null;
}

/** `header` with what the place of a record tells of it: magic, length and position. */
export function headerAt(header: Buffer, position: number, length: number): Buffer {
  const placed = Buffer.from(header);
  recordMagic.copy(placed, 0);
  placed.writeUInt32LE(length, 4);
  placed.writeUIntLE(position, 10, 6);
  return placed;
}

/** The payload of a record whose CRC is right; `rest` is what follows the header, alone in its memory. */
export function payloadOf({ meta, hasLimits, hasName }: RecordHeader, rest: Uint8Array): Payload {
  const limits = hasLimits ? { limits: limitsIn(rest) } : {};
  const body = hasLimits ? rest.subarray(limitsBytes) : rest;
  if (!hasName) return { ...meta, ...limits, body };
  const length = new DataView(body.buffer, body.byteOffset, nameLengthBytes).getUint16(0, true);
  const end = nameLengthBytes + length;
  const name = Buffer.from(body.subarray(nameLengthBytes, end)).toString('utf8');
  const feed = name.indexOf('\n');
  const format = feed < 0 ? name : name.slice(0, feed);
  const parameters = feed < 0 ? {} : { parameters: name.slice(feed + 1) };
  return { ...meta, format, ...parameters, ...limits, body: body.subarray(end) };
}

function limitsIn(rest: Uint8Array): DecodeLimits {
  const view = new DataView(rest.buffer, rest.byteOffset, limitsBytes);
  const limits = Object.fromEntries(limitNames.map((name, i) => [name, view.getFloat64(i * 8, true)]));
  return limits as unknown as DecodeLimits;
}

export function recordCrc(header: Uint8Array, body: Uint8Array, seed: number): number {
  return crc32c(header.subarray(0, crcOffset), crc32c(body, seed));
}
