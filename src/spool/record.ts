/**
 * The record format: a 48-byte little-endian header, then what `limits` says, then the body as received.
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
 * The CRC starts from a seed made of the stream id, and the header names its own logical position, so bytes of
 * another stream, of another place or inside a body that merely look like a record are never taken for one.
 */
import { crc32c } from '@node-rs/crc32';
import type { ContentEncoding, DecodeLimits, Payload, PayloadFormat } from '../schema/index.js';

export const recordHeaderBytes = 48;
export const recordMagic = Buffer.from([0xc5, 0x52, 0x45, 0x43]);

const formats: readonly PayloadFormat[] = ['protobuf', 'json'];
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
  readonly meta: Omit<Payload, 'body' | 'limits'>;
}

export function streamSeed(streamId: string): number {
  return crc32c(streamId);
}

/** Throws RangeError when a time does not fit a signed 64-bit integer. */
export function encodeFrame(payload: Payload, seed: number): Frame {
  const { limits } = payload;
  const header = Buffer.alloc(recordHeaderBytes + (limits ? limitsBytes : 0));
  recordMagic.copy(header, 0);
  header.writeUInt32LE(header.length - recordHeaderBytes + payload.body.byteLength, 4);
  header.writeUInt8(formats.indexOf(payload.format) | (limits ? limitsFlag : 0), 8);
  header.writeUInt8(encodings.indexOf(payload.encoding), 9);
  header.writeBigInt64LE(payload.receivedAtNs, 16);
  header.writeBigInt64LE(payload.minTimeNs, 24);
  header.writeBigInt64LE(payload.maxTimeNs, 32);
  if (limits) {
    for (const [i, name] of limitNames.entries())
      header.writeDoubleLE(limits[name], recordHeaderBytes + i * 8);
  }
  const limitsCrc = limits ? crc32c(header.subarray(recordHeaderBytes), seed) : seed;
  return {
    header,
    body: payload.body,
    bodyCrc: crc32c(payload.body, limitsCrc),
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
  const format = formats[flags & ~limitsFlag];
  const encoding = encodings[bytes.readUInt8(9)];
  if (!format || !encoding) return null;
  if (hasLimits && bytes.readUInt32LE(4) < limitsBytes) return null;
  return {
    position,
    bodyLength: bytes.readUInt32LE(4),
    crc: bytes.readUInt32LE(crcOffset),
    hasLimits,
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
export function payloadOf({ meta, hasLimits }: RecordHeader, rest: Uint8Array): Payload {
  if (!hasLimits) return { ...meta, body: rest };
  const view = new DataView(rest.buffer, rest.byteOffset, limitsBytes);
  const limits = Object.fromEntries(limitNames.map((name, i) => [name, view.getFloat64(i * 8, true)]));
  return { ...meta, limits: limits as unknown as DecodeLimits, body: rest.subarray(limitsBytes) };
}

export function recordCrc(header: Uint8Array, body: Uint8Array, seed: number): number {
  return crc32c(header.subarray(0, crcOffset), crc32c(body, seed));
}
