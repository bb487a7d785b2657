import { Frame } from '../files/frame.js';
import { gramBytes, type Granule } from './granule.js';

/**
 * How an index lies in its data file: between the last column and the footer, where readers of Parquet read nothing that the
 * footer does not name, and moves nothing that it names. So whatever keeps, copies, checks or deletes the file does so with its index.
 *
 * It is a `Frame` of the row groups' grams and Bloom filters.
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

const frame = new Frame<Directory>('CSTKIDX1', 256 * 1024 * 1024);
export const { tailBytes } = frame;

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
  return frame.encode(
    granules.flatMap(({ grams, bloom }) => [grams, bloom]),
    directory,
  );
}

/** Bytes of the whole index, from those that lie right before the footer; null: there is none. */
export function indexLength(before: Buffer): number | null {
  return frame.length(before);
}

/** Null when it is not whole. */
export function decodeIndex(bytes: Buffer): TokenIndex | null {
  const framed = frame.decode(bytes);
  if (framed === null) return null;
  const { directory, contents } = framed;
  let at = 0;
  const take = (length: number) => contents.subarray(at, (at += length));
  const granules = directory.granules.map(({ bloom, ...facts }) => ({
    ...facts,
    grams: take(gramBytes),
    bloom: take(bloom),
  }));
  return { columns: directory.columns, granules };
}
