import { Frame, type Framed } from '../files/frame.js';
import type { FuseShape } from './fuse.js';
import { gramBytes, type Granule } from './granule.js';

/**
 * How an index lies in its data file: between the last column and the footer, where readers of Parquet read nothing that the
 * footer does not name, and moves nothing that it names. So whatever keeps, copies, checks or deletes the file does so with its index.
 *
 * It is a `Frame` of the row groups' grams and filters.
 */
interface Directory {
  /** Whose values it has, beside the tokens of lines. */
  readonly columns: readonly string[];
  /** In the order of the row groups. */
  readonly granules: readonly (Facts & { readonly filter: number; readonly fuse: FuseShape | null })[];
}

/** The same of earlier releases. */
interface BloomDirectory {
  readonly columns: readonly string[];
  readonly granules: readonly (Facts & { readonly bloom: number })[];
}

interface Facts {
  readonly rows: number;
  readonly longest: number;
  readonly longestWithDigit: number;
  readonly escapes: boolean;
}

export interface IndexedGranule extends Granule {
  readonly rows: number;
}

const mostBytes = 256 * 1024 * 1024;
const frame = new Frame<Directory>('CSTKIDX2', mostBytes);
const bloomFrame = new Frame<BloomDirectory>('CSTKIDX1', mostBytes);
export const { tailBytes } = frame;

export interface TokenIndex {
  readonly columns: readonly string[];
  readonly granules: readonly IndexedGranule[];
}

export function encodeIndex({ columns, granules }: TokenIndex): Buffer {
  const directory: Directory = {
    columns,
    granules: granules.map(({ grams: _, filter: { bytes, fuse }, ...facts }) => ({
      ...facts,
      filter: bytes.length,
      fuse,
    })),
  };
  return frame.encode(
    granules.flatMap(({ grams, filter }) => [grams, filter.bytes]),
    directory,
  );
}

/** Bytes of the whole index, from those that lie right before the footer; null: there is none. */
export function indexLength(before: Buffer): number | null {
  return frame.length(before) ?? bloomFrame.length(before);
}

/** Null when it is not whole. */
export function decodeIndex(bytes: Buffer): TokenIndex | null {
  if (bloomFrame.length(bytes) === null) return taken(frame.decode(bytes));
  const framed = bloomFrame.decode(bytes);
  if (framed === null) return null;
  const { columns, granules } = framed.directory;
  const filtered = granules.map(({ bloom, ...facts }) => ({ ...facts, filter: bloom, fuse: null }));
  return taken({ ...framed, directory: { columns, granules: filtered } });
}

function taken(framed: Framed<Directory> | null): TokenIndex | null {
  if (framed === null) return null;
  const { directory, contents } = framed;
  let at = 0;
  const take = (length: number) => contents.subarray(at, (at += length));
  const granules = directory.granules.map(({ filter, fuse, ...facts }) => ({
    ...facts,
    grams: take(gramBytes),
    filter: { bytes: take(filter), fuse },
  }));
  return { columns: directory.columns, granules };
}
