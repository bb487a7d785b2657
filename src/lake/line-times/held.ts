import { Gauge, type Telemetry } from '../../telemetry/index.js';
import { heldBytes, type SharedTimes } from './unit.js';

/** What was used within this time gives no room: more than fits would be read again by each question. */
const restMs = 600_000;

export interface Held {
  readonly id: string;
  /** Null: it could not be read, or had no room. */
  readonly unit: SharedTimes | null;
  readonly bytes: number;
  usedAt: number;
}

/** Times in memory, those that were of use last kept longest. */
export class HeldTimes {
  /** The one used last is at the end. */
  readonly #held = new Map<string, Held>();
  #bytes = 0;

  constructor(
    /** Units are counted with those that could not be kept. */
    private readonly most: { readonly bytes: number; readonly units: number },
    telemetry: Telemetry,
    gauge: { readonly name: string; readonly help: string },
  ) {
    const bytes = () => this.#bytes;
    new Gauge({
      ...gauge,
      registers: [telemetry.registry],
      collect() {
        this.set(bytes());
      },
    });
  }

  /** Undefined for what is to be read: what could not be kept is tried again after a while. */
  get(id: string): Held | undefined {
    const held = this.#held.get(id);
    return held?.unit === null && Date.now() - held.usedAt > restMs ? undefined : held;
  }

  /** False where there is no room for it, which is remembered. */
  put(id: string, unit: SharedTimes | null): boolean {
    const size = unit === null ? 0 : heldBytes(unit);
    const fits = unit !== null && this.makeRoom(size);
    this.#delete(id);
    const bytes = fits ? size : 0;
    this.#held.set(id, { id, unit: fits ? unit : null, bytes, usedAt: Date.now() });
    this.#bytes += bytes;
    return fits;
  }

  /** Only what an answer was made of stays for having been asked for. */
  used(held: Held): void {
    held.usedAt = Date.now();
    this.#held.delete(held.id);
    this.#held.set(held.id, held);
  }

  makeRoom(bytes: number): boolean {
    const fits = () => this.#bytes + bytes <= this.most.bytes && this.#held.size < this.most.units;
    for (const [oldest, held] of this.#held) {
      if (fits() || Date.now() - held.usedAt < restMs) break;
      this.#delete(oldest);
    }
    return fits();
  }

  clear(): void {
    this.#held.clear();
    this.#bytes = 0;
  }

  #delete(id: string): void {
    this.#bytes -= this.#held.get(id)?.bytes ?? 0;
    this.#held.delete(id);
  }
}
