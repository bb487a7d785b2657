import { uptime } from 'node:os';

/** Part of the lease that is given away, so that an answer has left before the next holder may begin. */
const marginShare = 0.2;

/**
 * Until when a lease holds, shared by the thread that renews it and those that ask. Two clocks must both agree:
 * the monotonic one, which stands still while the machine sleeps, and the time since boot, which doesn't.
 */
export class LeaseClock {
  readonly #until: Float64Array;

  constructor(
    private readonly leaseMs: number,
    readonly shared = new SharedArrayBuffer(4 * Float64Array.BYTES_PER_ELEMENT),
  ) {
    this.#until = new Float64Array(shared);
  }

  now(): ClockReading {
    return { monotonicMs: Number(process.hrtime.bigint()) / 1e6, uptimeMs: uptime() * 1000 };
  }

  /** The lease was renewed by a write that began at `begun`. */
  extend(begun: ClockReading, renewals: number): void {
    const lasting = this.leaseMs * (1 - marginShare);
    this.#until[0] = begun.monotonicMs + lasting;
    this.#until[1] = begun.uptimeMs + lasting;
    this.#until[2] = renewals;
  }

  /** For ever: later calls of `extend` don't bring it back. */
  end(): void {
    this.#until[3] = 1;
  }

  valid(): boolean {
    const { monotonicMs, uptimeMs } = this.now();
    const [monotonicUntil = 0, uptimeUntil = 0, , ended = 0] = this.#until;
    return ended === 0 && monotonicMs < monotonicUntil && uptimeMs < uptimeUntil;
  }

  get renewals(): number {
    return this.#until[2] ?? 0;
  }
}

export interface ClockReading {
  readonly monotonicMs: number;
  readonly uptimeMs: number;
}
