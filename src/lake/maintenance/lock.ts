/** Held by the one node that runs maintenance. */
export interface MaintenanceLease {
  /**
   * Aborts when the lock is lost (its session or its holder's lease ended), with the reason. Another node may run
   * then; DuckLake's transactions keep two runs from doing harm, but one of them would work in vain.
   */
  readonly lost: AbortSignal;
  /** Gives the lock to others. Never rejects: a lock that can't be released ends by itself. */
  release(): Promise<void>;
}

/** Lets one node of all that share a lake run maintenance at a time. */
export interface MaintenanceLock {
  /** Null when another node holds the lock; rejects when the catalog can't tell. Bounded; does not wait. */
  tryAcquire(): Promise<MaintenanceLease | null>;
}

/** For a catalog that one process owns: LakeMaintenance runs one task at a time by itself. */
export const ownCatalogLock: MaintenanceLock = {
  tryAcquire: () => Promise.resolve({ lost: new AbortController().signal, release: () => Promise.resolve() }),
};
