import { dirname } from 'node:path';
import { makeFolder } from '../../config/folders.js';
import type { Telemetry } from '../../telemetry/index.js';
import { claim, describe, type Claim } from './claim.js';
import { LeaseClock } from './clock.js';
import { LeaseHeldError, LeaseLostError } from './errors.js';
import { canonical, copyCatalog, currentFile, epochFile, linkTo, removeFormer } from './files.js';
import { fileLock } from './file-lock.js';
import { holderState } from './holder.js';
import { leaseMetrics } from './metrics.js';
import { LeaseFiles, type LeaseRecord } from './record.js';
import { Renewer } from './renewer.js';

export { LeaseHeldError, LeaseLostError } from './errors.js';

export interface CatalogOwnership {
  readonly epoch: number;
  readonly holder: string;
  /**
   * The catalog file to open: the one asked for, or `<file>.e<epoch>` after a takeover. Open no other name of
   * it: DuckDB finds the log by the name that it opened.
   */
  readonly file: string;
  /** True while this process's own lease holds by the monotonic clock, with the margin. */
  valid(): boolean;
  /** The same, and no newer epoch has begun by now: settles whether what was just done is believed. */
  confirm(): boolean;
  /** Called once when the lease is lost (a newer epoch was seen, or it could not be renewed in time). */
  onLost(listener: (reason: string) => void): void;
  /** Clean end: the file is checkpointed and closed by then; releases so that the next needs no copy. */
  release(): Promise<void>;
  /** End without a release, for a file that could not be closed: it stays this process's until that ends. */
  abandon(): Promise<void>;
}

export interface TakeOptions {
  /** Time after which a lease that is not renewed has run out; renewed at a third of it. Default 15. */
  readonly leaseSecs?: number;
  /** How long to wait for a holder that plainly runs; default 0. One that may be dead is always waited for. */
  readonly waitMs?: number;
  /** Takes the catalog over although a process holds its file lock, once its lease has run out. */
  readonly ignoreFileLock?: boolean;
  readonly telemetry?: Telemetry;
  /** While waiting, twice a second: why. */
  readonly onWait?: (reason: string) => void;
  readonly signal?: AbortSignal;
}

export interface LeaseState {
  readonly holder: string;
  readonly host: string;
  readonly pid: number;
  readonly epoch: number;
  /** ISO 8601, by the holder's wall clock. */
  readonly renewedAt: string;
  readonly expiresAt: string;
  readonly released: boolean;
  /** The catalog file in use, absolute. */
  readonly file: string;
  /** Whether the holder's process runs, where that can be told. */
  readonly process: 'alive' | 'dead' | 'unknown';
}

/** Catalogs that this process owns: its own file locks don't stop itself. */
const owned = new Set<string>();

/**
 * Makes this process the one owner of a local catalog file (which needn't exist yet), before DuckDB opens it.
 * Throws LeaseHeldError when another owns it, LeaseLostError when another took it meanwhile.
 */
export async function takeCatalog(file: string, options: TakeOptions = {}): Promise<CatalogOwnership> {
  await makeFolder(dirname(file));
  const catalog = canonical(file);
  await makeFolder(dirname(catalog));
  const files = new LeaseFiles(catalog);
  if (owned.has(catalog)) {
    throw new LeaseHeldError(catalog, files.current()?.record ?? null, 'this process has it open already');
  }
  owned.add(catalog);
  try {
    return await take(files, options);
  } catch (error) {
    owned.delete(catalog);
    throw error;
  }
}

async function take(files: LeaseFiles, options: TakeOptions): Promise<CatalogOwnership> {
  const log = options.telemetry?.log;
  const leaseMs = (options.leaseSecs ?? 15) * 1000;
  const clock = new LeaseClock(leaseMs);
  const claimed = await claim(files, clock, {
    leaseMs,
    waitMs: options.waitMs ?? 0,
    ignoreFileLock: options.ignoreFileLock ?? false,
    signal: options.signal,
    onWait: waiting(options),
  });
  clock.extend(claimed.begun, 0);
  const renewer = new Renewer(files.catalog, claimed.record, clock, (reason) =>
    log?.warn({ reason }, 'the catalog lease could not be renewed, will retry'),
  );
  try {
    const file = await fence(files, claimed, renewer, clock, options);
    await removeFormer(files, claimed.record.epoch, file).catch((error: unknown) => {
      log?.warn({ err: String(error) }, 'what a former holder of the catalog left could not be removed');
    });
    log?.info({ epoch: claimed.record.epoch, file }, 'took the catalog');
    const ownership = new Ownership(files, claimed.record, file, clock, renewer);
    if (options.telemetry) leaseMetrics(options.telemetry.registry, ownership);
    return ownership;
  } catch (error) {
    await renewer.stop();
    throw error;
  }
}

/** Gives the file that is this epoch's own: the former holder can reach neither it nor its log. */
async function fence(
  files: LeaseFiles,
  { record, source }: Claim,
  renewer: Renewer,
  clock: LeaseClock,
  { telemetry }: TakeOptions,
): Promise<string> {
  const { catalog } = files;
  if (record.state === 'held') {
    if (source !== catalog) linkTo(catalog, source);
    return source;
  }
  const target = epochFile(catalog, record.epoch);
  telemetry?.log.warn({ source, target }, 'the former holder may still run: taking a copy of the catalog');
  const existed = await copyCatalog(source, target);
  if (!clock.valid() || files.newest() > record.epoch) {
    throw new LeaseLostError(renewer.lost ?? 'another process took it during the takeover');
  }
  // A catalog that was never made needs no fence.
  if (existed) linkTo(catalog, target);
  const file = existed ? target : source;
  await renewer.write({ state: 'held', file: file.slice(files.folder.length + 1) });
  return file;
}

class Ownership implements CatalogOwnership {
  readonly epoch: number;
  readonly holder: string;
  #ended = false;

  constructor(
    private readonly files: LeaseFiles,
    private readonly record: LeaseRecord,
    readonly file: string,
    private readonly clock: LeaseClock,
    private readonly renewer: Renewer,
  ) {
    this.epoch = record.epoch;
    this.holder = record.holder;
  }

  valid(): boolean {
    return !this.#ended && this.clock.valid();
  }

  confirm(): boolean {
    if (!this.valid()) return false;
    // Not by the clock alone: it stands still while a virtual machine does. A newer holder makes its lease
    // before it copies, so what was durable before this look is in the copy.
    const newest = this.files.newest();
    if (newest !== this.epoch) {
      const reason =
        newest > this.epoch ? `epoch ${newest} was taken by another process` : 'its file was removed';
      this.renewer.lose(reason);
      return false;
    }
    return this.valid();
  }

  onLost(listener: (reason: string) => void): void {
    this.renewer.onLost(listener);
  }

  renewals(): number {
    return this.clock.renewals;
  }

  async release(): Promise<void> {
    if (this.#ended) return;
    const mine = this.confirm();
    await this.abandon();
    owned.delete(this.files.catalog);
    if (!mine) return;
    const now = new Date().toISOString();
    const file = this.file.slice(this.files.folder.length + 1);
    this.files.replace({ ...this.record, file, state: 'released', renewedAt: now, expiresAt: now });
  }

  async abandon(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.renewer.stop();
  }
}

/** The newest lease of a catalog, for status; null when nobody has had one. */
export function readLease(file: string): Promise<LeaseState | null> {
  return Promise.resolve().then(() => {
    const files = new LeaseFiles(canonical(file));
    const record = files.current()?.record;
    if (!record) return null;
    const { holder, host, pid, epoch, renewedAt, expiresAt, state } = record;
    return {
      ...{ holder, host, pid, epoch, renewedAt, expiresAt },
      released: state === 'released',
      file: currentFile(files.catalog, record),
      process: holderState(record),
    };
  });
}

/**
 * The catalog file to open for reading only. Throws LeaseHeldError while a holder has it: its file may change
 * at any moment, and not every file system keeps a reader out. Waits to see whether a holder of another host renews.
 */
export async function catalogFileForReading(file: string, options: TakeOptions = {}): Promise<string> {
  const files = new LeaseFiles(canonical(file));
  const wait = waiting(options);
  let first: string | null = null;
  for (const began = performance.now(); ;) {
    options.signal?.throwIfAborted();
    const seen = files.current();
    const record = seen?.record ?? null;
    const current = currentFile(files.catalog, record);
    if (seen === null || record?.state === 'released') return current;
    const state = record === null ? 'unknown' : holderState(record);
    if (state === 'dead') return current;
    first ??= seen.content;
    const renewed = seen.content !== first;
    if (renewed || (state === 'alive' && (owned.has(files.catalog) || (await fileLock(current)) !== null))) {
      throw new LeaseHeldError(files.catalog, record, describe(seen));
    }
    if (performance.now() - began >= (record?.leaseMs ?? 15_000)) return current;
    wait(describe(seen));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Logs the first reason and each new one, and passes all on. */
function waiting({ telemetry, onWait }: TakeOptions): (reason: string) => void {
  let last = '';
  return (reason) => {
    const subject = reason.replace(/, renewed.*$/, '');
    if (subject !== last) telemetry?.log.warn({ reason }, 'waiting for the catalog');
    last = subject;
    onWait?.(reason);
  };
}
