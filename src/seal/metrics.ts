import { Counter, Gauge, Histogram, type Registry } from '../telemetry/index.js';
import type { StreamBacklog } from './backlog.js';

export interface SealMetrics {
  readonly commits: Counter<'outcome'>;
  readonly sealedBytes: Counter<'signal'>;
  readonly replayedPayloads: Counter<'signal'>;
  readonly visibleSeconds: Histogram<'signal'>;
  readonly pacedSeconds: Counter;
}

/** What the gauges of sealing tell. */
interface MeasuredSealer {
  readonly backlogs: readonly StreamBacklog[];
  readonly heldBytes: number;
  readonly projectedSeconds: number;
}

export function sealMetrics(registry: Registry, sealer: MeasuredSealer): SealMetrics {
  const registers = [registry];
  new Gauge({
    name: 'canardstack_seal_backlog_bytes',
    help: 'Acknowledged spool bytes that no commit holds yet.',
    labelNames: ['signal'],
    registers,
    collect() {
      for (const backlog of sealer.backlogs) this.set({ signal: backlog.stream.signal }, backlog.bytes);
    },
  });
  new Gauge({
    name: 'canardstack_seal_held_bytes',
    help: 'Memory of decoded batches that wait for a commit.',
    registers,
    collect() {
      this.set(sealer.heldBytes);
    },
  });
  new Gauge({
    name: 'canardstack_freshness_projected_seconds',
    help: 'Projected time until a record acknowledged now is visible to queries.',
    registers,
    collect() {
      this.set(sealer.projectedSeconds);
    },
  });
  return {
    commits: new Counter({
      name: 'canardstack_seal_commits_total',
      help: 'Commits to the lake by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    sealedBytes: new Counter({
      name: 'canardstack_seal_bytes_total',
      help: 'Spool bytes whose rows are committed.',
      labelNames: ['signal'],
      registers,
    }),
    replayedPayloads: new Counter({
      name: 'canardstack_seal_replayed_payloads_total',
      help: 'Payloads read back from the spool, after a start or because memory was short.',
      labelNames: ['signal'],
      registers,
    }),
    visibleSeconds: new Histogram({
      name: 'canardstack_visible_seconds',
      help: 'Time from acknowledgement to visibility in queries.',
      labelNames: ['signal'],
      buckets: [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15, 30, 60],
      registers,
    }),
    pacedSeconds: new Counter({
      name: 'canardstack_ingest_paced_seconds_total',
      help: 'Time for which payloads waited because commits are slower than their clients, added up.',
      registers,
    }),
  };
}
