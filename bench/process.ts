import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ticksPerSecond = 100;

/** User and system CPU seconds that a process and its threads have used so far (Linux). */
export function cpuSeconds(pid: number): number {
  return statSeconds(`/proc/${pid}/stat`);
}

/** Of its first thread alone, which runs Node's main event loop (Linux). */
export function mainThreadSeconds(pid: number): number {
  return statSeconds(`/proc/${pid}/task/${pid}/stat`);
}

function statSeconds(file: string): number {
  const stat = readFileSync(file, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function statusBytes(pid: number, key: string): number {
  const match = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

export const residentBytes = (pid: number): number => statusBytes(pid, 'VmRSS');
export const peakResidentBytes = (pid: number): number => statusBytes(pid, 'VmHWM');

export function folderBytes(folder: string, keep: (name: string) => boolean = () => true): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += folderBytes(path, keep);
    else if (keep(entry.name)) bytes += statSync(path).size;
  }
  return bytes;
}

/** CPU nanoseconds of each of a process's threads so far, by thread id (Linux). */
export type ThreadTimes = ReadonlyMap<string, number>;

export function threadTimes(pid: number): ThreadTimes {
  const times = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      times.set(thread, Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]));
    } catch {
      // It has ended meanwhile.
    }
  }
  return times;
}

/** CPU milliseconds since then: in finer steps than `cpuSeconds`, without threads that ended. */
export function millisecondsSince(pid: number, before: ThreadTimes): number {
  let sum = 0;
  for (const [thread, now] of threadTimes(pid)) sum += now - (before.get(thread) ?? 0);
  return sum / 1e6;
}
