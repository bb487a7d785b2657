import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCatalog } from '../../test/support/catalog-server.js';
import type { TestLake } from '../../test/support/lake-kinds.js';
import { canMount } from '../kill/disasters.js';
import { Workload } from '../kill/workload.js';
import { maintained, verifyFiles } from './files.js';
import { exact } from './rounds.js';

type Volume = 'the same volume' | 'the volume mounted elsewhere';

/**
 * The catalog server is replaced as an orchestrator does it: the old one stops, a new one starts. Ingest acknowledges
 * meanwhile, and everything is there once afterwards, with no unknown file. Then the volume is lost: the start must
 * refuse. Gives a line for the report.
 */
export async function replacement(lake: TestLake, prefix: string): Promise<string> {
  const { catalog } = lake;
  if (catalog === null) throw new Error('only a catalog server is replaced');
  const old = join(catalog.folder, 'catalog');
  const elsewhere = join(catalog.folder, 'mounted-elsewhere');
  await mkdir(elsewhere);
  let acknowledged = 0;
  const replace = async (volume: Volume, folder: string) => {
    const load = new Workload(`${prefix}${acknowledged}`);
    load.start(lake.ingest.url, 3);
    try {
      await sleep(1000);
      const code = await lake.stopCatalog();
      if (code !== 0) throw new Error(`the old server ended with ${code}`);
      if (folder === elsewhere) {
        if (canMount) execFileSync('mount', ['--bind', old, elsewhere]);
        else await rename(old, elsewhere);
      }
      const before = load.acked;
      await sleep(1000);
      if (load.acked === before) throw new Error('nothing was acknowledged while the catalog was away');
      await lake.startCatalog({ CANARDSTACK_DATA_DIR: folder });
      await sleep(500);
    } finally {
      await load.stop();
    }
    const verdict = await exact(lake, `${prefix}${acknowledged}`, load);
    acknowledged += verdict.acknowledged;
    await maintained(lake);
    const metrics = await (await fetch(`${lake.ingest.url}/metrics`)).text();
    if (!/^ducklake_checkpoint_runs_total\{status="ok"\} [1-9]/m.test(metrics))
      throw new Error('CHECKPOINT was not counted');
    const files = await verifyFiles(lake);
    if (files.code !== 0 || files.orphans.length > 0) {
      throw new Error(
        `${volume}: files and catalog do not agree: ${JSON.stringify(files.orphans.slice(0, 5))}`,
      );
    }
  };
  try {
    await replace('the same volume', old);
    await replace('the volume mounted elsewhere', elsewhere);
    await lake.stopCatalog();
    await volumeLost(lake);
    await lake.startCatalog({ CANARDSTACK_DATA_DIR: elsewhere });
    await maintained(lake);
    await lake.stop();
  } finally {
    if (canMount) execFileSync('umount', ['-l', elsewhere]);
  }
  return `replaced on the same volume and ${canMount ? 'bound to' : 'moved to'} another path, ${acknowledged} acknowledged requests, all there once, no unknown file; with the volume lost the start refuses and names restore and rebuild`;
}

async function volumeLost(lake: TestLake): Promise<void> {
  const { catalog } = lake;
  if (catalog === null) return;
  const log = join(catalog.folder, 'volume-lost.log');
  const server = await startCatalog(
    { ...catalog, log },
    { env: { CANARDSTACK_DATA_DIR: join(catalog.folder, 'empty-volume') }, waitReady: false },
  );
  const end = await Promise.race([server.exited, sleep(60_000, null)]);
  if (end === null) {
    await server.kill();
    throw new Error('the start with the volume lost neither refused nor ended');
  }
  const text = await readFile(log, 'utf8');
  if (end.code === 0 || !/catalog restore/.test(text) || !/catalog rebuild/.test(text)) {
    throw new Error(`with the volume lost: exit ${end.code}, ${text}`);
  }
}
