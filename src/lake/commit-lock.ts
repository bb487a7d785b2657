/**
 * Lets the nodes of one lake commit one after the other. Without it they are safe but collide: DuckLake gives
 * snapshots consecutive ids, and all but one of those that commit at once must begin again.
 */
export interface CommitLock {
  /**
   * Waits for the lock, at most `waitMs`. Null when others held it all that time: a caller may then go on without it
   * (a node that hangs must not stop the others), or give up. Rejects when the catalog does not answer.
   */
  acquire(waitMs: number): Promise<HeldLock | null>;
}

export interface HeldLock {
  /** Never rejects: a lock that can't be given back ends with its session. */
  release(): Promise<void>;
}

/** For a catalog that one process owns: its writer takes commits one by one already. */
export const noCommitLock: CommitLock = {
  acquire: () => Promise.resolve({ release: () => Promise.resolve() }),
};
