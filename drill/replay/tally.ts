/** What clients saw, phase by phase. */
export interface PhaseTally {
  readonly name: string;
  readonly sends: Map<string, number>;
  readonly queries: Map<string, number>;
  /** Longest time between two acknowledged writes, milliseconds. */
  longestUnacknowledged: number;
  /** Longest time between two answered queries, milliseconds. */
  longestUnanswered: number;
}

export class Tally {
  readonly phases: PhaseTally[] = [];
  #lastAck: number | null = null;
  #lastAnswer: number | null = null;

  begin(name: string): PhaseTally {
    const phase = {
      name,
      sends: new Map(),
      queries: new Map(),
      longestUnacknowledged: 0,
      longestUnanswered: 0,
    };
    this.phases.push(phase);
    return phase;
  }

  sent(outcome: string): void {
    const { phase } = this;
    count(phase.sends, outcome);
    if (outcome !== '200') return;
    const now = performance.now();
    phase.longestUnacknowledged = Math.max(phase.longestUnacknowledged, now - (this.#lastAck ?? now));
    this.#lastAck = now;
  }

  asked(outcome: string): void {
    const { phase } = this;
    count(phase.queries, outcome);
    if (outcome !== '200') return;
    const now = performance.now();
    phase.longestUnanswered = Math.max(phase.longestUnanswered, now - (this.#lastAnswer ?? now));
    this.#lastAnswer = now;
  }

  get phase(): PhaseTally {
    return this.phases.at(-1) ?? this.begin('start');
  }
}

function count(counts: Map<string, number>, outcome: string): void {
  counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
}

export function showCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([outcome, n]) => `${outcome}: ${n}`)
    .join(', ');
}

/** What a failed `fetch` means: the connection was refused (nothing was sent), cut, or there was no answer in time. */
export function failureOf(error: unknown): 'refused' | 'cut' | 'no answer' | 'no route' {
  const { name, cause } = error as { name?: string; cause?: { code?: string } };
  if (name === 'TimeoutError' || cause?.code === 'UND_ERR_CONNECT_TIMEOUT') return 'no answer';
  if (cause?.code === 'ECONNREFUSED') return 'refused';
  return cause?.code === 'EHOSTUNREACH' ? 'no route' : 'cut';
}
