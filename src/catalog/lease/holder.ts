import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import type { LeaseRecord } from './record.js';

/** What tells one process from every other, as far as the machine lets it be told. */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** Changes with every boot; null where the system has none. */
  readonly bootId: string | null;
  /** Process ids mean something only within one of these; containers have one each. */
  readonly pidNamespace: string | null;
  /** Clock ticks from boot to the start of the process: tells it from a later one with the same id. */
  readonly startTicks: string | null;
}

export function ownIdentity(): ProcessIdentity {
  return {
    host: hostname(),
    pid: process.pid,
    bootId: orNull(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: orNull(() => readlinkSync('/proc/self/ns/pid')),
    startTicks: startTicks(process.pid),
  };
}

/**
 * Whether the holder of a lease runs. `dead` is a proof, not a guess: the same boot, the same process-id
 * namespace, and no process of that id or one that started at another time. `unknown` otherwise: another
 * host, another container, a system without /proc.
 */
export function holderState(
  record: LeaseRecord,
  own: ProcessIdentity = ownIdentity(),
): 'dead' | 'alive' | 'unknown' {
  const comparable =
    own.bootId !== null &&
    own.pidNamespace !== null &&
    record.bootId === own.bootId &&
    record.pidNamespace === own.pidNamespace &&
    record.host === own.host;
  if (!comparable) return 'unknown';
  // Not by /proc alone: it may be mounted so that it hides the processes of other users.
  if (!processExists(record.pid)) return 'dead';
  const ticks = startTicks(record.pid);
  if (ticks === null || record.startTicks === null) return 'unknown';
  return ticks === record.startTicks ? 'alive' : 'dead';
}

/** The same kernel as ours, maybe in another container. */
export function sameBoot(record: LeaseRecord): boolean {
  return record.bootId !== null && record.bootId === ownIdentity().bootId;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function startTicks(pid: number): string | null {
  return orNull(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces; what follows starts with field 3.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  });
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
