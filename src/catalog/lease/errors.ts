import type { LeaseRecord } from './record.js';

/** Another process owns the catalog. The message names the holder and the age of its last renewal. */
export class LeaseHeldError extends Error {
  constructor(
    readonly file: string,
    /** What the lease says of its holder; null when only the file lock tells of one. */
    readonly holder: LeaseRecord | null,
    reason: string,
  ) {
    super(
      `the catalog ${file} is in use: ${reason}. Only one canardstack may own a catalog file; stop the other ` +
        `one, or let this one use another CANARDSTACK_DATA_DIR`,
    );
    this.name = 'LeaseHeldError';
  }
}

/** This process owned the catalog and does no more; nothing that it does to it is believed. */
export class LeaseLostError extends Error {
  constructor(readonly reason: string) {
    super(`the catalog's lease is lost: ${reason}`);
    this.name = 'LeaseLostError';
  }
}
