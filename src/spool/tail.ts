import { crc32c } from '@node-rs/crc32';
import { crcOffset, headerAt, lengthIn, recordHeaderBytes } from './record.js';
import type { ScanOptions } from './scan.js';
import { segmentOffset } from './segment.js';

/** In which a file system writes: what a write that was cut short did not reach is zeros, or behind the end of the file. */
const pageBytes = 4096;
/** Zeros at the end of a file's last page that may as well be a record's own. */
const ownZeros = 64;
const chunkBytes = 1024 * 1024;

type Stretch = Pick<ScanOptions, 'handle' | 'start' | 'seed' | 'from' | 'to'>;

/**
 * Of a stretch at the end of a stream without a valid record: where the records in it end that were written whole, which so may
 * have been acknowledged, and are damaged. From there on it is a write cut short, of which nothing was acknowledged. A damaged
 * record with a page of zeros in its body can't be told from that.
 */
export async function endOfDamaged(stretch: Stretch): Promise<number> {
  const { to } = stretch;
  let position = stretch.from;
  while (position + recordHeaderBytes <= to) {
    const rest = { ...stretch, from: position };
    const header = await headerOf(rest);
    if (await isRecord(rest, header)) return to;
    const length = lengthIn(header, position);
    const end = position + recordHeaderBytes + (length ?? Infinity);
    if (end > to || (await hasUnwrittenPage({ ...rest, to: end }))) break;
    position = end;
  }
  return position;
}

async function headerOf(stretch: Stretch): Promise<Buffer> {
  for await (const bytes of chunks({ ...stretch, to: stretch.from + recordHeaderBytes })) return bytes;
  return Buffer.alloc(recordHeaderBytes);
}

/** With the right magic, length and position the checksum is right: one of them is what is damaged. */
async function isRecord({ from, to, ...file }: Stretch, header: Buffer): Promise<boolean> {
  const placed = headerAt(header, from, to - from - recordHeaderBytes);
  let crc = file.seed;
  for await (const bytes of chunks({ ...file, from: from + recordHeaderBytes, to })) crc = crc32c(bytes, crc);
  return crc32c(placed.subarray(0, crcOffset), crc) === header.readUInt32LE(crcOffset);
}

async function hasUnwrittenPage(stretch: Stretch): Promise<boolean> {
  let position = stretch.from;
  for await (const bytes of chunks(stretch)) {
    for (let at = 0; at < bytes.length;) {
      const page = Math.min(
        bytes.length - at,
        pageBytes - (segmentOffset(stretch, position + at) % pageBytes),
      );
      if (page > ownZeros && bytes.subarray(at, at + page).every((byte) => byte === 0)) return true;
      at += page;
    }
    position += bytes.length;
  }
  return false;
}

/** Ends early where the file does. Each chunk but the last ends with a page. */
async function* chunks(stretch: Stretch): AsyncGenerator<Buffer> {
  const { handle, to } = stretch;
  let position = stretch.from;
  while (position < to) {
    const offset = segmentOffset(stretch, position);
    const wanted = Math.min(chunkBytes - (offset % pageBytes), to - position);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted), 0, wanted, offset);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
}
