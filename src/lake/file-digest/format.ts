import { crc32c } from '@node-rs/crc32';

/**
 * How a digest lies in its data file: right before the footer, behind the token index if there is one. Readers of Parquet read nothing
 * there, and it shares the file's life, checksum and name.
 *
 *     sections | JSON of `Directory` | its length, 4 bytes | CRC-32C of both, 4 bytes | length of all before, 4 bytes | magic
 */
interface Directory {
  /** What `times` and `mixed` are made by; those that are made by something else are none. */
  readonly madeBy: string;
  readonly rows: number;
  /** Nanoseconds since the epoch as text, of the first and the last record; null where some has no time. */
  readonly times: readonly [first: string, last: string] | null;
  /** Names of the file's columns. */
  readonly columns: readonly string[];
  /** Columns of attributes that have values which their readers do not expect. */
  readonly mixed: readonly string[];
  readonly sections: readonly SectionHead[];
}

interface SectionHead {
  readonly name: string;
  /** What it is made by; one that is made by something else is none. */
  readonly madeBy: string;
  readonly entries: number;
  readonly bytes: number;
}

export interface Section extends Omit<SectionHead, 'bytes'> {
  readonly content: Buffer;
}

export interface FileDigest extends Omit<Directory, 'sections'> {
  readonly sections: ReadonlyMap<string, Section>;
}

/** Of spans: the trace ids as they are kept, 32 bits each, in the order of this machine, which is that of all that DuckDB runs on. */
export const traceIds = { name: 'trace_ids', madeBy: 'last 32 bits, sorted' } as const;

const magic = Buffer.from('CSTKDIG1');
export const digestTailBytes = 12 + magic.length;
/** What is longer is none of ours. */
const mostBytes = 64 * 1024 * 1024;

/** Null for more than a reader takes. */
export function encodeDigest({ sections, ...facts }: FileDigest): Buffer | null {
  const list = [...sections.values()];
  const directory: Directory = {
    ...facts,
    sections: list.map(({ content, ...head }) => ({ ...head, bytes: content.length })),
  };
  const json = Buffer.from(JSON.stringify(directory));
  const body = Buffer.concat([...list.map(({ content }) => content), json]);
  if (body.length + digestTailBytes > mostBytes) return null;
  const tail = Buffer.alloc(12);
  tail.writeUInt32LE(json.length, 0);
  tail.writeUInt32LE(crc32c(body), 4);
  tail.writeUInt32LE(body.length, 8);
  return Buffer.concat([body, tail, magic]);
}

/** Bytes of the whole digest, from those that lie right before the footer; 0: there is none. */
export function digestLength(before: Buffer): number {
  if (before.length < digestTailBytes || !before.subarray(-magic.length).equals(magic)) return 0;
  const length = before.readUInt32LE(before.length - magic.length - 4) + digestTailBytes;
  return length <= mostBytes ? length : 0;
}

/** Null when it is not whole. */
export function decodeDigest(bytes: Buffer): FileDigest | null {
  const body = bytes.subarray(0, -digestTailBytes);
  const tail = bytes.subarray(-digestTailBytes);
  const json = tail.readUInt32LE(0);
  if (json > body.length || crc32c(body) !== tail.readUInt32LE(4)) return null;
  const { sections, ...facts } = JSON.parse(body.subarray(body.length - json).toString()) as Directory;
  let at = 0;
  const read = sections.map(({ bytes: length, ...head }): [string, Section] => [
    head.name,
    { ...head, content: body.subarray(at, (at += length)) },
  ]);
  return { ...facts, sections: new Map(read) };
}
