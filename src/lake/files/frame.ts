import { crc32c } from '@node-rs/crc32';

/** Of its end: three numbers of 4 bytes, and the magic. */
const numbersBytes = 12;

/** What a frame holds. */
export interface Framed<D> {
  readonly directory: D;
  /** All contents, one behind the other. */
  readonly contents: Buffer;
}

/**
 * Something of our own in a data file, which is found from its end:
 *
 *     contents | JSON of a directory | its length, 4 bytes | CRC-32C of both, 4 bytes | length of both, 4 bytes | magic
 */
export class Frame<D> {
  /** Bytes by which one is found. */
  readonly tailBytes: number;
  readonly #magic: Buffer;

  /** `mostBytes`: what is longer is none of ours. */
  constructor(
    magic: string,
    readonly mostBytes: number,
  ) {
    this.#magic = Buffer.from(magic);
    this.tailBytes = numbersBytes + this.#magic.length;
  }

  encode(contents: readonly Uint8Array[], directory: D): Buffer {
    const json = Buffer.from(JSON.stringify(directory));
    const body = Buffer.concat([...contents, json]);
    const numbers = Buffer.alloc(numbersBytes);
    numbers.writeUInt32LE(json.length, 0);
    numbers.writeUInt32LE(crc32c(body), 4);
    numbers.writeUInt32LE(body.length, 8);
    return Buffer.concat([body, numbers, this.#magic]);
  }

  /** Bytes of the whole frame, from those that lie right before its end; null: there is none. */
  length(before: Buffer): number | null {
    const magic = this.#magic;
    if (before.length < this.tailBytes || !before.subarray(-magic.length).equals(magic)) return null;
    const length = before.readUInt32LE(before.length - magic.length - 4) + this.tailBytes;
    return length <= this.mostBytes ? length : null;
  }

  /** Null when it is not whole. */
  decode(bytes: Buffer): Framed<D> | null {
    const body = bytes.subarray(0, -this.tailBytes);
    const tail = bytes.subarray(-this.tailBytes);
    const json = tail.readUInt32LE(0);
    if (json > body.length || crc32c(body) !== tail.readUInt32LE(4)) return null;
    const contents = body.subarray(0, body.length - json);
    const directory = parsed(body.subarray(contents.length));
    return directory === null ? null : { directory: directory as D, contents };
  }
}

/** Null when it is no object from its first byte to the last: no checksum tells where it begins. */
function parsed(json: Buffer): unknown {
  if (json[0] !== 0x7b) return null;
  try {
    return JSON.parse(json.toString());
  } catch {
    return null;
  }
}
