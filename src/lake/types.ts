import type { DuckDBConnection } from '@duckdb/node-api';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import type { ColumnBatch } from '../schema/index.js';
import type { ReadPool } from './session.js';

export interface StreamProgress {
  readonly stream: string;
  readonly position: number;
  /** Where the commit's rows begin: it is refused when the lake holds the stream beyond that already. */
  readonly from?: number;
}

/** Why a commit did not (knowably) happen. */
export class CommitError extends Error {
  constructor(
    /**
     * `unknown`: it may have happened, read the watermark back; `data`: these rows can never be committed;
     * `unavailable`: catalog or storage is away, try again later; `regressed`: a watermark would go back, or the
     * rows are committed already; `fenced`: another process writes the same stream, this one must stop.
     */
    readonly kind: 'unknown' | 'data' | 'unavailable' | 'regressed' | 'fenced',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CommitError';
  }
}

export interface CommitResult {
  readonly rows: number;
  readonly snapshotId: number;
  readonly milliseconds: number;
}

export interface CheckpointResult {
  readonly ran: boolean;
  readonly status: 'ok' | 'error' | 'paused' | 'busy';
  readonly milliseconds?: number;
  readonly error?: string;
}

export interface RetentionResult {
  readonly ran: boolean;
  readonly dryRun: boolean;
  readonly cutoff: string;
  readonly tables: readonly { table: string; rows: number; files: number; bytes: number }[];
  readonly status: 'ok' | 'error' | 'paused' | 'busy';
  readonly error?: string;
}

export interface MaintenanceState {
  readonly paused: boolean;
  readonly running: string | null;
  readonly lastCheckpoint: { at: string; status: string; milliseconds: number } | null;
  readonly lastRetention: { at: string; status: string } | null;
  readonly consecutiveFailures: number;
}

export interface Maintenance {
  /** Starts the schedule. */
  start(): void;
  stop(): Promise<void>;
  pause(): void;
  resume(): void;
  checkpoint(): Promise<CheckpointResult>;
  retention(options: { dryRun: boolean }): Promise<RetentionResult>;
  state(): MaintenanceState;
}

export interface LakeStats {
  readonly snapshotId: number;
  readonly tables: readonly { table: string; files: number; bytes: number }[];
  readonly catalogBytes: number | null;
}

/** The DuckLake: one writer connection, a pool of readers, maintenance. */
export interface Lake {
  readonly maintenance: Maintenance;
  readonly readers: ReadPool;
  /** The lease on a local catalog file; null for reading only and for catalogs that a server owns. */
  readonly ownership: CatalogOwnership | null;
  /** Rows and watermarks in one DuckLake transaction. Calls are serialised. Rejects with CommitError. */
  commit(batches: readonly ColumnBatch[], progress: readonly StreamProgress[]): Promise<CommitResult>;
  /** The committed position of each stream; a stream never committed is missing. */
  watermarks(): Promise<Map<string, number>>;
  stats(): Promise<LakeStats>;
  /**
   * Runs `work` on a connection of its own, as recovery needs it: not read-only, not bounded. `scratch` is a folder,
   * perhaps not made yet, in which DuckDB may make files.
   */
  withConnection<T>(work: (connection: DuckDBConnection, scratch: string) => Promise<T>): Promise<T>;
  /** Cheap check that catalog and storage answer; rejects with a reason fit for /readyz. */
  ping(): Promise<void>;
  /**
   * For a process that must end at once: commits no more, interrupts every statement, and resolves when no feed is
   * read. A thread that waits for a feed while the process ends would wait for ever.
   */
  abandon(): Promise<void>;
  close(): Promise<void>;
}
