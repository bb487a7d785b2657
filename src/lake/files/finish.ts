import { fileContents } from '../../storage/index.js';
import type { FileStore } from '../file-store.js';
import type { PendingFiles } from '../pending-files.js';
import { withChecksum } from './checksum-name.js';

export interface FileParts {
  readonly fileStore: FileStore;
  readonly pending: PendingFiles;
}

/**
 * Gives a file that was written for `target` its final name, which has its checksum, and brings it to where the lake
 * reads it. `targets` holds the names under which it may lie, whatever fails.
 */
export async function finishFile(
  { fileStore, pending }: FileParts,
  target: string,
  written: string,
  streams: readonly string[],
  targets: Set<string>,
): Promise<string> {
  const { crc32c } = await fileContents(written);
  const named = withChecksum(target, crc32c);
  targets.add(named);
  await pending.add(named, streams);
  await fileStore.finish(named, written);
  await pending.released(target);
  targets.delete(target);
  return named;
}
