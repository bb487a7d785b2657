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
