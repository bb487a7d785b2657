/** The pieces of an answer as the thread sends them, for one reader. */
export class AnswerPieces implements AsyncIterable<Uint8Array> {
  readonly #pieces: Uint8Array[] = [];
  #complete = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;
  #stalled: NodeJS.Timeout | null = null;

  constructor(
    /** Called for each piece that the reader took. */
    private readonly taken: () => void,
    /** Called when the reader stops early, or takes nothing for `stallMs`. */
    private readonly abandoned: () => void,
    private readonly stallMs: number,
  ) {}

  push(piece: Uint8Array, last: boolean): void {
    this.#pieces.push(piece);
    this.#complete = last;
    this.#watch();
    this.#changed();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#changed();
  }

  #changed(): void {
    this.#wake?.();
    this.#wake = null;
  }

  /** A reader that went away without a word must not keep the answer for ever. */
  #watch(): void {
    this.#stalled ??= setTimeout(() => {
      this.fail(new Error('the answer was not taken in time'));
      this.abandoned();
    }, this.stallMs).unref();
  }

  #unwatch(): void {
    if (this.#stalled) clearTimeout(this.#stalled);
    this.#stalled = null;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let finished = false;
    try {
      for (;;) {
        if (this.#failure) throw this.#failure;
        const piece = this.#pieces.shift();
        if (piece) {
          this.#unwatch();
          this.taken();
          if (this.#pieces.length > 0) this.#watch();
          finished = this.#complete && this.#pieces.length === 0;
          yield piece;
        }
        if (finished) return;
        if (this.#pieces.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#unwatch();
      if (!finished) this.abandoned();
    }
  }
}
