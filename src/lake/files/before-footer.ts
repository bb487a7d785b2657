import { open } from 'node:fs/promises';

/** The length of a footer and the magic, at the end of a Parquet file. */
export const parquetTail = 8;

/** Puts bytes between the last column and the footer of a local Parquet file, behind those put there before. Rejects with the file system's error. */
export async function putBeforeFooter(path: string, bytes: Buffer): Promise<void> {
  const handle = await open(path, 'a+');
  try {
    const { size } = await handle.stat();
    const end = Buffer.alloc(parquetTail);
    await handle.read(end, 0, parquetTail, size - parquetTail);
    const footer = Buffer.alloc(end.readUInt32LE(0) + parquetTail);
    await handle.read(footer, 0, footer.length, size - footer.length);
    await handle.truncate(size - footer.length);
    await handle.appendFile(Buffer.concat([bytes, footer]));
  } finally {
    await handle.close();
  }
}
