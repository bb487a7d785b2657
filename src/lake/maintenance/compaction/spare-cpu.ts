/** What a process has used since some time in the past. */
export interface CpuTimes {
  /** Of all threads, milliseconds. */
  readonly cpuMs: number;
  readonly clockMs: number;
}

/** A process that keeps more of the machine's cores busy than this part is short of CPU. */
const shortFrom = 0.25;
/** A shorter time tells too little. */
const leastMs = 1000;

/** Whether a process that took so much in a time kept the machine busy; null where the time is too short. */
export function isBusy({ cpuMs, clockMs }: CpuTimes, cores: number): boolean | null {
  if (clockMs < leastMs) return null;
  return cpuMs > clockMs * cores * shortFrom;
}

/** Tells by what the process takes beside compaction whether it has CPU to spare for it. */
export class SpareCpu {
  /** When compaction last ended; null while it works. */
  #since: CpuTimes | null;
  /** Taken beside compaction since it was last judged. */
  #taken: CpuTimes = { cpuMs: 0, clockMs: 0 };
  #isShort = false;

  constructor(
    /** That the process may use, of a container's quota too. */
    private readonly cores: number,
    private readonly read: () => CpuTimes = ofThisProcess,
  ) {
    this.#since = read();
  }

  /** Work of compaction begins, or ends: what is used in it does not count. */
  worked(when: 'begins' | 'ends'): void {
    this.#count();
    this.#since = when === 'begins' ? null : this.read();
  }

  isShort(): boolean {
    this.#count();
    const judged = isBusy(this.#taken, this.cores);
    if (judged !== null) {
      this.#isShort = judged;
      this.#taken = { cpuMs: 0, clockMs: 0 };
    }
    return this.#isShort;
  }

  #count(): void {
    if (this.#since === null) return;
    const now = this.read();
    this.#taken = {
      cpuMs: this.#taken.cpuMs + now.cpuMs - this.#since.cpuMs,
      clockMs: this.#taken.clockMs + now.clockMs - this.#since.clockMs,
    };
    this.#since = now;
  }
}

function ofThisProcess(): CpuTimes {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1000, clockMs: performance.now() };
}
