import type { Signal } from '../schema/index.js';
import { Counter, Gauge, Histogram, type Registry } from '../telemetry/index.js';
import type { SpoolStream } from './types.js';

export type SpoolOperation =
  'create' | 'write' | 'sync' | 'stall' | 'truncate' | 'release' | 'set_aside' | 'take_back';

export interface SpoolMetrics {
  readonly appendedBytes: Counter<'signal'>;
  readonly fsyncSeconds: Histogram<'signal'>;
  readonly groupRecords: Histogram<'signal'>;
  readonly tornTails: Counter<'signal'>;
  readonly damagedStretches: Counter<'signal'>;
  readonly damagedBytes: Counter<'signal'>;
  readonly poison: Counter<'signal'>;
  readonly keptRemoved: Counter<'folder'>;
  readonly errors: Counter<'signal' | 'op'>;
}

/** `streams` is read at each scrape, so it may be filled after the call. */
export function spoolMetrics(registry: Registry, streams: ReadonlyMap<Signal, SpoolStream>): SpoolMetrics {
  const registers = [registry];
  const labelNames = ['signal'] as const;
  const gauge = (name: string, help: string, value: (stream: SpoolStream) => number) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        for (const stream of streams.values()) this.set({ signal: stream.signal }, value(stream));
      },
    });
  gauge('canardstack_spool_bytes', 'Bytes of spool segments on disk.', (stream) => stream.usedBytes);
  gauge(
    'canardstack_spool_capacity_bytes',
    'Bytes of spool segments beyond which appends are refused.',
    (stream) => stream.capacityBytes,
  );
  const counter = (name: string, help: string) => new Counter({ name, help, labelNames, registers });
  return {
    appendedBytes: counter(
      'canardstack_spool_appended_bytes_total',
      'Bytes made durable, record headers included.',
    ),
    fsyncSeconds: new Histogram({
      name: 'canardstack_spool_fsync_seconds',
      help: 'Time of one fdatasync, which covers a group of payloads.',
      labelNames,
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    groupRecords: new Histogram({
      name: 'canardstack_spool_group_records',
      help: 'Payloads that one fdatasync made durable.',
      labelNames,
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    }),
    tornTails: counter(
      'canardstack_spool_torn_tails_total',
      'Incomplete ends of a stream found and cut at start; nothing acknowledged unless the disk lost it.',
    ),
    damagedStretches: counter(
      'canardstack_spool_damaged_stretches_total',
      'Stretches between valid records that failed their checksum or are missing; set aside in damaged/.',
    ),
    damagedBytes: counter('canardstack_spool_damaged_bytes_total', 'Bytes of damaged or missing stretches.'),
    poison: counter(
      'canardstack_spool_poison_total',
      'Payloads set aside in poison/ because they never commit.',
    ),
    keptRemoved: new Counter({
      name: 'canardstack_spool_kept_removed_total',
      help: 'Oldest files removed from damaged/ to stay within its bound.',
      labelNames: ['folder'],
      registers,
    }),
    errors: new Counter({
      name: 'canardstack_spool_errors_total',
      help: 'Failed disk operations of the spool.',
      labelNames: ['signal', 'op'],
      registers,
    }),
  };
}
