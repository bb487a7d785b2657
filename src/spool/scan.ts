import type { FileHandle } from 'node:fs/promises';
import { decodeHeader, payloadOf, recordCrc, recordHeaderBytes, recordMagic } from './record.js';
import { segmentOffset } from './segment.js';
import type { SpoolEntry } from './types.js';

/** Bytes read ahead; a larger body is read straight into its own buffer. */
const windowBytes = 1024 * 1024;

export interface ScanOptions {
  readonly handle: FileHandle;
  /** Start position of the segment. */
  readonly start: number;
  readonly from: number;
  readonly to: number;
  readonly seed: number;
}

export type Scanned =
  | { readonly kind: 'record'; readonly entry: SpoolEntry }
  /** No valid record starts in [start, end). */
  | { readonly kind: 'gap'; readonly start: number; readonly end: number };

/**
 * Records of one segment in [from, to), each verified by its CRC. After bytes that are no valid record it goes on
 * at the next valid one and reports the stretch between. Memory: one read-ahead window and one body.
 */
export async function* scanSegment(options: ScanOptions): AsyncGenerator<Scanned, void, undefined> {
  const { to } = options;
  const window = new ReadWindow(options);
  let position = options.from;
  while (position < to) {
    let entry = await recordAt(position, window, options);
    if (!entry) {
      entry = await nextRecord(position + 1, window, options);
      yield { kind: 'gap', start: position, end: entry?.start ?? to };
      if (!entry) return;
    }
    yield { kind: 'record', entry };
    position = entry.end;
  }
}

async function recordAt(
  position: number,
  window: ReadWindow,
  { to, seed }: ScanOptions,
): Promise<SpoolEntry | null> {
  if (position + recordHeaderBytes > to) return null;
  const view = await window.view(position, recordHeaderBytes);
  const header = decodeHeader(view, position);
  if (!header) return null;
  const end = position + recordHeaderBytes + header.bodyLength;
  if (end > to) return null;
  // The window moves while the body is read.
  const headerBytes = Buffer.from(view.subarray(0, recordHeaderBytes));
  const body = new Uint8Array(Buffer.allocUnsafeSlow(header.bodyLength).buffer);
  if (!(await window.copy(position + recordHeaderBytes, body))) return null;
  if (recordCrc(headerBytes, body, seed) !== header.crc) return null;
  return { start: position, end, payload: payloadOf(header, body) };
}

async function nextRecord(
  from: number,
  window: ReadWindow,
  options: ScanOptions,
): Promise<SpoolEntry | null> {
  let position = from;
  while (position + recordHeaderBytes <= options.to) {
    const view = await window.view(position, recordHeaderBytes);
    if (view.length < recordHeaderBytes) return null;
    const found = view.indexOf(recordMagic);
    if (found < 0) {
      position += view.length - recordMagic.length + 1;
      continue;
    }
    position += found;
    const entry = await recordAt(position, window, options);
    if (entry) return entry;
    position++;
  }
  return null;
}

class ReadWindow {
  readonly #buffer: Buffer;
  /** Position of the buffer's first byte, and how many bytes it holds. */
  #at = 0;
  #length = 0;

  constructor(private readonly options: ScanOptions) {
    const size = Math.max(recordHeaderBytes, Math.min(windowBytes, options.to - options.from));
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }

  /** What is known from `position` on, at least `least` bytes unless the file ends. Valid until the next call. */
  async view(position: number, least: number): Promise<Buffer> {
    if (position < this.#at || position + least > this.#at + this.#length) {
      this.#at = position;
      this.#length = 0;
      this.#length = await this.#read(this.#buffer, position);
    }
    return this.#buffer.subarray(position - this.#at, this.#length);
  }

  /** Fills `target` from `position` on; false when the file ends before. */
  async copy(position: number, target: Uint8Array): Promise<boolean> {
    let done = 0;
    if (position >= this.#at && position < this.#at + this.#length) {
      const from = position - this.#at;
      done = Math.min(target.length, this.#length - from);
      target.set(this.#buffer.subarray(from, from + done));
    }
    if (done === target.length) return true;
    const rest = target.subarray(done);
    if (rest.length >= this.#buffer.length) return (await this.#read(rest, position + done)) === rest.length;
    const view = await this.view(position + done, rest.length);
    if (view.length < rest.length) return false;
    rest.set(view.subarray(0, rest.length));
    return true;
  }

  async #read(target: Uint8Array, position: number): Promise<number> {
    const { handle, to } = this.options;
    const wanted = Math.min(target.length, to - position);
    let done = 0;
    while (done < wanted) {
      const offset = segmentOffset(this.options, position + done);
      const { bytesRead } = await handle.read(target, done, wanted - done, offset);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }
}
