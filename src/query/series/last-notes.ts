import type { NativeResult, NativeRules } from './operators.js';

type Note = NonNullable<NativeResult['note']>;

/** Of what is to be said of the pairs of each step the last, as Prometheus tells one remark a step and operation. */
export class LastNotes {
  readonly #last = new Map<number, { order: number; note: Note }>();

  constructor(private readonly rules: NativeRules) {}

  /** `order`: that of the pair among those of its step. */
  add(step: number, order: number, note: Note): void {
    const known = this.#last.get(step);
    if (!known || known.order <= order) this.#last.set(step, { order, note });
  }

  tell(): void {
    for (const { note } of this.#last.values()) this.rules.tell(note);
  }
}
