/**
 * Two mounts of one folder, each with locks of its own: two hosts on a network file system that lost its locks.
 * Needs Linux, root, /dev/fuse, and Go to build drill/fence/locklessfs (or the program itself by LOCKLESSFS).
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access, mkdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { temporaryFolder } from '../../test/support/server.js';

const run = promisify(execFile);
const program = process.env['LOCKLESSFS'] || join(process.cwd(), '.cache/bin/locklessfs');
const source = join(process.cwd(), 'drill/fence/locklessfs');
const buildMs = 300_000;
const mountMs = 20_000;

export interface TwoHosts {
  /** The folder itself, outside of both mounts. */
  readonly folder: string;
  /** The same folder as each host sees it. */
  readonly first: string;
  readonly second: string;
  /** The folder stays: its contents may be wanted after a failure. */
  unmount(): Promise<void>;
  /** Removes the folder, once unmounted. */
  remove(): Promise<void>;
}

/** Null when mounts can be made here, else why not. Builds the program when it is not there, or older than its source. */
export async function whyNoMounts(): Promise<string | null> {
  if (process.platform !== 'linux') return 'FUSE mounts of this drill need Linux';
  if (process.getuid?.() !== 0) return 'mounting needs root';
  try {
    await access('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return '/dev/fuse is not there: no FUSE in this kernel or container';
  }
  if (process.env['LOCKLESSFS'] || (await upToDate())) return null;
  try {
    await mkdir(join(program, '..'), { recursive: true });
    const env = { ...process.env, CGO_ENABLED: '0' };
    const made = `${program}.${process.pid}`;
    await run('go', ['build', '-o', made, '.'], { cwd: source, env, timeout: buildMs });
    // A mount may run from the old one.
    await rename(made, program);
    return null;
  } catch (error) {
    return `locklessfs can't be built: ${error instanceof Error ? error.message.split('\n')[0] : 'unknown error'}`;
  }
}

async function upToDate(): Promise<boolean> {
  try {
    const [built, written] = await Promise.all([stat(program), stat(join(source, 'main.go'))]);
    return built.mtimeMs >= written.mtimeMs;
  } catch {
    return false;
  }
}

/** A mount, until `unmount`. */
export interface Mount {
  readonly at: string;
  /** Unmounts and removes the mount point; nothing when that was done already. */
  unmount(): Promise<void>;
}

/** Mounts `folder` at the new folder `at`, for every user. */
export async function mountFolder(folder: string, at: string): Promise<Mount> {
  await mkdir(at, { recursive: true });
  const mounted = await mount(folder, at, 0);
  return {
    at,
    async unmount() {
      if (mounted.exitCode !== null || mounted.signalCode !== null) return;
      await end(mounted);
      await rmdir(at);
    },
  };
}

/** A new folder and two mounts of it. `cacheMs`: how long each keeps names and attributes without asking again. */
export async function mountTwice({ cacheMs = 0 } = {}): Promise<TwoHosts> {
  const base = await temporaryFolder();
  const [folder, first, second] = ['folder', 'first', 'second'].map((name) => join(base, name)) as [
    string,
    string,
    string,
  ];
  for (const each of [folder, first, second]) await mkdir(each);
  const mounted: ChildProcess[] = [];
  const unmount = async () => {
    for (const each of mounted) {
      if (each.exitCode === null && each.signalCode === null) await end(each);
    }
    // Nothing recursive: a mount that stayed would lose its contents.
    for (const each of [first, second]) await rmdir(each);
  };
  try {
    for (const each of [first, second]) mounted.push(await mount(folder, each, cacheMs));
  } catch (error) {
    await unmount();
    throw error;
  }
  return { folder, first, second, unmount, remove: () => rm(base, { recursive: true, force: true }) };
}

async function end(mounted: ChildProcess): Promise<void> {
  mounted.kill('SIGTERM');
  await once(mounted, 'exit', { signal: AbortSignal.timeout(mountMs) });
}

async function mount(folder: string, at: string, cacheMs: number): Promise<ChildProcess> {
  const child = spawn(program, ['-cache', `${cacheMs}ms`, folder, at], {
    // It unmounts when its input ends, so that no mount outlives a drill that was killed.
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${folder} could not be mounted`);
  });
  await Promise.race([once(child.stdout, 'data', { signal: AbortSignal.timeout(mountMs) }), ended]);
  ended.catch(() => undefined);
  return child;
}

/** Shows that DuckDB's lock is kept within one mount and lost between the two; throws when it is not so. */
export async function assertLocksAreLost(hosts: TwoHosts): Promise<string> {
  const name = 'locks.duckdb';
  const held = await DuckDBInstance.create(join(hosts.first, name));
  try {
    const within = await lockedOut(join(hosts.first, name));
    const between = await lockedOut(join(hosts.second, name));
    if (!within || between) {
      throw new Error(`the file lock keeps out within a mount: ${within}, between mounts: ${between}`);
    }
  } finally {
    held.closeSync();
    await rm(join(hosts.folder, name), { force: true });
  }
  return 'DuckDB’s file lock holds within each mount and is invisible on the other';
}

/** Asked in another process: locks do not keep out their own. */
async function lockedOut(file: string): Promise<boolean> {
  const open = `import('@duckdb/node-api').then(({ DuckDBInstance }) => DuckDBInstance.create(${JSON.stringify(file)}, { access_mode: 'READ_ONLY' })).then(() => process.exit(0), (e) => process.exit(/could not set lock/i.test(String(e)) ? 9 : 1))`;
  try {
    await run(process.execPath, ['-e', open], { cwd: process.cwd() });
    return false;
  } catch (error) {
    if ((error as { code?: number }).code === 9) return true;
    throw error;
  }
}
