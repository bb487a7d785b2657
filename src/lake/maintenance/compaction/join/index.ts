import { open, type FileHandle } from 'node:fs/promises';
import { parquetTail } from '../../../files/before-footer.js';
import { UnexpectedBytes } from './compact-protocol.js';
import { joinedFooter, movedFooter, type MovedFooter } from './footer.js';

/** The files can't be joined, as they are, and nothing was written. */
export class NotJoined extends Error {}

/** Of one file, by their keys. */
export type Notes = ReadonlyMap<string, string>;

const magic = Buffer.from('PAR1');
/** One of 200 row groups has 1 MB. */
const mostFooterBytes = 16 * 1024 * 1024;
const copyBytes = 1024 * 1024;

/**
 * Makes `output` of the row groups of `inputs` (local Parquet files), which are copied as they are, one file after the other, so that only the footer
 * is new; what is no part of Parquet is left out. Gives the number of rows. `notes` gives the file's notes from those of the inputs. Rejects with NotJoined
 * where an input is not as expected, or their schemas or writers differ, with what `notes` throws, and with the file system's error.
 */
export async function joinFiles(
  inputs: readonly string[],
  output: string,
  notes: (all: readonly Notes[]) => Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<number> {
  const footers: MovedFooter[] = [];
  let at = magic.length;
  let rowGroups = 0;
  for (const path of inputs) {
    const { bytes, footerAt } = await readFooter(path);
    const footer = asExpected(path, () => movedFooter(bytes, footerAt, { by: at - magic.length, rowGroups }));
    footers.push(footer);
    at += footer.dataEnd - magic.length;
    rowGroups += footer.rowGroups.length;
  }
  const all = notes(footers.map((footer) => footer.notes));
  const footer = asExpected(output, () => joinedFooter(footers, all));
  if (footer.length > mostFooterBytes) throw new NotJoined(`the footer would take ${footer.length} bytes`);
  const length = Buffer.alloc(parquetTail - magic.length);
  length.writeUInt32LE(footer.length);
  const to = await open(output, 'w');
  try {
    await to.appendFile(magic);
    for (const [i, path] of inputs.entries()) {
      signal?.throwIfAborted();
      await copy(path, magic.length, footers[i]?.dataEnd ?? 0, to);
    }
    await to.appendFile(Buffer.concat([footer, length, magic]));
  } finally {
    await to.close();
  }
  return footers.reduce((sum, { rows }) => sum + rows, 0);
}

function asExpected<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UnexpectedBytes)) throw error;
    throw new NotJoined(`${path}: ${error.message}`);
  }
}

async function readFooter(path: string): Promise<{ readonly bytes: Buffer; readonly footerAt: number }> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    if (size < magic.length + parquetTail) throw new NotJoined(`${path} has ${size} bytes`);
    const begin = await readAt(handle, 0, magic.length);
    const end = await readAt(handle, size - parquetTail, parquetTail);
    const length = end.readUInt32LE(0);
    const footerAt = size - parquetTail - length;
    const isParquet = begin.equals(magic) && end.subarray(-magic.length).equals(magic);
    if (!isParquet || length > mostFooterBytes || footerAt < magic.length) {
      throw new NotJoined(`${path} has no footer of a Parquet file`);
    }
    return { bytes: await readAt(handle, footerAt, length), footerAt };
  } finally {
    await handle.close();
  }
}

async function readAt(handle: FileHandle, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, from);
  if (bytesRead < length) throw new NotJoined(`${length - bytesRead} bytes are missing from ${from} on`);
  return bytes;
}

async function copy(path: string, from: number, until: number, to: FileHandle): Promise<void> {
  const handle = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(Math.min(copyBytes, until - from));
    for (let at = from; at < until;) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, until - at), at);
      if (bytesRead === 0) throw new Error(`${path} ends before ${until} bytes`);
      await to.appendFile(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await handle.close();
  }
}
