import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, FaultProxy } from '../../test/support/fault-proxy.js';
import { catalogOf, usesS3, type LakeKind, type TestLake } from '../../test/support/lake-kinds.js';
import { eventually } from '../../test/support/server.js';
import { settled } from '../kill/epoch.js';
import { assertExact, verify, type Verdict } from '../kill/verify.js';
import { Workload } from '../kill/workload.js';

/** What happens in a round, under load. */
export type Blow = 'ingest' | 'catalog' | 'both' | '500' | '503' | 'slow' | 'reset';

const faults: Readonly<Partial<Record<Blow, Fault>>> = {
  '500': { kind: 'status', status: 500 },
  '503': { kind: 'status', status: 503 },
  slow: { kind: 'slow', delayMs: 300, bytesPerSecond: 20_000 },
  reset: { kind: 'reset', at: 'after' },
};

/** On a local catalog, ingest and catalog are one process. */
export function blowsOf(kind: LakeKind): Blow[] {
  const kills: Blow[] = catalogOf(kind) === 'local' ? ['ingest'] : ['ingest', 'catalog', 'both'];
  return usesS3(kind) ? [...kills, '500', '503', 'slow', 'reset'] : kills;
}

export interface Checkpoint {
  readonly ran?: boolean;
  readonly status: string;
  readonly error?: string;
}

export async function checkpoint(lake: TestLake): Promise<Checkpoint> {
  const response = await fetch(`${lake.ingest.url}/api/admin/maintenance/checkpoint`, {
    method: 'POST',
    signal: AbortSignal.timeout(180_000),
  });
  return (await response.json()) as Checkpoint;
}

/** Waits until the query node answers again and sees all that the ingest node has acknowledged. */
export async function exact(lake: TestLake, prefix: string, load: Workload): Promise<Verdict> {
  await settled(lake.ingest);
  const verdict = await eventually(() => verify(lake.query, prefix, load.sent), 60_000);
  assertExact(verdict, prefix);
  return verdict;
}

/** Load, a blow, recovery, and the count. Rejects when an acknowledged record is missing or there twice. */
export async function round(
  lake: TestLake,
  proxy: FaultProxy | null,
  blow: Blow,
  prefix: string,
): Promise<{ load: Workload; verdict: Verdict }> {
  const load = new Workload(prefix);
  load.start(lake.ingest.url, 3);
  let maintenance: Promise<unknown> = Promise.resolve();
  try {
    await sleep(500 + Math.random() * 1500);
    // Half of the blows fall into CHECKPOINT.
    if (Math.random() < 0.5) maintenance = checkpoint(lake).catch(() => undefined);
    await sleep(Math.random() * 400);
    await inflict(lake, proxy, blow, load);
    await sleep(500);
  } finally {
    proxy?.set(null);
    await load.stop();
    await maintenance;
  }
  return { load, verdict: await exact(lake, prefix, load) };
}

async function inflict(lake: TestLake, proxy: FaultProxy | null, blow: Blow, load: Workload): Promise<void> {
  const fault = faults[blow];
  if (fault !== undefined) {
    proxy?.set(fault);
    const before = load.acked;
    await sleep(2500);
    if (load.acked === before)
      throw new Error(`nothing was acknowledged while the store answered by ${blow}`);
    return;
  }
  if (blow !== 'catalog') await lake.killIngest();
  if (blow !== 'ingest') {
    await lake.killCatalog();
    await sleep(500);
    await lake.reviveCatalog();
  }
  if (blow === 'catalog') return;
  await load.stop();
  await lake.startIngest();
  // A local catalog's query node is the same process.
  if (catalogOf(lake.kind) === 'local') await lake.startQuery();
}
