import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDurably } from '../durable/index.js';

/** Far more starts than lie between two commits of a node. */
const kept = 1000;

/** One run of a process on a spool folder. */
export interface RunId {
  readonly id: string;
  /** The runs before it, on this folder or on the one that it is a copy of. */
  readonly predecessors: ReadonlySet<string>;
}

/**
 * Begins a run: its id is in the folder, durably, before anything is committed under it. Two servers on copies of one
 * folder have the same node id, but from their starts on each has ids that the other does not know.
 */
export async function beginRun(folder: string): Promise<RunId> {
  const path = join(folder, 'incarnations');
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const before = text.split('\n').filter((line) => line !== '');
  const id = randomUUID();
  await replaceDurably(path, [...before.slice(-kept), id, ''].join('\n'));
  return { id, predecessors: new Set(before) };
}
