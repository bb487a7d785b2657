import { z } from 'zod';
import { inTransaction } from '../../duckdb/index.js';
import { checkFile } from '../files/check.js';
import { expected, expectedChecksum, type NotedChecksum } from '../files/checksums.js';
import { readMeta, setMeta } from '../schema.js';
import type { LakeTime, ScrubResult } from '../types.js';
import { firstSight, liveFiles, noteDamage, writeChecksums, type LakeFiles } from './inventory.js';
import type { TaskRun } from './task.js';

export interface ScrubOptions extends LakeFiles {
  readonly time: LakeTime;
  /** Stops after the file that reaches this; Infinity: goes on to the end of the round. */
  readonly bytes: number;
  /** Begins a new round however soon after the last one. */
  readonly again: boolean;
  readonly observe: (bytes: number) => void;
}

const stateKey = 'scrub';
const dayMs = 86_400_000;

const stateSchema = z.object({
  /** Keys up to this one are checked in this round; null: the round is complete. */
  after: z.string().nullable(),
  /** When the round began, by the lake's time. */
  begunMs: z.number(),
});
type State = z.infer<typeof stateSchema>;

/**
 * Reads files of the current snapshot and compares their checksums, in the order of their keys, going on where the run
 * before it stopped, whichever node that was: so what was checked longest ago comes first. A round of all files begins
 * a day after the one before it began, at the earliest.
 */
export async function scrub(task: TaskRun, options: ScrubOptions): Promise<ScrubResult> {
  const { storage, damaged } = options;
  const { lakeMs } = await options.time.look();
  const before = await readState(task);
  const complete = before === null || before.after === null;
  const due = before === null || options.again || lakeMs - before.begunMs >= dayMs;
  if (complete && !due) return { files: 0, bytes: 0, damaged: 0, complete: true };
  const from: State = complete ? { after: '', begunMs: lakeMs } : before;
  const { files, noted, gone } = await liveFiles(task, storage);
  const ordered = files
    .filter(({ key }) => key > (from.after ?? ''))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const fresh: NotedChecksum[] = [];
  const result = { files: 0, bytes: 0, damaged: 0 };
  let after: string | null = from.after;
  for (const file of ordered) {
    if (result.bytes >= options.bytes) break;
    task.signal.throwIfAborted();
    if (expectedChecksum(file.key, noted) === null) {
      const sum = await firstSight(task, file, options);
      if (sum === null) result.damaged++;
      else fresh.push(sum);
    } else {
      const { problem, contents } = await checkFile(storage, expected(file, noted));
      if (problem === null) damaged.clear(file.key, 'whole');
      else if (await isLive(task, options, file.key)) {
        result.damaged++;
        await noteDamage(task, options, file, problem, contents?.bytes ?? null, files.length);
      }
    }
    after = file.key;
    result.files++;
    result.bytes += file.size ?? 0;
    options.observe(file.size ?? 0);
  }
  const ended = after === (ordered.at(-1)?.key ?? after);
  await writeChecksums(task, fresh, gone);
  await writeState(task, { after: ended ? null : after, begunMs: from.begunMs });
  return { ...result, complete: ended };
}

/** Compaction and retention of a moment ago take files away. */
async function isLive(task: TaskRun, { storage }: LakeFiles, key: string): Promise<boolean> {
  return (await liveFiles(task, storage)).files.some((file) => file.key === key);
}

async function readState(task: TaskRun): Promise<State | null> {
  const text = (await task.retried(() => readMeta(task.connection))).get(stateKey);
  try {
    return stateSchema.parse(JSON.parse(text ?? 'null'));
  } catch {
    return null;
  }
}

async function writeState(task: TaskRun, state: State): Promise<void> {
  await task.exclusive((connection) =>
    inTransaction(connection, () => setMeta(connection, stateKey, JSON.stringify(state))),
  );
}
