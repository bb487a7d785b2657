import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import type { ContentEncoding } from '../../schema/index.js';
import { malformed, PayloadError } from '../errors.js';
import { unsnappy } from './snappy.js';
import { unzstd } from './zstd.js';

/** Undoes a Content-Encoding (RFC 9110, section 8.4.1). Never holds much more than `limit` bytes. */
export function decompress(body: Uint8Array, encoding: ContentEncoding, limit: number): Uint8Array {
  switch (encoding) {
    case 'identity':
      if (body.length > limit) throw tooLarge(limit);
      return body;
    case 'gzip':
      return zlib(gunzipSync, body, limit, gzipSizeHint(body));
    case 'deflate':
      // "deflate" means the zlib format, but some clients send the bare stream.
      return isZlibHeader(body)
        ? zlib(inflateSync, body, limit, body.length * 8)
        : zlib(inflateRawSync, body, limit, body.length * 8);
    case 'zstd':
      return unzstd(body, limit, () => tooLarge(limit));
    case 'snappy':
      return unsnappy(body, limit, () => tooLarge(limit));
    default:
      throw new PayloadError(
        'unsupported_encoding',
        `content encoding ${encoding as string} is not supported`,
      );
  }
}

/** Memory that `decompress` may take for its result. */
export function mostDecompressed(body: Uint8Array, encoding: ContentEncoding, limit: number): number {
  if (encoding === 'identity') return 0;
  return encoding === 'zstd' ? limit : Math.min(limit, body.length * maxRatio);
}

function tooLarge(limit: number): PayloadError {
  return new PayloadError(
    'too_large',
    `the decompressed body is larger than ${limit} bytes (CANARDSTACK_MAX_DECODED_BODY_BYTES)`,
  );
}

/** DEFLATE cannot expand more than this. */
const maxRatio = 1032;

/** The size that gzip's trailer claims, modulo 2^32 and of the last member only; saves joining small chunks. */
function gzipSizeHint(body: Uint8Array): number {
  const at = body.length - 4;
  if (at < 0) return 0;
  return (body[at]! | (body[at + 1]! << 8) | (body[at + 2]! << 16) | (body[at + 3]! << 24)) >>> 0;
}

function isZlibHeader(body: Uint8Array): boolean {
  const [cmf = 0, flags = 0] = body;
  return (cmf & 15) === 8 && cmf >> 4 <= 7 && ((cmf << 8) | flags) % 31 === 0;
}

function zlib(inflate: typeof gunzipSync, body: Uint8Array, limit: number, sizeHint: number): Uint8Array {
  const chunkSize = Math.max(1024, Math.min(sizeHint + 16, body.length * maxRatio, limit + 16));
  try {
    return inflate(body, { maxOutputLength: limit, chunkSize });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit);
    throw malformed(`the compressed body is damaged: ${message}`);
  }
}
