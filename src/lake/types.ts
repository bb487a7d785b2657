import type { DuckDBConnection } from '@duckdb/node-api';
import type { CatalogOwnership } from '../catalog/lease/index.js';
import type { ColumnBatch } from '../schema/index.js';
import type { DamagedFile, DamagedFiles, FileProblem } from './files/damaged.js';
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

export interface ScrubResult {
  readonly files: number;
  /** That were read. */
  readonly bytes: number;
  /** Files that were found damaged. */
  readonly damaged: number;
  /** The round of all files is at its end. */
  readonly complete: boolean;
}

export interface ForgottenFile {
  /** Relative to the data path. */
  readonly key: string;
  /** `delete`: a list of deleted rows, which come back. */
  readonly kind: 'data' | 'delete';
  readonly table: string;
  readonly problem: FileProblem;
  readonly rows: number;
  /** Times of its rows, ISO 8601; null when the catalog does not tell. */
  readonly from: string | null;
  readonly to: string | null;
}

/** Damaged files whose rows were given up; nothing was when any is refused. */
export interface ForgetResult {
  readonly dryRun: boolean;
  readonly files: readonly ForgottenFile[];
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
}

/** `status` as of a CHECKPOINT. */
export type ScrubOutcome =
  | ({ readonly ran: true; readonly status: 'ok' } & ScrubResult)
  | { readonly ran: false; readonly status: 'error' | 'paused' | 'busy'; readonly error?: string };

export type ContradictionKind = 'ahead' | 'behind' | 'nodes';

/** Why the wall clock is not believed. */
export interface Contradiction {
  /** `nodes`: clocks of other nodes differ from this one's. */
  readonly kind: ContradictionKind;
  readonly seconds: number;
  readonly reason: string;
  /** What a person can do. */
  readonly cure: string;
}

/** Milliseconds since the epoch, except `provenMs`. */
export interface ClockReading {
  readonly wallMs: number;
  /** By the catalog and the monotonic clock. */
  readonly lakeMs: number;
  /** How long nodes have run on this lake, by their monotonic clocks. */
  readonly provenMs: number;
  /** The earlier of the two: what ages are counted by. */
  readonly safeMs: number;
  /** While there is one, nothing may be destroyed because of its age. */
  readonly contradiction: Contradiction | null;
}

/** The time by which the lake judges ages. */
export interface LakeTime {
  /** As of the last look; null before the first. */
  readonly reading: ClockReading | null;
  /** Compares the wall clock with what the lake knows; with `write`, notes the lake's time in the catalog when due. */
  look(options?: { readonly write?: boolean }): Promise<ClockReading>;
  /** A person's word that this node's wall clock is right. */
  accept(): Promise<ClockReading>;
}

export interface RetentionDay {
  readonly table: string;
  /** ISO date, UTC. */
  readonly day: string;
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
}

/** Why retention waits for a person, and what they can do. */
export interface RetentionHeld {
  readonly reason: string;
  /** The date that the word must name, ISO: what is older than it will go. */
  readonly confirm: string;
  readonly how: string;
}

export interface RetentionResult {
  readonly ran: boolean;
  readonly dryRun: boolean;
  readonly cutoff: string;
  readonly tables: readonly { table: string; rows: number; files: number; bytes: number }[];
  /** What is due, by table and day. */
  readonly days: readonly RetentionDay[];
  /** Part of the lake that is due: the larger of rows and bytes, 0 to 1. */
  readonly share: number;
  /** Null when no person is needed. */
  readonly held: RetentionHeld | null;
  readonly status: 'ok' | 'error' | 'paused' | 'busy' | 'held';
  readonly error?: string;
}

export interface RetentionOptions {
  readonly dryRun: boolean;
  /** A person's word, as a dry run names it: delete what is older than this date. */
  readonly confirm?: string;
}

/** A task of maintenance that ended. */
export interface MaintenanceRun {
  readonly task: string;
  /** When it ended, ISO 8601. */
  readonly at: string;
  readonly status: 'ok' | 'error';
  readonly milliseconds: number;
  readonly error?: string;
}

export interface MaintenanceState {
  readonly paused: boolean;
  readonly running: string | null;
  readonly lastCheckpoint: {
    at: string;
    status: string;
    milliseconds: number;
    /** Since then, by the monotonic clock. */
    ageSeconds?: number;
  } | null;
  readonly lastRetention: { at: string; status: string } | null;
  readonly consecutiveFailures: number;
  /** What this process ran, the newest first; the last fifty. */
  readonly history?: readonly MaintenanceRun[];
  /** Why the wall clock is not believed; null when all is well. */
  readonly clock?: Contradiction | null;
  /** What retention waits for. */
  readonly held?: RetentionHeld | null;
  /** Files of the lake that are known to be missing or damaged. */
  readonly damaged?: readonly DamagedFile[];
}

export interface Maintenance {
  /** Starts the schedule. */
  start(): void;
  stop(): Promise<void>;
  pause(): void;
  resume(): void;
  checkpoint(): Promise<CheckpointResult>;
  retention(options: RetentionOptions): Promise<RetentionResult>;
  /**
   * Reads files again and compares their checksums, going on where the last run stopped, until `bytes` are read or the round
   * is complete. `again`: begins a round however soon.
   */
  scrub(options?: { readonly bytes?: number; readonly again?: boolean }): Promise<ScrubOutcome>;
  /** Gives up the rows of damaged files, named by key or path. Rejects with LakeError when it can't run now. */
  forget(files: readonly string[], dryRun: boolean): Promise<ForgetResult>;
  state(): MaintenanceState;
}

export interface LakeStats {
  readonly snapshotId: number;
  readonly tables: readonly { table: string; files: number; bytes: number }[];
  readonly catalogBytes: number | null;
}

export interface DashboardEntry {
  readonly id: string;
  readonly title: string;
  /** Grows with each change. */
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly updatedMs: number;
}

export interface KeptDashboard extends DashboardEntry {
  /** JSON text. */
  readonly body: string;
}

/**
 * The dashboards that the lake keeps. A change names the revision that it was made from, null when there was none; when
 * another one came between it is not done (`changed`).
 */
export interface Dashboards {
  list(): Promise<DashboardEntry[]>;
  get(id: string): Promise<KeptDashboard | null>;
  put(
    id: string,
    content: { readonly title: string; readonly body: string },
    expected: number | null,
  ): Promise<DashboardEntry | 'changed' | 'full'>;
  remove(id: string, expected: number): Promise<'removed' | 'changed'>;
}

/** The DuckLake: one writer connection, a pool of readers, maintenance. */
export interface Lake {
  readonly maintenance: Maintenance;
  readonly readers: ReadPool;
  readonly dashboards: Dashboards;
  readonly time: LakeTime;
  /** The damaged files that this process knows of. */
  readonly damaged: DamagedFiles;
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
  /**
   * The same as the one node that maintains the lake; null when another does. What `work` rejects with touches nothing else,
   * unless DuckDB itself is done for.
   */
  alone<T>(work: (connection: DuckDBConnection, scratch: string) => Promise<T>): Promise<T | null>;
  /** Cheap check that catalog and storage answer; rejects with a reason fit for /readyz. */
  ping(): Promise<void>;
  /**
   * For a process that must end at once: commits no more, interrupts every statement, and resolves when no batch is
   * read. A thread that waits for a batch while the process ends would wait for ever.
   */
  abandon(): Promise<void>;
  close(): Promise<void>;
}
