import { ZSTDDecoder } from 'zstddec';
import { malformed, type PayloadError } from '../errors.js';

const maxBlockBytes = 128 * 1024;
const frameMagic = 0xfd2f_b528;
const skippableMagic = 0x184d_2a50;

const decoder = new ZSTDDecoder();

/** Must have resolved before `unzstd` is called. */
export async function loadZstd(): Promise<void> {
  await decoder.init();
}

/** Decompresses Zstandard frames (RFC 8878) into at most `limit` bytes. */
export function unzstd(body: Uint8Array, limit: number, tooLarge: () => PayloadError): Uint8Array {
  const { least, most } = frameSizes(body);
  if (least > limit) throw tooLarge();
  const room = Math.min(most, limit);
  if (room === 0) return new Uint8Array(0);
  const result = decoder.decode(body, room);
  // The decoder reports each failure as no output.
  if (result.length > 0) return result;
  throw most > limit ? tooLarge() : malformed('the compressed body is damaged: not valid zstd');
}

/**
 * Bounds of the decompressed size, from the headers of frames and blocks alone. A frame may leave its size
 * open; then a compressed block counts as 0 at least and 128 KiB at most.
 */
function frameSizes(body: Uint8Array): { least: number; most: number } {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let pos = 0;
  let least = 0;
  let most = 0;
  try {
    while (pos < body.length) {
      const magic = view.getUint32(pos, true);
      if ((magic & 0xffff_fff0) >>> 0 === skippableMagic) {
        pos += 8 + view.getUint32(pos + 4, true);
        continue;
      }
      if (magic !== frameMagic) throw malformed('the compressed body is damaged: not a zstd frame');
      const descriptor = view.getUint8(pos + 4);
      const single = (descriptor & 0x20) !== 0;
      const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
      pos += 5 + (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
      const size = sizeBytes === 0 ? -1 : contentSize(view, pos, sizeBytes);
      pos += sizeBytes;
      const blocks = blockSizes(view, pos);
      pos = blocks.end + ((descriptor & 4) !== 0 ? 4 : 0);
      least += size >= 0 ? size : blocks.least;
      most += size >= 0 ? size : blocks.most;
    }
  } catch (error) {
    if (error instanceof RangeError) throw malformed('the compressed body is damaged: it ends too early');
    throw error;
  }
  if (pos !== body.length) throw malformed('the compressed body is damaged: it ends too early');
  return { least, most };
}

function contentSize(view: DataView, pos: number, bytes: number): number {
  switch (bytes) {
    case 1:
      return view.getUint8(pos);
    case 2:
      return view.getUint16(pos, true) + 256;
    case 4:
      return view.getUint32(pos, true);
    default:
      return Number(view.getBigUint64(pos, true));
  }
}

function blockSizes(view: DataView, pos: number): { least: number; most: number; end: number } {
  let least = 0;
  let most = 0;
  for (;;) {
    const header = view.getUint16(pos, true) | (view.getUint8(pos + 2) << 16);
    const size = header >> 3;
    const type = (header >> 1) & 3;
    pos += 3 + (type === 1 ? 1 : size);
    if (type === 3) throw malformed('the compressed body is damaged: unknown zstd block');
    least += type === 2 ? 0 : size;
    most += type === 2 ? maxBlockBytes : size;
    if ((header & 1) === 1) return { least, most, end: pos };
  }
}
