import { evaluationError } from './context.js';

/** Faults found series by series, of which the one of the first step is told, as where steps are evaluated in turn. */
export class StepFaults {
  #first: { step: number; rank: number; message: string } | undefined;

  /** `rank`: of faults at one step the lowest is found first. */
  add(step: number, rank: number, message: () => string): void {
    const known = this.#first;
    if (known && (known.step < step || (known.step === step && known.rank <= rank))) return;
    this.#first = { step, rank, message: message() };
  }

  /** Throws QueryError. */
  refuse(): void {
    if (this.#first) throw evaluationError(this.#first.message);
  }
}
