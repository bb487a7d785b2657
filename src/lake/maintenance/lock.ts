import { LakeError, firstLine } from '../../duckdb/index.js';
import type { Logger } from '../../telemetry/index.js';

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

const renewMs = 10_000;

/**
 * A lock that was just taken and must be renewed to last. When `renew` rejects, it is lost: that is logged, and told as
 * `lost`. `end` gives it back, when no renewal runs any more.
 */
export function renewed(
  log: Logger,
  lostMessage: string,
  renew: () => Promise<void>,
  end: () => Promise<void>,
): MaintenanceLease {
  const lost = new AbortController();
  let ended = false;
  let renewal: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    renewal = renewal
      .then(async () => {
        if (!ended && !lost.signal.aborted) await renew();
      })
      .catch((error: unknown) => {
        if (ended || lost.signal.aborted) return;
        log.warn({ err: firstLine(error) }, 'the maintenance lock is lost');
        lost.abort(new LakeError('unavailable', lostMessage));
      });
  }, renewMs);
  timer.unref();
  return {
    lost: lost.signal,
    async release() {
      ended = true;
      clearInterval(timer);
      await renewal;
      await end();
    },
  };
}
