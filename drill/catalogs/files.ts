import { setTimeout as sleep } from 'node:timers/promises';
import type { VerifyOutcome } from '../../src/recovery/index.js';
import type { TestLake } from '../../test/support/lake-kinds.js';
import { checkpoint } from './rounds.js';

export interface FileCheck {
  /** Files that no snapshot knew before the repair, by what they were. */
  readonly orphans: Readonly<Record<string, number>>;
  readonly knownFiles: number;
}

export async function verifyFiles(
  lake: TestLake,
  ...more: string[]
): Promise<VerifyOutcome & { code: number | null }> {
  const { code, stdout, stderr } = await lake.cli(
    ['catalog', 'verify', '--json', '--min-age', '0', ...more],
    lake.ingest,
  );
  if (stdout === '') throw new Error(`catalog verify: ${stderr}`);
  return { ...(JSON.parse(stdout) as VerifyOutcome), code };
}

/** CHECKPOINT twice (what the first one replaces, the second deletes); each must run. */
export async function maintained(lake: TestLake): Promise<void> {
  for (let run = 0; run < 2; run++) {
    const result = await checkpoint(lake);
    if (result.ran !== true || result.status !== 'ok')
      throw new Error(`CHECKPOINT: ${JSON.stringify(result)}`);
    await sleep(1100);
  }
}

/**
 * After the drill nothing may be missing, no unknown file may hold rows that the lake lacks, and a repair must leave
 * the catalog and its files in agreement.
 */
export async function repaired(lake: TestLake): Promise<FileCheck> {
  await maintained(lake);
  const found = await verifyFiles(lake);
  const orphans: Record<string, number> = {};
  for (const { state } of found.orphans) orphans[state] = (orphans[state] ?? 0) + 1;
  if (found.damaged.length > 0)
    throw new Error(`files are damaged: ${JSON.stringify(found.damaged.slice(0, 5))}`);
  if ((orphans['rows'] ?? 0) > 0)
    throw new Error(`unknown files hold rows: ${JSON.stringify(found.orphans.slice(0, 5))}`);
  if (found.orphans.length > 0) {
    const repair = await verifyFiles(lake, '--repair', '--yes');
    if (repair.code !== 0)
      throw new Error(`the repair left something: ${JSON.stringify(repair.orphans.slice(0, 5))}`);
  }
  const again = await verifyFiles(lake);
  if (again.code !== 0 || again.orphans.length > 0) {
    throw new Error(`the catalog and its files do not agree: ${JSON.stringify(again.orphans.slice(0, 5))}`);
  }
  return { orphans, knownFiles: again.knownFiles };
}
