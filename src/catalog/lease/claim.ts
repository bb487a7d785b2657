import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClockReading, LeaseClock } from './clock.js';
import { LeaseHeldError } from './errors.js';
import { fileLock, lockIsReliable } from './file-lock.js';
import { currentFile, epochOfLink } from './files.js';
import { holderState, ownIdentity, sameBoot } from './holder.js';
import type { LeaseFiles, LeaseRecord, SeenLease } from './record.js';

export interface ClaimOptions {
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly ignoreFileLock: boolean;
  readonly onWait: (reason: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** An epoch that is ours. */
export interface Claim {
  readonly record: LeaseRecord;
  /** The catalog file of the former holder. */
  readonly source: string;
  /** When the lease's file began to be written. */
  readonly begun: ClockReading;
}

/**
 * Waits until the newest lease is released, or its holder is known to be dead, or it was not renewed for its
 * whole time by our own clock; then takes the next epoch. A holder that is not known to be dead is to be
 * fenced: the record is then `taking`, and `source` must be copied before it is used.
 */
export async function claim(files: LeaseFiles, clock: LeaseClock, options: ClaimOptions): Promise<Claim> {
  const started = performance.now();
  const watch = new Watch();
  for (;;) {
    options.signal?.throwIfAborted();
    const seen = files.current();
    const verdict = await judge(files, seen, watch, options);
    if (verdict.kind === 'free') {
      const claimed = attempt(files, clock, seen, verdict.inPlace, options);
      if (claimed !== null) return claimed;
      watch.reset();
      continue;
    }
    const waited = performance.now() - started;
    if (verdict.alive && waited >= options.waitMs) {
      throw new LeaseHeldError(files.catalog, seen?.record ?? null, verdict.reason);
    }
    options.onWait(verdict.reason);
    await sleep(Math.min(500, options.leaseMs / 10), undefined, { signal: options.signal });
    files.refresh();
  }
}

type Verdict =
  | { kind: 'free'; inPlace: boolean }
  | { kind: 'held'; reason: string; /** It does something. */ alive: boolean };

async function judge(
  files: LeaseFiles,
  seen: SeenLease | null,
  watch: Watch,
  options: ClaimOptions,
): Promise<Verdict> {
  if (seen === null || seen.record?.state === 'released') return { kind: 'free', inPlace: true };
  const { record } = seen;
  const ownFile = record?.state === 'held';
  const state = record === null ? 'unknown' : holderState(record);
  if (state === 'dead') return { kind: 'free', inPlace: ownFile };
  watch.look(seen);
  const reason = describe(seen);
  if (watch.changed) return { kind: 'held', reason, alive: true };

  const leaseMs = record?.leaseMs ?? options.leaseMs;
  const file = currentFile(files.catalog, record);
  // An unchanged lease of a process that has ended in another container of this machine: its kernel tells.
  if (ownFile && record !== null && sameBoot(record) && watch.unchangedMs >= leaseMs / 2) {
    if ((await lockIsReliable(file)) && (await fileLock(file)) === null)
      return { kind: 'free', inPlace: true };
  }
  const ended = watch.unchangedMs >= leaseMs;
  // Asked at first too, so that a holder which plainly runs is told at once.
  if (!ended && !(state === 'alive' && watch.first)) return { kind: 'held', reason, alive: false };
  if (options.ignoreFileLock) {
    return ended ? { kind: 'free', inPlace: false } : { kind: 'held', reason, alive: false };
  }
  const lock = await fileLock(file);
  if (lock !== null) {
    const holder = lock.by === null ? 'another process' : `process ${lock.by}`;
    return { kind: 'held', reason: `its lock is held by ${holder}; ${reason}`, alive: true };
  }
  return ended ? { kind: 'free', inPlace: false } : { kind: 'held', reason, alive: false };
}

/** Takes the next epoch; null when another was faster or the holder came back. */
function attempt(
  files: LeaseFiles,
  clock: LeaseClock,
  seen: SeenLease | null,
  inPlace: boolean,
  { leaseMs }: ClaimOptions,
): Claim | null {
  const epoch = (seen?.epoch ?? epochOfLink(files.catalog)) + 1;
  const source = currentFile(files.catalog, seen?.record ?? null);
  const begun = clock.now();
  const now = Date.now();
  const record: LeaseRecord = {
    holder: randomUUID(),
    ...ownIdentity(),
    epoch,
    state: inPlace ? 'held' : 'taking',
    file: source.slice(files.folder.length + 1),
    leaseMs,
    renewals: 0,
    renewedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + leaseMs).toISOString(),
  };
  if (!files.create(record)) return null;
  // The holder looks for a newer epoch after each renewal, and we at its lease after making ours: one sees the other.
  const cameBack = seen !== null && files.read(seen.epoch)?.content !== seen.content;
  if (files.newest() > epoch || cameBack) {
    files.remove(epoch);
    return null;
  }
  return { record, source, begun };
}

/** How long a lease has been seen unchanged, by the monotonic clock. */
class Watch {
  #content: string | null = null;
  #since = 0;
  #looks = 0;
  /** The last look found another content than the one before. */
  changed = false;

  look(seen: SeenLease): void {
    const key = `${seen.epoch} ${seen.content}`;
    this.changed = this.#content !== null && this.#content !== key;
    if (this.#content !== key) {
      this.#content = key;
      this.#since = performance.now();
    }
    this.#looks++;
  }

  reset(): void {
    this.#content = null;
    this.changed = false;
  }

  get first(): boolean {
    return this.#looks === 1;
  }

  get unchangedMs(): number {
    return performance.now() - this.#since;
  }
}

export function describe({ epoch, record }: SeenLease): string {
  if (record === null) return `lease ${epoch} is not readable`;
  const age = Math.max(0, Math.round((Date.now() - Date.parse(record.renewedAt)) / 1000));
  return `lease held by process ${record.pid} on ${record.host} (epoch ${epoch}, renewed ${age} s ago)`;
}
