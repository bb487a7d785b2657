interface Held<T> {
  readonly value: T;
  readonly weight: number;
}

/** What data files, which never change, have for questions that are asked again and again. What was of use last is kept longest. */
export class KeptByFile<T> {
  /** The question asked last is at the end, as are the files that it was last asked of. */
  readonly #questions = new Map<string, Map<string, Held<T>>>();
  #weight = 0;

  constructor(
    /** Of all questions together. */
    private readonly most: { readonly questions: number; readonly weight: number },
    private readonly weightOf: (value: T) => number,
  ) {}

  /** Of those of the files that it is known of. */
  of(question: string, paths: readonly string[]): Map<string, T> {
    const files = this.#questions.get(question);
    const found = new Map<string, T>();
    for (const path of paths) {
      const held = files?.get(path);
      if (held) found.set(path, held.value);
    }
    return found;
  }

  /** What was of use for the question now. Others of its files stay, as the next window may be wider. */
  keep(question: string, values: ReadonlyMap<string, T>): void {
    const files = this.#questions.get(question) ?? new Map<string, Held<T>>();
    this.#questions.delete(question);
    this.#questions.set(question, files);
    for (const [path, value] of values) {
      const before = files.get(path);
      const held = before?.value === value ? before : { value, weight: this.weightOf(value) };
      this.#weight += held.weight - (before?.weight ?? 0);
      files.delete(path);
      files.set(path, held);
    }
    this.#bound();
  }

  #bound(): void {
    const fits = () => this.#questions.size <= this.most.questions && this.#weight <= this.most.weight;
    for (const [question, files] of this.#questions) {
      for (const [path, { weight }] of files) {
        if (fits()) return;
        files.delete(path);
        this.#weight -= weight;
      }
      if (fits()) return;
      this.#questions.delete(question);
    }
  }
}
