import { crc32c } from '@node-rs/crc32';
import { gramBytes, type Granule } from './granule.js';

/**
 * How an index lies in its data file: between the last column and the footer, where readers of Parquet read nothing that the
 * footer does not name, and moves nothing that it names. So whatever keeps, copies, checks or deletes the file does so with its index.
 *
 *     granules | JSON of `Directory` | its length, 4 bytes | CRC-32C of both, 4 bytes | length of all before, 4 bytes | magic
 */
interface Directory {
  /** Whose values it has, beside the tokens of lines. */
  readonly columns: readonly string[];
  /** In the order of the row groups. */
  readonly granules: readonly {
    readonly rows: number;
    readonly bloom: number;
    readonly longest: number;
    readonly longestWithDigit: number;
    readonly escapes: boolean;
  }[];
}

export interface IndexedGranule extends Granule {
  readonly rows: number;
}

const magic = Buffer.from('CSTKIDX1');
export const tailBytes = 12 + magic.length;
/** What is longer is none of ours. */
const mostBytes = 256 * 1024 * 1024;

export interface TokenIndex {
  readonly columns: readonly string[];
  readonly granules: readonly IndexedGranule[];
}

export function encodeIndex({ columns, granules }: TokenIndex): Buffer {
  const directory: Directory = {
    columns,
    granules: granules.map(({ rows, bloom, longest, longestWithDigit, escapes }) => ({
      rows,
      bloom: bloom.length,
      longest,
      longestWithDigit,
      escapes,
    })),
  };
  const json = Buffer.from(JSON.stringify(directory));
  const body = Buffer.concat([...granules.flatMap(({ grams, bloom }) => [grams, bloom]), json]);
  const tail = Buffer.alloc(12);
  tail.writeUInt32LE(json.length, 0);
  tail.writeUInt32LE(crc32c(body), 4);
  tail.writeUInt32LE(body.length, 8);
  return Buffer.concat([body, tail, magic]);
}

/** Bytes of the whole index, from those that lie right before the footer; null: there is none. */
export function indexLength(before: Buffer): number | null {
  if (before.length < tailBytes || !before.subarray(-magic.length).equals(magic)) return null;
  const length = before.readUInt32LE(before.length - magic.length - 4) + tailBytes;
  return length <= mostBytes ? length : null;
}

/** Null when it is not whole. */
export function decodeIndex(bytes: Buffer): TokenIndex | null {
  const body = bytes.subarray(0, -tailBytes);
  const tail = bytes.subarray(-tailBytes);
  const json = tail.readUInt32LE(0);
  if (json > body.length || crc32c(body) !== tail.readUInt32LE(4)) return null;
  const directory = JSON.parse(body.subarray(body.length - json).toString()) as Directory;
  let at = 0;
  const take = (length: number) => body.subarray(at, (at += length));
  const granules = directory.granules.map(({ bloom, ...facts }) => ({
    ...facts,
    grams: take(gramBytes),
    bloom: take(bloom),
  }));
  return { columns: directory.columns, granules };
}
