import { lstatSync, readlinkSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { copyFile, open, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { syncIfThere, syncPathNow } from '../../durable/index.js';
import type { LeaseFiles, LeaseRecord } from './record.js';

/** What DuckDB keeps beside a database file: its log, and two more around a checkpoint. */
const companions = ['.wal', '.wal.checkpoint', '.wal.recovery'] as const;
/** DuckDB's main header and its two database headers; the newer one of these names the blocks in use. */
const headerBytes = 3 * 4096;
const copyAttempts = 5;

/** The name that the settings give, with the folder and the operator's own symbolic links resolved. */
export function canonical(file: string): string {
  let path = resolve(file);
  for (let hops = 0; hops < 40; hops++) {
    const folder = orUndefined(() => realpathSync(dirname(path))) ?? dirname(path);
    path = join(folder, basename(path));
    const target = linkTarget(path);
    if (target === undefined || isEpochName(basename(path), target)) return path;
    path = resolve(folder, target);
  }
  throw new Error(`${file} is a symbolic link that leads nowhere`);
}

/**
 * The catalog file in use: `catalog` itself, or the file that a takeover made. The lease tells; the symbolic
 * link in the place of `catalog` stands in for a lease that was removed. A plain file in its place was put
 * there after the takeover (by a restore, or by hand) and wins.
 */
export function currentFile(catalog: string, record: LeaseRecord | null): string {
  const named = record === null ? catalog : join(dirname(catalog), basename(record.file));
  const target = linkTarget(catalog);
  if (target === undefined) return exists(catalog) || !exists(named) ? catalog : named;
  if (named !== catalog && exists(named)) return named;
  return join(dirname(catalog), target);
}

export function epochFile(catalog: string, epoch: number): string {
  return `${catalog}.e${epoch}`;
}

/** The highest epoch that a catalog file is named after; 0 when none is. */
export function epochOfLink(catalog: string): number {
  return Number(/\.e(\d+)$/.exec(linkTarget(catalog) ?? '')?.[1] ?? 0);
}

/**
 * Copies the catalog with its log while a former holder may still have it open, and makes the copy durable.
 * False when there is no catalog yet. Throws when the source doesn't stand still.
 */
export async function copyCatalog(source: string, target: string): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    await removeCatalog(target);
    const before = await fingerprint(source);
    if (before === null) return false;
    await copyFile(source, target);
    for (const suffix of companions) await copyIfThere(`${source}${suffix}`, `${target}${suffix}`);
    // Blocks that the current header names are never overwritten, and the log only grows until the next header.
    if ((await fingerprint(source)) === before) break;
    if (attempt === copyAttempts) {
      throw new Error(`another process keeps writing to ${source}; end it, then start again`);
    }
  }
  for (const suffix of ['', ...companions]) await syncIfThere(`${target}${suffix}`);
  syncPathNow(dirname(target));
  return true;
}

/** Puts a symbolic link to `target` in the place of `catalog`, for people and other programs. */
export function linkTo(catalog: string, target: string): void {
  if (linkTarget(catalog) === basename(target)) return;
  const temporary = `${target}.link.tmp`;
  try {
    symlinkSync(basename(target), temporary);
    renameSync(temporary, catalog);
  } finally {
    rmSync(temporary, { force: true });
  }
  syncPathNow(dirname(catalog));
}

/** Removes what former epochs left: their leases, their catalog files but the one in use, unfinished writes. */
export async function removeFormer(files: LeaseFiles, epoch: number, inUse: string): Promise<void> {
  const { folder, catalog } = files;
  for (const former of files.epochs()) if (former < epoch) files.remove(former);
  const name = basename(catalog);
  const linked = linkTarget(catalog) !== undefined;
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(`${name}.`)) continue;
    const rest = entry.slice(name.length);
    const made = /^\.(?:lease\.|e)(\d+)(?:\.wal(?:\.\w+)?|\.[\w-]+\.tmp)?$/.exec(rest);
    const old = made !== null && Number(made[1]) < epoch && !isPartOf(entry, basename(inUse));
    // A log beside the link belongs to no database: DuckDB keeps one by the name it opened.
    const orphan = linked && companions.some((suffix) => rest === suffix);
    if (old || orphan) await rm(join(folder, entry), { force: true });
  }
}

async function removeCatalog(file: string): Promise<void> {
  for (const suffix of ['', ...companions]) await rm(`${file}${suffix}`, { force: true });
}

function isPartOf(entry: string, file: string): boolean {
  return entry === file || companions.some((suffix) => entry === `${file}${suffix}`);
}

function isEpochName(name: string, target: string): boolean {
  return target === basename(target) && target.startsWith(`${name}.e`) && /\.e\d+$/.test(target);
}

/** Where the symbolic link points; undefined when the path is none. */
function linkTarget(path: string): string | undefined {
  return orUndefined(() => readlinkSync(path));
}

function exists(path: string): boolean {
  return orUndefined(() => lstatSync(path)) !== undefined;
}

async function fingerprint(file: string): Promise<string | null> {
  const header = Buffer.alloc(headerBytes);
  try {
    const handle = await open(file, 'r');
    await handle.read(header, 0, headerBytes, 0).finally(() => handle.close());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const logs: string[] = [];
  for (const suffix of companions) {
    const found = await stat(`${file}${suffix}`).catch(ignoreMissing);
    logs.push(found ? [found.ino, found.size, found.mtimeMs].join() : 'none');
  }
  return [header.toString('base64'), ...logs].join(' ');
}

async function copyIfThere(from: string, to: string): Promise<void> {
  await copyFile(from, to).catch(ignoreMissing);
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
