import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A control group of its own below that of this process, in which the kernel ends what takes too much memory. */
export interface MemoryGroup {
  /** Puts a process into it. */
  add(pid: number): void;
  /** Processes that the kernel has ended. */
  readonly killed: number;
  /** Highest use since `resetPeak`, caches of files included. */
  readonly peakBytes: number;
  resetPeak(): void;
  /** Once its processes have ended. */
  close(): void;
}

interface Files {
  readonly limit: string;
  readonly peak: string;
  readonly events: string;
}

const versions: readonly { readonly line: RegExp; readonly root: string; readonly files: Files }[] = [
  {
    line: /^\d+:memory:(.*)$/m,
    root: '/sys/fs/cgroup/memory',
    files: {
      limit: 'memory.limit_in_bytes',
      peak: 'memory.max_usage_in_bytes',
      events: 'memory.oom_control',
    },
  },
  {
    line: /^0::(.*)$/m,
    root: '/sys/fs/cgroup',
    files: { limit: 'memory.max', peak: 'memory.peak', events: 'memory.events' },
  },
];

/** Null where control groups of memory can't be made: not on Linux, or without the right. */
export function memoryGroup(bytes: number): MemoryGroup | null {
  for (const { line, root, files } of versions) {
    const own = existsSync('/proc/self/cgroup') ? line.exec(readFileSync('/proc/self/cgroup', 'utf8')) : null;
    if (!own) continue;
    const folder = join(root, own[1] ?? '', `canardstack-${process.pid}`);
    try {
      mkdirSync(folder);
    } catch {
      continue;
    }
    try {
      writeFileSync(join(folder, files.limit), String(bytes));
      return new Group(folder, files);
    } catch {
      rmdirSync(folder);
    }
  }
  return null;
}

class Group implements MemoryGroup {
  constructor(
    private readonly folder: string,
    private readonly files: Files,
  ) {}

  add(pid: number): void {
    writeFileSync(join(this.folder, 'cgroup.procs'), String(pid));
  }

  get killed(): number {
    return Number(/^oom_kill (\d+)/m.exec(this.#read(this.files.events))?.[1] ?? 0);
  }

  get peakBytes(): number {
    return Number(this.#read(this.files.peak));
  }

  resetPeak(): void {
    writeFileSync(join(this.folder, this.files.peak), '0');
  }

  close(): void {
    rmdirSync(this.folder);
  }

  #read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8');
  }
}
