import { rm } from 'node:fs/promises';
import type { DayFile } from '../day-file.js';
import { finishFile, type FileParts } from './finish.js';

/**
 * Writes the files of one table of a commit, which together hold `rows` rows, and gives the statements that make them the
 * lake's; these are complete once all that it adds to `uploads` has resolved. A day without rows gets no file.
 */
export async function writeDayFiles(
  parts: FileParts,
  run: (sql: string) => Promise<{ readonly rowsChanged: number }>,
  files: readonly DayFile[],
  rows: number,
  streams: readonly string[],
  targets: Set<string>,
  uploads: Promise<void>[],
): Promise<string[]> {
  const { fileStore, pending } = parts;
  const adds: string[] = [];
  let all = 0;
  for (const file of files) {
    targets.add(file.path);
    await pending.add(file.path, streams);
    const written = await fileStore.begin(file.path);
    const { rowsChanged } = await run(file.write(written));
    if (rowsChanged === 0) {
      await rm(written, { force: true });
      await pending.released(file.path);
      targets.delete(file.path);
      continue;
    }
    all += rowsChanged;
    const uploaded = finishFile(parts, file.path, written, streams, targets).then((named) => {
      adds.push(file.add(named));
    });
    // It is awaited with the others; until then its failure must not count as unhandled.
    uploaded.catch(() => undefined);
    uploads.push(uploaded);
  }
  if (all !== rows) throw new Error(`${all} of ${rows} rows were written`);
  return adds;
}
