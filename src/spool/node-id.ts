import { randomUUID } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDurably } from '../durable/index.js';
import { listSegments, readSegmentHeader } from './segment.js';
import { SpoolOpenError } from './types.js';

const pattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The node's id, made once for each spool folder. When its file is lost, the segments still name it: with a new
 * id their records would be replayed under a stream whose watermark is unknown, and so be there twice.
 */
export async function nodeIdOf(folder: string, streamFolders: readonly string[]): Promise<string> {
  const path = join(folder, 'node-id');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  const stored = text?.trim() ?? '';
  if (pattern.test(stored)) return stored;
  const named = await idInSegments(streamFolders);
  if (text !== null && named === null)
    throw new SpoolOpenError(`${path} holds no node id (a lower-case UUID), and no segment names one`);
  const id = named ?? randomUUID();
  await replaceDurably(path, `${id}\n`);
  return id;
}

async function idInSegments(streamFolders: readonly string[]): Promise<string | null> {
  for (const folder of streamFolders) {
    for (const { path } of await listSegments(folder)) {
      const handle = await open(path, 'r');
      const header = await readSegmentHeader(handle, path).finally(() => handle.close());
      const id = header?.streamId.split('/')[0];
      if (id && pattern.test(id)) return id;
    }
  }
  return null;
}
