import { constants } from 'node:fs';
import { access, readdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makeFolder } from '../config/folders.js';
import type { Faults } from '../faults/index.js';
import { signals, type Signal } from '../schema/index.js';
import type { Telemetry } from '../telemetry/index.js';
import { Attempts } from './attempts.js';
import { DamageKeeper } from './damage.js';
import { KeepFolder } from './keep.js';
import { lockFolder } from './lock.js';
import { spoolMetrics } from './metrics.js';
import { nodeIdOf } from './node-id.js';
import { streamSeed } from './record.js';
import { recoverSegments } from './recover.js';
import { syncPath } from '../durable/index.js';
import { SetAside } from './set-aside.js';
import { SegmentedStream } from './stream.js';
import { SpoolOpenError, type Spool } from './types.js';
import { SegmentWriter } from './writer.js';

export { beginRun } from './run-id.js';

export { afterDeath, type Attempt, type Attempts, type Suspect } from './attempts.js';
export {
  isSetAsideName,
  listSetAside,
  readSetAside,
  type SetAside,
  type SetAsideRecord,
} from './set-aside.js';
export { giveBack, type GivenBack } from './give-back.js';
export * from './types.js';

export interface SpoolOptions {
  /** `<dir>/node-id`, `<dir>/lock`, `<dir>/<signal>/`, `<dir>/damaged/`, `<dir>/poison/`. */
  readonly dir: string;
  /** For each signal. */
  readonly capacityBytes: number;
  /** Size at which a segment is rotated; an eighth of the capacity at most, so that release frees in steps. */
  readonly segmentBytes: number;
  readonly groupCommitMs: number;
  readonly telemetry: Telemetry;
  readonly faults?: Faults;
  /** How long a disk may take for one group before appends are refused; default 15 s. */
  readonly stallMs?: number;
  /** Of poison/: beyond it nothing is set aside any more; default 1 GiB. */
  readonly setAsideBytes?: number;
  /** Of damaged/: beyond it the oldest goes; default 1 GiB. */
  readonly damagedBytes?: number;
}

/** Opens or creates the spool and recovers what a crash left. Rejects with SpoolOpenError, which names the folder. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { dir } = options;
  await prepareFolders(dir);
  const lock = await lockFolder(dir);
  try {
    return await openLocked(options, lock.release.bind(lock));
  } catch (error) {
    lock.release();
    if (error instanceof SpoolOpenError) throw error;
    throw openError(dir, error);
  }
}

async function openLocked(options: SpoolOptions, unlock: () => void): Promise<Spool> {
  const { dir, telemetry } = options;
  await removeTemporary(dir);
  const nodeId = await nodeIdOf(
    dir,
    signals.map((signal) => join(dir, signal)),
  );
  const streams = new Map<Signal, SegmentedStream>();
  const metrics = spoolMetrics(telemetry.registry, streams);
  const damagedFolder = new KeepFolder({
    folder: join(dir, 'damaged'),
    maxBytes: options.damagedBytes ?? 1024 ** 3,
    onRemoved(file) {
      metrics.keptRemoved.inc({ folder: 'damaged' });
      telemetry.log.warn({ file }, 'the oldest damaged stretch is removed to stay within the bound');
    },
  });
  const poison = join(dir, 'poison');
  const kept = new KeepFolder({ folder: poison, maxBytes: options.setAsideBytes ?? 1024 ** 3 });
  const setAside = await SetAside.open(poison, kept, telemetry.registry);
  const attempts = await Attempts.open(dir, telemetry.log, telemetry.registry);
  const rotateBytes = Math.min(options.segmentBytes, Math.ceil(options.capacityBytes / 8));
  for (const signal of signals) {
    const folder = join(dir, signal);
    const id = `${nodeId}/${signal}`;
    const seed = streamSeed(id);
    const damage = new DamageKeeper(signal, damagedFolder, metrics, telemetry.log);
    const segments = await recoverSegments({ folder, streamId: id, seed, damage });
    const writer = new SegmentWriter({
      folder,
      streamId: id,
      signal,
      rotateBytes,
      segments,
      metrics,
      faults: options.faults,
    });
    const stream = new SegmentedStream({
      id,
      signal,
      seed,
      capacityBytes: options.capacityBytes,
      rotateBytes,
      groupCommitMs: options.groupCommitMs,
      stallMs: options.stallMs ?? 15_000,
      segments,
      writer,
      damage,
      setAside,
      metrics,
      log: telemetry.log,
      faults: options.faults,
    });
    streams.set(signal, stream);
  }
  let closed: Promise<void> | undefined;
  return {
    nodeId,
    attempts,
    setAside,
    stream(signal) {
      const stream = streams.get(signal);
      if (!stream) throw new Error(`no spool stream for ${String(signal)}`);
      return stream;
    },
    close() {
      closed ??= Promise.all([...streams.values()].map((stream) => stream.close()))
        .then(() => attempts.close())
        .then(unlock);
      return closed;
    },
  };
}

async function prepareFolders(dir: string): Promise<void> {
  try {
    await access(await nearestExisting(dir), constants.W_OK | constants.X_OK);
    for (const name of [...signals, 'damaged', 'poison']) await makeFolder(join(dir, name));
    // Asks the kernel instead of writing, so that a full disk can still be opened and drained.
    for (const name of ['', ...signals])
      await access(join(dir, name), constants.R_OK | constants.W_OK | constants.X_OK);
    await syncPath(dir);
  } catch (error) {
    throw openError(dir, error);
  }
}

/** Node's recursive mkdir says "no such file" on a read-only file system, so the folder above is asked first. */
async function nearestExisting(path: string): Promise<string> {
  for (let at = resolve(path); ; at = dirname(at)) {
    if (at === dirname(at)) return at;
    const missing = await access(at).then(
      () => false,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return true;
        throw error;
      },
    );
    if (!missing) return at;
  }
}

async function removeTemporary(dir: string): Promise<void> {
  for (const folder of [dir, join(dir, 'damaged'), join(dir, 'poison')]) {
    for (const name of await readdir(folder)) {
      if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
    }
  }
}

const reasons: Readonly<Record<string, string>> = {
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied: the server needs to read and write it',
  EPERM: 'permission denied: the server needs to read and write it',
  ENOSPC: 'no space left on the disk',
  ENOTDIR: 'a part of the path is a file',
};

function openError(dir: string, error: unknown): SpoolOpenError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new SpoolOpenError(`the spool folder ${dir} can't be used: ${reasons[code] ?? message}`, {
    cause: error,
  });
}
