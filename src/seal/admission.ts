import type { IntakeResult } from './types.js';

export type Refusal = Extract<IntakeResult, { kind: 'refused' }>;

/** How fast sealing goes, to project when a record accepted now becomes visible. */
export class FreshnessProjection {
  /** Spool bytes per second of sealing time; null until the first commit large enough to tell. */
  #bytesPerSecond: number | null = null;
  #lastCommitSeconds = 0;

  constructor(private readonly sealIntervalSeconds: number) {}

  /** Small commits are all fixed cost and would make the rate look far too low. */
  observe(spoolBytes: number, seconds: number): void {
    this.#lastCommitSeconds = seconds;
    if (spoolBytes < 256 * 1024 || seconds <= 0) return;
    const rate = spoolBytes / seconds;
    this.#bytesPerSecond = this.#bytesPerSecond === null ? rate : this.#bytesPerSecond * 0.7 + rate * 0.3;
  }

  /** Seconds until a record acknowledged now is visible, with `backlogBytes` before it. */
  project(backlogBytes: number): number {
    const sealing =
      this.#bytesPerSecond === null ? this.#lastCommitSeconds : backlogBytes / this.#bytesPerSecond;
    return this.sealIntervalSeconds + sealing;
  }
}

export interface AdmissionInputs {
  readonly closing: boolean;
  /** Another process commits under this node's id: what is taken now would stay in this spool. */
  readonly fenced: boolean;
  readonly projectedSeconds: number;
  readonly slaSeconds: number;
  /** The lake cannot be written at the moment; the spool absorbs that until its capacity. */
  readonly lakeAway: boolean;
  readonly rssBytes: number;
  readonly memoryCapBytes: number;
}

/** The checks made before a payload is decoded; the spool and the decode queue have checks of their own. */
export function admit(inputs: AdmissionInputs): Refusal | null {
  if (inputs.fenced) {
    return {
      kind: 'refused',
      reason: 'dependency_unhealthy',
      message: 'another server writes under the id of this node',
      retryAfterSeconds: 30,
    };
  }
  if (inputs.closing) {
    return {
      kind: 'refused',
      reason: 'shutting_down',
      message: 'this node is draining',
      retryAfterSeconds: 5,
    };
  }
  if (!inputs.lakeAway && inputs.projectedSeconds > inputs.slaSeconds) {
    const projected = inputs.projectedSeconds.toFixed(1);
    return {
      kind: 'refused',
      reason: 'freshness_budget_exceeded',
      message: `records accepted now would be visible in ${projected} s, over the budget of ${inputs.slaSeconds} s`,
      retryAfterSeconds: Math.min(30, Math.max(1, Math.ceil(inputs.projectedSeconds - inputs.slaSeconds))),
    };
  }
  if (inputs.rssBytes > inputs.memoryCapBytes) {
    return {
      kind: 'refused',
      reason: 'queue_full',
      message: `resident memory is ${inputs.rssBytes} bytes, over the cap of ${inputs.memoryCapBytes}`,
      retryAfterSeconds: 2,
    };
  }
  return null;
}
