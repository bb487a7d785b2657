import type { Signal } from '../schema/index.js';
import type { Logger } from '../telemetry/index.js';
import type { Transport } from './metrics.js';

/** What is told apart. */
export interface RejectionKind {
  readonly signal: Signal;
  readonly reason: string;
  /** `service.name` of the records; absent when a whole request is meant. */
  readonly service?: string;
}

interface Held {
  requests: number;
  records: number;
  example: string;
}

/**
 * Warns of what is not stored: of each kind the first at once, the others together once in a while, since clients
 * mostly show nothing of a partial success.
 */
export class RejectionLog {
  readonly #held = new Map<string, Held>();

  constructor(
    private readonly log: Pick<Logger, 'warn'>,
    private readonly transport: Transport,
    private readonly everyMs = 60_000,
    /** Kinds told apart at a time; services beyond it are one. */
    private readonly mostKinds = 200,
  ) {}

  /** `records` of one request, 0 when the whole of it is meant. `example` is what is wrong, for people. */
  note(kind: RejectionKind, records: number, example: string): void {
    const exact = keyOf(kind);
    const full = this.#held.size >= this.mostKinds && !this.#held.has(exact);
    const told: RejectionKind = full && kind.service !== undefined ? { ...kind, service: '(others)' } : kind;
    const key = full ? keyOf(told) : exact;
    const held = this.#held.get(key);
    if (held) {
      held.requests++;
      held.records += records;
      held.example = example;
      return;
    }
    this.#held.set(key, { requests: 0, records: 0, example });
    this.#write(told, { requests: 1, records, example });
    this.#later(key, told);
  }

  #later(key: string, kind: RejectionKind): void {
    setTimeout(() => {
      const held = this.#held.get(key);
      this.#held.delete(key);
      if (!held || held.requests === 0) return;
      this.#write(kind, held);
      this.#held.set(key, { requests: 0, records: 0, example: '' });
      this.#later(key, kind);
    }, this.everyMs).unref();
  }

  #write(kind: RejectionKind, { requests, records, example }: Held): void {
    const what = records > 0 ? 'records are rejected and not stored' : 'a request is not stored as it is';
    this.log.warn(
      { ...kind, transport: this.transport, requests, ...(records > 0 && { records }), example },
      what,
    );
  }
}

function keyOf({ signal, reason, service }: RejectionKind): string {
  return `${signal} ${reason} ${service ?? '\n'}`;
}
