import { startFaultProxy } from '../../test/support/fault-proxy.js';
import { catalogOf, TestLake, usesS3, type Backends, type LakeKind } from '../../test/support/lake-kinds.js';
import type { Workload } from '../kill/workload.js';
import { repaired, type FileCheck } from './files.js';
import { replacement } from './replacement.js';
import { blowsOf, exact, round, type Blow } from './rounds.js';

export interface KindResult {
  readonly kind: LakeKind;
  readonly rounds: Readonly<Partial<Record<Blow, number>>>;
  readonly acknowledged: number;
  /** Requests that are there although their answer was lost. */
  readonly lostAnswers: number;
  readonly files: FileCheck;
  /** Of the replacement drill; null where there is no catalog server. */
  readonly replacement: string | null;
}

export interface DrillOptions {
  readonly kind: LakeKind;
  readonly backends: Backends;
  /** Rounds of each blow. */
  readonly times: number;
  readonly blows?: readonly Blow[];
  readonly replace?: boolean;
  readonly report?: (line: string) => void;
}

/** All blows on one lake, one after the other. Rejects at the first broken promise; the folder is kept then. */
export async function drillKind(options: DrillOptions): Promise<KindResult> {
  const { kind, backends, report = () => undefined } = options;
  const proxy = usesS3(kind) ? await startFaultProxy((await backends.s3()).endpoint) : null;
  const lake = await TestLake.make({
    kind,
    backends,
    ...(proxy === null ? {} : { s3Endpoint: proxy.endpoint }),
    env: {
      CANARDSTACK_SEAL_INTERVAL_MS: '200',
      CANARDSTACK_DATA_INLINING_ROW_LIMIT: '50',
      CANARDSTACK_SNAPSHOT_RETENTION_SECS: '1',
      CANARDSTACK_FRESHNESS_BUDGET_SLA_SECS: '600',
      CANARDSTACK_DUCKLAKE_QUACK_TIMEOUT_MS: '5000',
      CANARDSTACK_S3_TIMEOUT_MS: '2000',
      CANARDSTACK_S3_ATTEMPTS: '2',
      CANARDSTACK_LOG_LEVEL: 'warn',
    },
  });
  let whole = false;
  try {
    await lake.start();
    const loads = new Map<string, Workload>();
    const rounds: Partial<Record<Blow, number>> = {};
    let [acknowledged, lostAnswers] = [0, 0];
    for (let n = 0; n < options.times; n++) {
      for (const blow of options.blows ?? blowsOf(kind)) {
        const prefix = `${kind}-${blow}-${n}`.replaceAll('-', '_');
        const { load, verdict } = await round(lake, proxy, blow, prefix);
        loads.set(prefix, load);
        rounds[blow] = (rounds[blow] ?? 0) + 1;
        acknowledged += verdict.acknowledged;
        lostAnswers += verdict.unacknowledgedPresent;
        report(`${kind}: ${blow}: ${verdict.acknowledged} acknowledged requests, all there once`);
      }
    }
    const files = await repaired(lake);
    // Neither a later blow nor maintenance nor the repair took anything.
    for (const [prefix, load] of loads) await exact(lake, prefix, load);
    const replaced =
      catalogOf(kind) === 'quack' && options.replace !== false
        ? await replacement(lake, 'replacement')
        : null;
    await lake.stop();
    whole = true;
    return { kind, rounds, acknowledged, lostAnswers, files, replacement: replaced };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${kind}: ${reason} (folder: ${lake.folder})`, { cause: error });
  } finally {
    await lake.remove(!whole);
    await proxy?.close();
  }
}
