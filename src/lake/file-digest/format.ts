import { Frame } from '../files/frame.js';

/**
 * How a digest lies in its data file: right before the footer, behind the token index if there is one. Readers of Parquet read nothing
 * there, and it shares the file's life, checksum and name.
 *
 * It is a `Frame` of sections.
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

const frame = new Frame<Directory>('CSTKDIG1', 64 * 1024 * 1024);
export const digestTailBytes = frame.tailBytes;

/** Null for more than a reader takes. */
export function encodeDigest({ sections, ...facts }: FileDigest): Buffer | null {
  const list = [...sections.values()];
  const directory: Directory = {
    ...facts,
    sections: list.map(({ content, ...head }) => ({ ...head, bytes: content.length })),
  };
  const bytes = frame.encode(
    list.map(({ content }) => content),
    directory,
  );
  return bytes.length > frame.mostBytes ? null : bytes;
}

/** Bytes of the whole digest, from those that lie right before the footer; 0: there is none. */
export function digestLength(before: Buffer): number {
  return frame.length(before) ?? 0;
}

/** Null when it is not whole. */
export function decodeDigest(bytes: Buffer): FileDigest | null {
  const framed = frame.decode(bytes);
  if (framed === null) return null;
  const { sections, ...facts } = framed.directory;
  let at = 0;
  const read = sections.map(({ bytes: length, ...head }): [string, Section] => [
    head.name,
    { ...head, content: framed.contents.subarray(at, (at += length)) },
  ]);
  return { ...facts, sections: new Map(read) };
}
