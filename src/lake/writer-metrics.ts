import { Counter, Histogram, type Registry } from '../telemetry/index.js';

export type WriterMetrics = ReturnType<typeof writerMetrics>;

/** What commits of rows take, and how they end. */
export function writerMetrics(registry: Registry) {
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  return {
    seconds: new Histogram({
      name: 'canardstack_lake_commit_seconds',
      help: 'Time of the phases of a commit: copying buffers, writing files, syncing files, waiting for other nodes, writing rows, writing watermarks, COMMIT.',
      labelNames: ['phase'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers: [registry],
    }),
    total: new Histogram({
      name: 'canardstack_lake_commit_total_seconds',
      help: 'Time of a commit from its begin to its confirmation, retries included.',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2.5, 5, 10, 30],
      registers: [registry],
    }),
    conflicts: counter(
      'canardstack_lake_commit_conflicts_total',
      'Commits that another transaction made impossible; nothing of them is in the lake.',
    ),
    retries: counter(
      'canardstack_lake_commit_retries_total',
      'Commits tried again after a conflict, with the files that were written already.',
    ),
    unlocked: counter(
      'canardstack_lake_commit_lock_timeouts_total',
      'Commits made without the lock of all nodes, because another node held it too long.',
    ),
  };
}
