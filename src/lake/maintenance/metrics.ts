import { Counter, Gauge, Histogram, type Registry } from '../../telemetry/index.js';
import type { TableSize } from '../stats.js';
import type { TableName } from '../../schema/index.js';
import type { DataFile, Group } from './compaction/groups.js';

export interface MaintenanceMetrics {
  readonly checkpoints: Counter<'status'>;
  readonly seconds: Histogram<'task'>;
  readonly retentionRows: Counter;
  readonly retentionHeld: Gauge;
  readonly lastSuccess: Gauge<'task'>;
  readonly scrubComplete: Gauge;
  /** A file of so many bytes was read again. */
  scrubbed(bytes: number): void;
  /** A group of files of so many rows became one. */
  compacted(group: Group, rows: number): void;
  /** These files of a table were joined, and wait to be sorted. */
  joined(table: TableName, files: readonly DataFile[]): void;
  sizes(snapshotId: number, tables: readonly TableSize[]): void;
}

export function maintenanceMetrics(registry: Registry): MaintenanceMetrics {
  const registers = [registry];
  const files = new Gauge({
    name: 'canardstack_lake_files',
    help: 'Parquet data files of a table at the current snapshot.',
    labelNames: ['table'],
    registers,
  });
  const bytes = new Gauge({
    name: 'canardstack_lake_bytes',
    help: 'Bytes of the Parquet data files of a table at the current snapshot.',
    labelNames: ['table'],
    registers,
  });
  const snapshot = new Gauge({
    name: 'canardstack_lake_snapshot',
    help: 'Id of the current DuckLake snapshot.',
    registers,
  });
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const byWay = (name: string, help: string) =>
    new Counter({ name, help: `${help}, by the way: join, sort.`, labelNames: ['way'], registers });
  const compacted = {
    files: byWay('canardstack_compaction_files_total', 'Files that compaction made one of'),
    rows: byWay('canardstack_compaction_rows_total', 'Rows that compaction rewrote'),
    bytes: byWay('canardstack_compaction_bytes_total', 'Bytes of the files that compaction rewrote'),
  };
  const waiting = (name: string, what: string) =>
    new Gauge({
      name,
      help: `${what} that were joined and wait to be sorted, after the last compaction.`,
      labelNames: ['table'],
      registers,
    });
  const joined = {
    files: waiting('canardstack_compaction_joined_files', 'Files of a table'),
    rows: waiting('canardstack_compaction_joined_rows', 'Rows of files of a table'),
  };
  const scrubbed = {
    files: counter('canardstack_scrub_files_total', 'Files that the scrub read again and compared.'),
    bytes: counter('canardstack_scrub_bytes_total', 'Bytes of the files that the scrub read again.'),
  };
  return {
    scrubbed(size) {
      scrubbed.files.inc();
      scrubbed.bytes.inc(size);
    },
    scrubComplete: new Gauge({
      name: 'canardstack_scrub_complete_timestamp_seconds',
      help: 'When the scrub last came to the end of a round of all files.',
      registers,
    }),
    compacted({ files, by }, rows) {
      compacted.files.inc({ way: by }, files.length);
      compacted.rows.inc({ way: by }, rows);
      compacted.bytes.inc(
        { way: by },
        files.reduce((sum, { bytes }) => sum + bytes, 0),
      );
    },
    joined(table, waitingFiles) {
      joined.files.set({ table }, waitingFiles.length);
      joined.rows.set(
        { table },
        waitingFiles.reduce((sum, { rows }) => sum + rows, 0),
      );
    },
    checkpoints: new Counter({
      name: 'ducklake_checkpoint_runs_total',
      help: 'CHECKPOINT runs by outcome: ok, error, busy, paused.',
      labelNames: ['status'],
      registers,
    }),
    seconds: new Histogram({
      name: 'canardstack_maintenance_seconds',
      help: 'Time of maintenance tasks and their parts.',
      labelNames: ['task'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600],
      registers,
    }),
    retentionRows: new Counter({
      name: 'canardstack_retention_rows_total',
      help: 'Rows deleted because they were older than the retention.',
      registers,
    }),
    retentionHeld: new Gauge({
      name: 'canardstack_retention_held_rows',
      help: "Rows older than the retention that wait for a person's word, or for the clock to be right.",
      registers,
    }),
    lastSuccess: new Gauge({
      name: 'canardstack_maintenance_last_success_timestamp_seconds',
      help: 'When a maintenance task last succeeded.',
      labelNames: ['task'],
      registers,
    }),
    sizes(snapshotId, tables) {
      snapshot.set(snapshotId);
      for (const table of tables) {
        files.set({ table: table.table }, table.files);
        bytes.set({ table: table.table }, table.bytes);
      }
    },
  };
}
