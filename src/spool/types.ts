import type { Payload, Signal } from '../schema/index.js';
import type { Attempts } from './attempts.js';
import type { SpoolEntry, SpoolRange } from './range.js';
import type { SetAside, SetAsideWhy } from './set-aside.js';

export type { SpoolEntry, SpoolRange } from './range.js';

export class SpoolFullError extends Error {
  constructor(
    readonly signal: Signal,
    readonly usedBytes: number,
    readonly capacityBytes: number,
  ) {
    super(`the ${signal} spool is full: ${usedBytes} of ${capacityBytes} bytes wait to be committed`);
    this.name = 'SpoolFullError';
  }
}

/** The disk refused (full, read-only, I/O error). Nothing of the group is acknowledged. */
export class SpoolUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SpoolUnavailableError';
  }
}

/** The spool can't be opened: folder not writable, held by another process, or of another format. Names the folder. */
export class SpoolOpenError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SpoolOpenError';
  }
}

/** Another process holds the spool's folder. */
export class SpoolInUseError extends SpoolOpenError {}

export interface SpoolStream {
  /** `<node id>/<signal>`, the key of this stream's watermark in the lake. */
  readonly id: string;
  readonly signal: Signal;
  /** End of the last durable record. */
  readonly head: number;
  /** Start of the oldest byte still on disk. */
  readonly tail: number;
  readonly usedBytes: number;
  readonly capacityBytes: number;
  /**
   * Appends the payloads, contiguous and in order, and resolves with their ranges once an fsync that
   * covers them has returned. Rejects with SpoolFullError or SpoolUnavailableError; then none of them is kept.
   */
  append(payloads: readonly Payload[]): Promise<readonly SpoolRange[]>;
  /** Durable records from `from` (a record boundary) to the head at call time, in order; skips damaged stretches after setting them aside. */
  read(from: number): AsyncIterable<SpoolEntry>;
  /**
   * Everything before `position` is committed: frees whole segments. Idempotent. Never rejects: what could not
   * be freed is logged, counted and tried again at the next call.
   */
  release(position: number): Promise<void>;
  /**
   * The lake already holds everything before `position`: when the stream's head lies before it (a spool lost
   * or replaced), continues from there, so that positions never go back. A no-op otherwise.
   */
  advanceTo(position: number): Promise<void>;
  /** Sets the raw record aside (`poison/` folder, kept and counted). Rejects with SpoolUnavailableError. */
  setAside(entry: SpoolEntry, why: SetAsideWhy): Promise<void>;
  /**
   * Puts a record that is set aside at the head of the stream. However the process ends meanwhile, the record is either
   * set aside still or in the stream. Rejects with SpoolFullError or SpoolUnavailableError; then it is set aside.
   */
  takeBack(name: string): Promise<SpoolRange>;
}

export interface Spool {
  readonly nodeId: string;
  stream(signal: Signal): SpoolStream;
  /** What is decoded or committed at the moment, and at what the process died before. */
  readonly attempts: Attempts;
  readonly setAside: SetAside;
  /** Waits for appends under way, then closes the files. */
  close(): Promise<void>;
}
